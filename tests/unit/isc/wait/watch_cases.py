"""Aggregations as ISC reports them, for the tests of waiting."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from sailpoint_provider.exceptions import TenantUnavailableError, UnknownAggregationError
from sailpoint_provider.isc.api.models import AccountAggregationStatus, read_task_status
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch
from tests.unit.isc.isc_cases import NOON, RUN, Driver, task_document

LOG = logging.getLogger("watch")
UNKNOWN = UnknownAggregationError("not found", status=404)
DOWN = TenantUnavailableError("down", status=503, tracking_id="t-1", detail_code="503.0")
RUNNING = read_task_status(task_document())
STARTED = AccountAggregationStatus("STARTED")
DONE = read_task_status(task_document("SUCCESS"))
COMPLETED = AccountAggregationStatus("COMPLETED", total_accounts=3, processed_accounts=3)


@dataclass
class Run:
    """An aggregation as ISC reports it: functions from the seconds of waiting to a response or an error."""

    task: object
    status: object
    deadlines: Deadlines = field(default_factory=Deadlines)
    poll_interval: float = 10.0
    jitter: float = 0.0

    def __post_init__(self):
        self.driver = Driver(self.answer)
        self.watch = Watch(
            RUN,
            API_VERSIONS["v1"],
            deadlines=self.deadlines,
            clock=self.driver.clock,
            log=LOG,
        )

    def answer(self, call):
        told = self.task if "task-status" in call.path else self.status
        return told(self.elapsed) if callable(told) else told

    @property
    def elapsed(self):
        return self.driver.clock.now - NOON

    def wait(self):
        return self.driver.run(self.watch.wait(Backoff(self.poll_interval), lambda: self.jitter))

    def look(self):
        return self.driver.run(self.watch.poll())

    def asked(self, part):
        return [call for call in self.driver.calls if part in call.path]


def after(seconds, before, then):
    return lambda elapsed: then if elapsed >= seconds else before


def between(begin, end, then, otherwise):
    return lambda elapsed: then if begin <= elapsed < end else otherwise
