"""The one state machine: what the two status answers of ISC together mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import AggregationFailedError
from sailpoint_provider.results import AggregationResult, ResultCounts, ResultFile, ResultMessage, State

if TYPE_CHECKING:
    from datetime import datetime

    from sailpoint_provider.files.source import UploadedFile
    from sailpoint_provider.isc.api.models import AccountAggregationStatus, TaskStatus
    from sailpoint_provider.isc.api.summaries import TaskSummary

GOOD_STATES: frozenset[State] = frozenset({"succeeded", "succeeded_with_warnings"})
BAD_STATES: frozenset[State] = frozenset({"failed", "cancelled", "terminated"})
_ENDS_BY_STATUS: dict[str, State] = {"CANCELLED": "cancelled", "TERMINATED": "terminated"}
KNOWN_STATUSES = frozenset(
    {"STARTED", "ACCOUNTS_COLLECTED", "COMPLETED", "CANCELLED", "RETRIED", "TERMINATED", "NOT_FOUND"}
)


def decide(status: AccountAggregationStatus | None, task: TaskStatus | TaskSummary | None) -> State:
    """
    Say in which state an aggregation is.

    The task record decides, because the status endpoint's COMPLETED can hide errors (ISC OpenAPI: "possibly
    with errors"). The status endpoint alone ends a run only where it says that nothing more will come.

    :param status: the status endpoint's answer, None where it knows or says nothing.
    :param task: the task record, None where ISC has none.
    :returns: ``running`` until the end is certain.
    """
    said = status.status if status is not None else None
    if task is None or task.completion_status is None:
        return _ENDS_BY_STATUS.get(said or "", "running")
    completion = spelled_plainly(task.completion_status)
    if completion == "SUCCESS":
        return "succeeded"
    if completion == "WARNING":
        return "succeeded_with_warnings"
    if completion == "TERMINATED":
        return "cancelled" if said == "CANCELLED" else "terminated"
    return "failed"


def is_terminated(task: TaskStatus) -> bool:
    """Tell whether the record says TERMINATED, which it says of cancelled aggregations too."""
    return task.completion_status is not None and spelled_plainly(task.completion_status) == "TERMINATED"


def spelled_plainly(completion_status: str) -> str:
    """Return a completion status in one spelling: ``TEMP_ERROR``, ``TEMPERROR``, ``Success`` are all seen."""
    return completion_status.upper().replace("_", "").replace(" ", "")


def make_result(
    aggregation_id: str,
    status: AccountAggregationStatus | None = None,
    task: TaskStatus | None = None,
    *,
    source_id: str | None = None,
    source_name: str | None = None,
    file: UploadedFile | None = None,
) -> AggregationResult:
    """Put together all that is known of an aggregation; what nobody said is None."""
    started = _first(status.start if status else None, *((task.launched, task.created) if task else ()))
    completed = task.completed if task else None
    state = decide(status, task)
    return AggregationResult(
        aggregation_id=aggregation_id,
        source_id=source_id or (task.source_id if task else None),
        source_name=source_name or (task.source_name if task else None),
        state=state,
        status=status.status if status else None,
        completion_status=task.completion_status if task else None,
        started=_iso(started),
        completed=_iso(completed),
        duration_seconds=_seconds_between(started, completed),
        total_accounts=status.total_accounts if status else None,
        processed_accounts=status.processed_accounts if status else None,
        accounts_marked_for_deletion=status.accounts_marked_for_deletion if status else None,
        deleted_accounts=status.deleted_accounts if status else None,
        total_identities=status.total_identities if status else None,
        processed_identities=status.processed_identities if status else None,
        counts=_counts(task),
        deletions_skipped=task.deletions_skipped if task else False,
        messages=_messages(task),
        file=result_file(file),
    )


def result_file(file: UploadedFile | None) -> ResultFile | None:
    """Return the file as the result shows it."""
    if file is None:
        return None
    return ResultFile(name=file.name, size_bytes=file.size_bytes, sha256=file.sha256)


def check_end(result: AggregationResult, *, fail_on_warning: bool = False) -> AggregationResult:
    """
    Return the result of a good end.

    :param fail_on_warning: whether ``succeeded_with_warnings`` is a bad end.
    :raises AggregationFailedError: the aggregation ended badly.
    """
    if not is_good_end(result, fail_on_warning=fail_on_warning):
        raise AggregationFailedError(result)
    return result


def is_good_end(result: AggregationResult, *, fail_on_warning: bool = False) -> bool:
    """Tell whether an aggregation ended well; ``fail_on_warning`` makes warnings a bad end."""
    state = result["state"]
    return state not in BAD_STATES and not (fail_on_warning and state == "succeeded_with_warnings")


def end_line(result: AggregationResult) -> str:
    """Return one line for a person: how the aggregation ended, and what it did to the accounts."""
    source = result["source_name"] or result["source_id"] or "unknown"
    state = result["state"].replace("_", " ")
    words = [f"Account aggregation {result['aggregation_id']} of source {source!r}: {state}"]
    if result["duration_seconds"] is not None:
        words.append(f" after {result['duration_seconds']:.0f} s")
    known = result["counts"]
    # In this order also after a result has been through Airflow's database, which sorts keys.
    # mypy cannot see that the names are those of the TypedDict.
    counts = [
        f"{known[name]:,} {name}"  # type: ignore[literal-required]
        for name in ResultCounts.__annotations__
        if isinstance(known.get(name), int)
    ]
    if counts:
        words.append(f" ({', '.join(counts)})")
    if result["deletions_skipped"]:
        words.append(". ISC skipped the deletion of accounts: the source's delete threshold was hit")
    return "".join(words) + "."


@dataclass(frozen=True)
class Progress:
    """
    How far an aggregation is, for a person to read.

    :param state: what the status endpoint says, or the task's own words, or ``running``.
    :param processed: processed accounts, None where ISC does not say.
    :param total: accounts to process, None where ISC does not say.
    :param percent: 0 to 100 as the task record says, None where it does not.
    """

    state: str
    processed: int | None = None
    total: int | None = None
    percent: int | None = None

    @property
    def share(self) -> float | None:
        """How much of the work is done, 0 to 1; None where ISC does not say."""
        if self.total and self.processed is not None:
            return min(1.0, self.processed / self.total)
        return None if self.percent is None else min(1.0, max(0.0, self.percent / 100))

    def line(self, elapsed: float) -> str:
        """
        Return one line: state, bar, numbers, percent and elapsed time.

        :param elapsed: seconds since the wait began.
        """
        words = [self.state.ljust(18)]
        if self.total is not None and self.processed is not None:
            share = min(1.0, self.processed / self.total) if self.total > 0 else 1.0
            filled = int(share * _BAR)
            bar = "█" * filled + "░" * (_BAR - filled)
            words.append(f"{bar} {self.processed:,}/{self.total:,} accounts {int(share * 100):3}%")
        hours, rest = divmod(int(elapsed), 3600)
        words.append(f"elapsed {hours}:{rest // 60:02}:{rest % 60:02}")
        return "  ".join(words)


_BAR = 20


def progress_of(
    status: AccountAggregationStatus | None, task: TaskStatus | TaskSummary | None, said: str | None = None
) -> Progress:
    """
    Say how far a running aggregation is.

    :param said: what the status endpoint said before, where it is not asked this time.
    """
    if status is not None:
        return Progress(status.status or "running", status.processed_accounts, status.total_accounts)
    if task is not None and task.percent_complete is not None:
        percent = task.percent_complete
        return Progress(f"{said or 'running'} ({percent} %)", percent=percent)
    return Progress(said or "running")


def _counts(task: TaskStatus | None) -> ResultCounts:
    if task is None:
        return ResultCounts(
            total=None, created=None, updated=None, deleted=None, unchanged=None, ignored=None
        )
    return ResultCounts(
        total=task.count("total"),
        created=task.count("created"),
        updated=task.count("updated"),
        deleted=task.count("deleted"),
        unchanged=task.count("optimized"),
        ignored=task.count("ignored"),
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
