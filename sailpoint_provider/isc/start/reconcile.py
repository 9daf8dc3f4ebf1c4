"""Reads a source's task records: what is running, and which aggregation a start left behind."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from sailpoint_provider.coercion import as_time
from sailpoint_provider.exceptions import ProtocolError, SailPointError, TenantUnavailableError
from sailpoint_provider.isc.api.paging import TaskPages, all_records
from sailpoint_provider.isc.api.task_query import TaskQuery
from sailpoint_provider.isc.flow import Flow, Sleep
from sailpoint_provider.isc.outcome import normalized_status
from sailpoint_provider.isc.start.checkpoint import Baseline

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.start.request import StartRequest

RECONCILE_SECONDS = 30.0
"""How long a start without a response may take to appear in ISC's task records."""

RECONCILE_PAUSE = 3.0
_NEWEST = 50
_LATEST = 5


def newest_records(
    api_version: ApiVersion, request: StartRequest, observe: Callable[[Response], None] | None = None
) -> Flow[list[TaskStatus]]:
    """
    Return the newest task records of a source and kind, running ones included, with one or two requests.

    :param observe: is called with each HTTP response, None for nothing.
    """
    kind = request.kind
    query = TaskQuery(
        source_ids=(request.source.id,), types=None if kind.task_type is None else (kind.task_type,)
    )
    return (yield from all_records(TaskPages(api_version, query, limit=_NEWEST, observe=observe)))


def running_of(records: list[TaskStatus]) -> list[TaskStatus]:
    """Return the records of running aggregations."""
    return [record for record in records if record.completion_status is None]


def usual_seconds(records: list[TaskStatus]) -> float | None:
    """Return the median duration of the latest successful aggregations, None if there was none."""
    took = [
        (record.completed - began).total_seconds()
        for record in records
        if record.completion_status is not None
        and normalized_status(record.completion_status) in ("SUCCESS", "WARNING")
        and record.completed is not None
        and (began := record.launched or record.created) is not None
    ]
    return median(took[:_LATEST]) if took else None


def baseline_of(records: list[TaskStatus]) -> Baseline:
    """Return the baseline of a start: the newest of these records."""
    created = max((record.created for record in records if record.created is not None), default=None)
    if created is None:
        return Baseline(None, tuple(record.id for record in records))
    return Baseline(created.isoformat(), tuple(record.id for record in records if record.created == created))


def begun_since(records: list[TaskStatus], baseline: Baseline) -> list[TaskStatus]:
    """
    Return the records of starts after the baseline, refused ones included.

    ``launcher`` does not help to distinguish them: it is "System" for every client (public reports).
    """
    since = as_time(baseline.created)
    return [
        record
        for record in records
        if record.id not in baseline.ids
        and (since is None or (record.created is not None and record.created >= since))
    ]


def may_have_started(error: SailPointError) -> bool:
    """Return whether ISC may have started the aggregation in spite of this error."""
    return error.sent and isinstance(error, TenantUnavailableError | ProtocolError)


def find_started(
    api_version: ApiVersion,
    request: StartRequest,
    baseline: Baseline,
    *,
    clock: Callable[[], float],
    log: logging.Logger,
) -> Flow[TaskStatus | None]:
    """
    Find the aggregation of a start that got no usable response and needs no acknowledgement.

    :param baseline: the newest records before that start.
    :returns: the only aggregation after the baseline; None if there are several, if a start was refused (it
        may be this task's, and the aggregation another client's), or if there is none within 30 seconds.
    :raises SailPointError: the records could not be read within ``tolerate_outage`` and the deadlines.
    """
    begun = last_response = clock()
    name = f"{request.kind.name} of {request.source_label}"
    while True:
        try:
            records = yield from newest_records(api_version, request)
        except SailPointError as error:
            now, deadlines = clock(), request.deadlines
            if error.final or now - last_response > deadlines.tolerate_outage or deadlines.have_passed(now):
                raise
            log.warning("Could not check whether ISC started the %s; trying again: %s", name, error)
            yield Sleep(max(RECONCILE_PAUSE, error.retry_after or 0.0))
            continue
        last_response = clock()
        found = begun_since(records, baseline)
        # A refused start leaves a record (whether always, is undocumented), and the start may be this task's.
        if any(record.refused_as_busy for record in found):
            log.info("ISC refused a start of the %s, possibly this one.", name)
            return None
        if len(found) == 1:
            return found[0]
        if found:
            log.warning(
                "%d %ss of %s began after the start request, so none can be attributed to it: %s.",
                len(found),
                request.kind.noun,
                request.source_label,
                ", ".join(record.id for record in found),
            )
            return None
        if last_response - begun >= RECONCILE_SECONDS:
            log.info(
                "ISC did not start the %s: no task record appeared within %g s.", name, RECONCILE_SECONDS
            )
            return None
        yield Sleep(RECONCILE_PAUSE)
