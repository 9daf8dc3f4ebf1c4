"""Decides how an identity refresh ended, from the ends of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import RefreshFailedError
from sailpoint_provider.isc.outcome import is_good_end
from sailpoint_provider.results import IdentityRefreshResult, RefreshPart

if TYPE_CHECKING:
    from sailpoint_provider.isc.start.refresh import RefreshCheckpoint, RefreshRequest
    from sailpoint_provider.results import AggregationResult, State

_WORST_FIRST: tuple[State, ...] = (
    "failed",
    "terminated",
    "cancelled",
    "running",
    "succeeded_with_warnings",
    "succeeded",
)


def ended_part(result: AggregationResult, identities: int | None) -> RefreshPart:
    """Return how the task of one part ended."""
    return RefreshPart(
        task_id=result["aggregation_id"],
        identities=identities,
        state=result["state"],
        completion_status=result["completion_status"],
        started=result["started"],
        completed=result["completed"],
        messages=result["messages"],
    )


def refresh_result(checkpoint: RefreshCheckpoint, request: RefreshRequest) -> IdentityRefreshResult:
    """Return the result of a refresh; a part that was not waited for counts as running."""
    parts = [
        part.ended or _running_part(part.task_id, size)
        for part, size in zip(checkpoint.parts, request.sizes, strict=True)
    ]
    states = {part["state"] for part in parts}
    return IdentityRefreshResult(
        state=next(state for state in _WORST_FIRST if state in states),
        identities=None if request.profile_id is not None else len(request.identity_ids),
        identity_profile_id=request.profile_id,
        parts=parts,
    )


def check_refresh(result: IdentityRefreshResult, *, fail_on_warning: bool = False) -> None:
    """
    Check that no part failed.

    :param fail_on_warning: whether ``succeeded_with_warnings`` counts as a failure.
    :raises RefreshFailedError: a part failed.
    """
    bad = [part for part in result["parts"] if not is_good_end(part, fail_on_warning=fail_on_warning)]
    if not bad:
        return
    ends = "; ".join(f"task {part['task_id']} {part['state'].replace('_', ' ')}" for part in bad)
    texts = dict.fromkeys(message["text"] for part in bad for message in part["messages"])
    words = f" ISC's messages: {' | '.join(texts)}" if texts else ""
    count = len(result["parts"])
    all_parts = f" ({len(bad)} of {count} parts)" if count > 1 else ""
    raise RefreshFailedError(
        result,
        f"The identity refresh did not succeed: {ends}{all_parts}. On "
        f"Airflow 3.3 and later, a retry sends only these again.{words}",
    )


def _running_part(task_id: str | None, identities: int | None) -> RefreshPart:
    return RefreshPart(
        task_id=task_id,
        identities=identities,
        state="running",
        completion_status=None,
        started=None,
        completed=None,
        messages=[],
    )
