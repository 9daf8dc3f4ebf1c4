"""What operators and sensors share: their deadlines, and a wait that begins and ends on a worker."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.wait.deadlines import Deadlines

if TYPE_CHECKING:
    from sailpoint_provider._airflow.task_types import WaitingTask
    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.wait.events import WaitEvent
    from sailpoint_provider.isc.wait.watch import Watch
    from sailpoint_provider.results import AggregationResult

BACKSTOP_SECONDS = 300.0
"""Seconds by which Airflow's own timeout of a deferral exceeds our deadlines, so that ours come first."""

_VERIFY_SECONDS = 10.0
_REQUEST_SECONDS = 1.0


def deadlines_from_now(task: WaitingTask) -> Deadlines:
    """Return the deadlines of a task that begins now."""
    now, limit = time.time(), task.execution_timeout
    return Deadlines(
        now + task.timeout,
        task.tolerate_outage,
        None if limit is None else now + limit.total_seconds(),
        begun=now,
    )


def carried_deadlines(event: WaitEvent) -> Deadlines | None:
    """Return the deadlines that a trigger brought back, None if it brought none."""
    try:
        return Deadlines.from_json(event.carried.get("deadlines"))
    except ProtocolError:
        return None


def backstop(deadlines: Deadlines) -> timedelta | None:
    """Return the timeout to pass to Airflow for a deferral; None for no limit."""
    if deadlines.end is None:
        return None
    return timedelta(seconds=deadlines.seconds_left(time.time()) + BACKSTOP_SECONDS)


def request_limit(watch: Watch) -> float | None:
    """
    Return the epoch seconds at which requests of a wait end: its deadline, or a moment from now.

    A retry keeps the deadline of the first try, which may have passed although the aggregation succeeded.
    """
    return None if watch.end is None else max(watch.end, time.time() + _REQUEST_SECONDS)


def wait_on_worker(hook: SailPointHook, watch: Watch, poll_interval: float) -> AggregationResult:
    """Wait until the aggregation has ended, and return its result."""
    from sailpoint_provider.isc.wait.backoff import Backoff

    return hook._run(watch.wait(Backoff(poll_interval), random.random), until=request_limit(watch))


def result_before_deferring(hook: SailPointHook, watch: Watch) -> AggregationResult | None:
    """
    Check with one request whether the aggregation has already ended, and return its result if so.

    :raises AggregationTimeoutError: a deadline has passed.
    """
    if hook._run(watch.check_once(), until=request_limit(watch)):
        return hook._run(watch.poll_until_clear(), until=request_limit(watch))
    watch.check_deadline()
    return None


def result_after_deferring(
    hook: SailPointHook, aggregation_id: str, deadlines: Deadlines, log: Any, kind: LoadKind
) -> AggregationResult | None:
    """
    Read the result of an aggregation whose end a trigger reported, and so verify that end.

    A worker may resume late, so it gets a few seconds even after ``timeout`` and ``execution_timeout``: the
    load has ended in time, and Airflow itself limits the process that resumes.

    :param log: gets warnings.
    :param kind: the kind of load.
    :returns: None if the aggregation is still running.
    """
    deadlines = deadlines.no_earlier_than(time.time() + _VERIFY_SECONDS)
    watch = hook._watch(aggregation_id, deadlines, log=log, kind=kind)
    result = hook._run(watch.poll_until_clear(), until=deadlines.end)
    if result is None:
        log.warning(
            "The triggerer reported the end of %s %s, but ISC says that it is still running. Resuming the "
            "wait.",
            kind.name,
            aggregation_id,
        )
    return result
