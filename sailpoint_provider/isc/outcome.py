"""Decides from the task record and the status endpoint how an aggregation ended, and builds its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.isc.api.models import TaskStatus
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.results import (
    AccountCounts,
    AggregationResult,
    EntitlementCounts,
    IdentityCounts,
    ResultMessage,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sailpoint_provider.isc.api.models import AccountAggregationStatus
    from sailpoint_provider.isc.api.summaries import TaskSummary
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.results import RefreshPart

GOOD_STATES: frozenset[State] = frozenset({"succeeded", "succeeded_with_warnings"})
BAD_STATES: frozenset[State] = frozenset({"failed", "cancelled", "terminated"})
_ENDS_BY_STATUS: dict[str, State] = {"CANCELLED": "cancelled", "TERMINATED": "terminated"}
KNOWN_STATUSES = frozenset(
    {"STARTED", "ACCOUNTS_COLLECTED", "COMPLETED", "CANCELLED", "RETRIED", "TERMINATED", "NOT_FOUND"}
)


def decide(status: AccountAggregationStatus | None, task: TaskStatus | TaskSummary | None) -> State:
    """
    Return the state of an aggregation.

    The task record decides, because the status endpoint's COMPLETED can hide errors (ISC OpenAPI: "possibly
    with errors"). The status endpoint alone ends a run only with CANCELLED or TERMINATED.

    :param status: response of the status endpoint, None if it knows nothing.
    :param task: the task record, None if ISC has none.
    :returns: ``running`` until the end is certain.
    """
    reported = status.status if status is not None else None
    if task is None or task.completion_status is None:
        return _ENDS_BY_STATUS.get(reported or "", "running")
    completion = normalized_status(task.completion_status)
    if isinstance(task, TaskStatus) and task.refused_as_busy:
        # Nothing was loaded, and SailPoint does not say which status the record of such a start has.
        return "terminated" if completion == "TERMINATED" else "failed"
    if completion == "SUCCESS":
        has_errors = isinstance(task, TaskStatus) and task.has_errors
        return "succeeded_with_warnings" if has_errors else "succeeded"
    if completion == "WARNING":
        return "succeeded_with_warnings"
    if completion == "TERMINATED":
        return "cancelled" if reported == "CANCELLED" else "terminated"
    return "failed"


def is_terminated(task: TaskStatus) -> bool:
    """Return whether the record says TERMINATED, as it does for cancelled aggregations too."""
    return task.completion_status is not None and normalized_status(task.completion_status) == "TERMINATED"


def normalized_status(completion_status: str) -> str:
    """Normalize a completion status: ISC sends ``TEMP_ERROR``, ``TEMPERROR``, ``SUCCESS`` and ``Success``."""
    return completion_status.upper().replace("_", "").replace(" ", "")


def make_result(
    aggregation_id: str,
    status: AccountAggregationStatus | None = None,
    task: TaskStatus | None = None,
    *,
    kind: LoadKind = ACCOUNT_AGGREGATION,
) -> AggregationResult:
    """
    Build the result of a load; values that ISC did not give are None, as is the file.

    :param status: response of the status endpoint, None if it knows nothing.
    :param task: the task record, None if ISC has none.
    :param kind: the kind of load, which decides what the task record counts.
    """
    started = _first(status.start if status else None, *((task.launched, task.created) if task else ()))
    completed = task.completed if task else None
    counts = {name: task.count(attribute) for name, attribute in kind.counts.items()} if task else {}
    return AggregationResult(
        aggregation_id=aggregation_id,
        source_id=task.source_id if task else None,
        source_name=task.source_name if task else None,
        state=decide(status, task),
        status=status.status if status else None,
        completion_status=task.completion_status if task else None,
        started=_iso(started),
        completed=_iso(completed),
        duration_seconds=_seconds_between(started, completed),
        accounts=_accounts(status, counts if kind.counted == "accounts" else {}),
        entitlements=_entitlements(counts if kind.counted == "entitlements" else {}),
        identities=IdentityCounts(
            to_refresh=status.total_identities if status else None,
            refreshed=status.processed_identities if status else None,
        ),
        deletions_skipped=task.deletions_skipped if task else False,
        messages=_messages(task),
        file=None,
    )


def is_good_end(result: AggregationResult | RefreshPart, *, fail_on_warning: bool = False) -> bool:
    """Return whether a load has not failed; ``fail_on_warning`` counts warnings as a failure."""
    state = result["state"]
    return state not in BAD_STATES and not (fail_on_warning and state == "succeeded_with_warnings")


@dataclass(frozen=True)
class Progress:
    """
    Progress of an aggregation, for the log.

    :param state: status of the status endpoint, or ``running``, with the percentage where only that is known.
    :param processed: processed accounts, None if unknown.
    :param total: accounts to process, None if unknown.
    :param percent: 0 to 100 from the task record, None if unknown.
    """

    state: str
    processed: int | None = None
    total: int | None = None
    percent: int | None = None

    @property
    def share(self) -> float | None:
        """The share of the work that is done, 0 to 1; None if unknown."""
        if self.total and self.processed is not None:
            return min(1.0, self.processed / self.total)
        return None if self.percent is None else min(1.0, max(0.0, self.percent / 100))

    def line(self, elapsed: float) -> str:
        """
        Return one line: state, bar, numbers, percentage and elapsed time.

        :param elapsed: seconds since the wait began.
        """
        words = [self.state.ljust(18)]
        if self.total is not None and self.processed is not None:
            share = min(1.0, self.processed / self.total) if self.total > 0 else 1.0
            percent = min(100, 100 * self.processed // self.total) if self.total > 0 else 100
            filled = int(share * _BAR)
            bar = "█" * filled + "░" * (_BAR - filled)
            words.append(f"{bar} {self.processed:,}/{self.total:,} accounts {percent:3}%")
        hours, rest = divmod(int(elapsed), 3600)
        words.append(f"elapsed {hours}:{rest // 60:02}:{rest % 60:02}")
        return "  ".join(words)


_BAR = 20


def progress_of(
    status: AccountAggregationStatus | None,
    task: TaskStatus | TaskSummary | None,
    last_status: str | None = None,
) -> Progress:
    """
    Return the progress of a running aggregation.

    :param last_status: latest known status of the status endpoint, used if it was not read this time.
    """
    if status is not None:
        return Progress(status.status, status.processed_accounts, status.total_accounts)
    if task is not None and task.percent_complete is not None:
        percent = task.percent_complete
        return Progress(f"{last_status or 'running'} ({percent} %)", percent=percent)
    return Progress(last_status or "running")


def _accounts(status: AccountAggregationStatus | None, counts: Mapping[str, int | None]) -> AccountCounts:
    deleted = counts.get("deleted")
    if deleted is None and status is not None:
        deleted = status.deleted_accounts
    return AccountCounts(
        scanned=counts.get("scanned"),
        created=counts.get("created"),
        updated=counts.get("updated"),
        deleted=deleted,
        unchanged=counts.get("unchanged"),
        ignored=counts.get("ignored"),
        to_process=status.total_accounts if status else None,
        processed=status.processed_accounts if status else None,
        marked_for_deletion=status.accounts_marked_for_deletion if status else None,
    )


def _entitlements(counts: Mapping[str, int | None]) -> EntitlementCounts:
    return EntitlementCounts(
        scanned=counts.get("scanned"),
        created=counts.get("created"),
        updated=counts.get("updated"),
        deleted=counts.get("deleted"),
    )


def _messages(task: TaskStatus | None) -> list[ResultMessage]:
    if task is None:
        return []
    return [ResultMessage(type=message.type, text=message.text) for message in task.messages]


def _first(*moments: datetime | None) -> datetime | None:
    return next((moment for moment in moments if moment is not None), None)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _seconds_between(started: datetime | None, completed: datetime | None) -> float | None:
    if started is None or completed is None:
        return None
    return max(0.0, (completed - started).total_seconds())
