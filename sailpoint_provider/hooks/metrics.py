"""Reports metrics through Airflow's Stats; no metric ever fails a task."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.start.request import StartEvent
    from sailpoint_provider.results import AggregationResult

log = logging.getLogger(__name__)

_START_EVENTS: dict[StartEvent, str] = {
    "started": "sailpoint.starts",
    "busy": "sailpoint.refusals",
    "refused": "sailpoint.refusals",
    "adopted": "sailpoint.adoptions",
}
REQUESTS = "sailpoint.requests"


class LoadMetrics:
    """
    Counts what becomes of the loads of a task.

    :param conn_id: ID of the Airflow connection, a tag of each metric.
    :param kind: the kind of load, another tag.
    """

    def __init__(self, conn_id: str, kind: LoadKind) -> None:
        self._tags = {"conn_id": conn_id, "kind": kind.key}

    def start(self, event: StartEvent) -> None:
        """Count a start, a refusal of one, or an adoption."""
        _count(_START_EVENTS[event], self._tags)

    def ended(self, result: AggregationResult, begun: float | None) -> None:
        """
        Count the end of an aggregation, and measure the wait for it.

        :param begun: epoch seconds at which the task began to start or to wait, None if unknown.
        """
        state = result["state"]
        # A StatsD server without tags gets the state with the name.
        _count(f"sailpoint.ends.{state}", {**self._tags, "state": state})
        if begun is not None:
            _measure("sailpoint.wait", time.time() - begun, self._tags)

    @contextmanager
    def file_refusals(self) -> Iterator[None]:
        """Count a file that is refused in the block."""
        try:
            yield
        except FileRefusedError:
            _count("sailpoint.files_refused", self._tags)
            raise


@cache
def request_observer(conn_id: str) -> Callable[[int | None, float], None]:
    """
    Return what counts a connection's requests: one object, because a triggerer has many users.

    :param conn_id: ID of the Airflow connection, a tag of each metric.
    """
    tags = {"conn_id": conn_id}

    def sent(status: int | None, waited: float) -> None:
        """Count a request, and measure what it had to wait for."""
        _count(REQUESTS, tags)
        if status == 429:
            _count("sailpoint.rate_limited", tags)
        if waited:
            _measure("sailpoint.request_wait", waited, tags)

    return sent


def prepare_metrics() -> None:
    """
    Let Airflow load and connect what it reports metrics with.

    That reads files and may look up a host, so an event loop has this done in a thread.
    """
    _report(lambda stats: stats.incr(REQUESTS, 0))


def _count(name: str, tags: dict[str, str]) -> None:
    _report(lambda stats: stats.incr(name, tags=tags))


def _measure(name: str, seconds: float, tags: dict[str, str]) -> None:
    _report(lambda stats: stats.timing(name, timedelta(seconds=max(0.0, seconds)), tags=tags))


def _report(report: Callable[[Any], None]) -> None:
    try:
        from sailpoint_provider.version_compat import stats_of_this_process

        report(stats_of_this_process())
    except Exception as error:
        log.debug("Could not report a metric: %s", type(error).__name__)
