"""The traces that starts leave in ISC's task records: who runs now, and which run may be ours."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from sailpoint_provider.isc.calls import ACCOUNT_AGGREGATION, quoted
from sailpoint_provider.isc.errors import ProtocolError, SailPointError, TenantUnavailableError
from sailpoint_provider.isc.lenient import as_time
from sailpoint_provider.isc.memory import Mark
from sailpoint_provider.isc.outcome import spelled_plainly
from sailpoint_provider.isc.steps import Pause, Steps
from sailpoint_provider.isc.task_pages import task_records

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.isc.generations import Generation
    from sailpoint_provider.isc.models import TaskStatus

RESOLVE_SECONDS = 30.0
"""How long a start that nobody answered may take to show in ISC's task records."""

RESOLVE_PAUSE = 3.0
_NEWEST = 50
_LATEST = 5


def newest_records(generation: Generation, source_id: str) -> Steps[list[TaskStatus]]:
    """Look: the newest account aggregations of a source, running ones included, in one request or two."""
    filters = f"sourceId eq {quoted(source_id)} and type eq {quoted(ACCOUNT_AGGREGATION)}"
    return (yield from task_records(generation, filters=filters, limit=_NEWEST))


def running_of(records: list[TaskStatus]) -> list[TaskStatus]:
    """Return those that run."""
    return [record for record in records if record.completion_status is None]


def usual_seconds(records: list[TaskStatus]) -> float | None:
    """Return how long the latest good runs of a source took, their median; None where there was none."""
    took = [
        (record.completed - began).total_seconds()
        for record in records
        if record.completion_status is not None
        and spelled_plainly(record.completion_status) in ("SUCCESS", "WARNING")
        and record.completed is not None
        and (began := record.launched or record.created) is not None
    ]
    return median(took[:_LATEST]) if took else None


def mark_of(records: list[TaskStatus]) -> Mark:
    """Return the mark of a look: the newest of these records."""
    created = max((record.created for record in records if record.created is not None), default=None)
    if created is None:
        return Mark(None, tuple(record.id for record in records))
    return Mark(created.isoformat(), tuple(record.id for record in records if record.created == created))


def candidates(records: list[TaskStatus], mark: Mark) -> list[TaskStatus]:
    """
    Return the aggregations that came after the mark and were really started.

    ``launcher`` is not looked at: it is "System" for everybody (seen in public reports).
    """
    since = as_time(mark.created)
    return [
        record
        for record in records
        if record.id not in mark.ids
        and not record.refused_as_busy
        and (since is None or (record.created is not None and record.created >= since))
    ]


def may_have_started(error: SailPointError) -> bool:
    """Tell whether a start that met this error may have happened all the same."""
    if isinstance(error, TenantUnavailableError):
        return error.sent
    return isinstance(error, ProtocolError)


def find_trace(
    generation: Generation,
    source_id: str,
    mark: Mark,
    *,
    deadline: float,
    tolerate_outage: float,
    clock: Callable[[], float],
    log: logging.Logger,
) -> Steps[TaskStatus | None]:
    """
    Find the aggregation of a start that nobody answered.

    :param mark: the newest records before that start.
    :param deadline: epoch seconds at which an outage ends the search.
    :param tolerate_outage: seconds without a good answer after which the search is given up.
    :returns: the only aggregation that came after the mark; None where there is none even 30 seconds later,
    or
        where there are several, of which none is taken.
    :raises SailPointError: ISC could not be asked.
    """
    begun = last_answer = clock()
    while True:
        try:
            records = yield from newest_records(generation, source_id)
        except SailPointError as error:
            if error.final or clock() - last_answer > tolerate_outage or clock() >= deadline:
                raise
            log.warning("ISC cannot be asked for the aggregation yet: %s", error)
            yield Pause(max(RESOLVE_PAUSE, error.retry_after or 0.0))
            continue
        last_answer = clock()
        found = candidates(records, mark)
        if len(found) == 1:
            return found[0]
        if found:
            log.warning(
                "%d aggregations of source %s came after the start that nobody answered (%s): none is taken "
                "for ours.",
                len(found),
                source_id,
                ", ".join(record.id for record in found),
            )
            return None
        if last_answer - begun >= RESOLVE_SECONDS:
            log.info(
                "No aggregation of source %s shows after %.0f s: none was started.",
                source_id,
                RESOLVE_SECONDS,
            )
            return None
        yield Pause(RESOLVE_PAUSE)
