"""The traces that starts leave in ISC's task records: who runs now, and which run may be ours."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import ProtocolError, SailPointError, TenantUnavailableError
from sailpoint_provider.isc.api.endpoints import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.api.paging import task_records
from sailpoint_provider.isc.api.responses import seconds_ahead
from sailpoint_provider.isc.api.task_query import TaskQuery
from sailpoint_provider.isc.coercion import as_time
from sailpoint_provider.isc.flow import Flow, Sleep
from sailpoint_provider.isc.outcome import spelled_plainly
from sailpoint_provider.isc.start.checkpoint import Baseline

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from datetime import datetime

    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.responses import Response
    from sailpoint_provider.isc.api.versions import ApiVersion

RECONCILE_SECONDS = 30.0
"""How long a start without a response may take to appear in ISC's task records."""

RECONCILE_PAUSE = 3.0
_NEWEST = 50
_LATEST = 5


def newest_records(
    generation: ApiVersion, source_id: str, observe: Callable[[Response], None] | None = None
) -> Flow[list[TaskStatus]]:
    """
    Look: the newest account aggregations of a source, running ones included, in one request or two.

    :param observe: is shown each HTTP answer, None for nobody.
    """
    query = TaskQuery(source_ids=(source_id,), types=(ACCOUNT_AGGREGATION,))
    return (yield from task_records(generation, query, limit=_NEWEST, observe=observe))


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


def baseline_of(records: list[TaskStatus]) -> Baseline:
    """Return the mark of a look: the newest of these records."""
    created = max((record.created for record in records if record.created is not None), default=None)
    if created is None:
        return Baseline(None, tuple(record.id for record in records))
    return Baseline(created.isoformat(), tuple(record.id for record in records if record.created == created))


def candidates(records: list[TaskStatus], mark: Baseline) -> list[TaskStatus]:
    """
    Return the aggregations that began after the mark and were not refused.

    ``launcher`` is not looked at: it is "System" for everybody (seen in public reports).
    """
    return [record for record in _since(records, mark) if not record.refused_as_busy]


def _since(records: list[TaskStatus], mark: Baseline) -> list[TaskStatus]:
    since = as_time(mark.created)
    return [
        record
        for record in records
        if record.id not in mark.ids
        and (since is None or (record.created is not None and record.created >= since))
    ]


def may_have_started(error: SailPointError) -> bool:
    """Tell whether a start that met this error may have happened all the same."""
    return error.sent and isinstance(error, TenantUnavailableError | ProtocolError)


def was_refused(records: list[TaskStatus], mark: Baseline) -> bool:
    """
    Tell whether a start was refused after the mark, because another aggregation was running.

    ISC keeps a record of a refused start (nobody has shown whether always), and it may be ours.
    """
    return any(record.refused_as_busy for record in _since(records, mark))


def find_started(
    generation: ApiVersion,
    source_id: str,
    mark: Baseline,
    *,
    deadline: float,
    tolerate_outage: float,
    clock: Callable[[], float],
    log: logging.Logger,
) -> Flow[TaskStatus | None]:
    """
    Find the aggregation of a start without a response, where no file and no option has to be its own.

    :param mark: the newest records before that start.
    :param deadline: epoch seconds at which an outage ends the search.
    :param tolerate_outage: seconds without a valid response after which the search is given up.
    :returns: the only aggregation that came after the mark; None where there are several, where a start was
        refused meanwhile (it may be ours, and the aggregation the rival's), and where there is none even 30
        seconds later.
    :raises SailPointError: ISC could not be asked.
    """
    begun = last_answer = clock()
    while True:
        try:
            records = yield from newest_records(generation, source_id)
        except SailPointError as error:
            if error.final or clock() - last_answer > tolerate_outage or clock() >= deadline:
                raise
            log.warning("Cannot check yet whether ISC started the aggregation: %s", error)
            yield Sleep(max(RECONCILE_PAUSE, error.retry_after or 0.0))
            continue
        last_answer = clock()
        if was_refused(records, mark):
            log.info("ISC refused a start on source %s meanwhile, which may have been this one.", source_id)
            return None
        found = candidates(records, mark)
        if len(found) == 1:
            return found[0]
        if found:
            log.warning(
                "%d aggregations of source %s began after the start request (%s), so none of them can be "
                "attributed to it.",
                len(found),
                source_id,
                ", ".join(record.id for record in found),
            )
            return None
        if last_answer - begun >= RECONCILE_SECONDS:
            log.info(
                "No aggregation of source %s appeared within %.0f s, so ISC did not start one.",
                source_id,
                RECONCILE_SECONDS,
            )
            return None
        yield Sleep(RECONCILE_PAUSE)


class Since:
    """
    Tells which aggregations an earlier try may have started, where nothing was stored (Airflow 3.0 to 3.2).

    Airflow's clock says when the DAG run began and ISC's clock when an aggregation did. The two are compared
    by the ``Date`` header of ISC's own response. That header has whole seconds, and the response took a while
    to arrive; within that uncertainty an aggregation counts as neither certainly newer nor certainly older.

    :param moment: when the DAG run began, by the clock of Airflow.
    :param clock: tells epoch seconds.
    """

    def __init__(self, moment: datetime, clock: Callable[[], float]) -> None:
        self._moment = moment.timestamp()
        self._clock = clock
        self._ahead: float | None = None
        self._uncertain = 0.0

    def newest_records(self, generation: ApiVersion, source_id: str) -> Flow[list[TaskStatus]]:
        """Look as :func:`newest_records` does, and compare the clocks on the way."""
        began = self._clock()
        records = yield from newest_records(generation, source_id, self._compare_clocks)
        self._uncertain = 1.0 + self._clock() - began
        return records

    def is_newer(self, record: TaskStatus) -> bool:
        """Tell whether the aggregation certainly began after the DAG run."""
        if self._ahead is None or record.created is None:
            return False
        return record.created.timestamp() - self._ahead > self._moment + self._uncertain

    def may_be_newer(self, record: TaskStatus) -> bool:
        """Tell whether the aggregation may have begun after the DAG run."""
        if self._ahead is None or record.created is None:
            return True
        return record.created.timestamp() - self._ahead > self._moment - self._uncertain

    def _compare_clocks(self, answer: Response) -> None:
        self._ahead = seconds_ahead(answer)
