"""A tenant in small that answers lists of tasks, and a sweeper that asks it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.api.responses import read_response
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.wait.batch_poll import BatchPoller
from tests.unit.isc.isc_cases import Clock, Driver, answer

LOG = logging.getLogger("batch_poll")
PAGE = 250


def ids_of(count, start=0):
    return [f"{number:032x}" for number in range(start, start + count)]


def kind_of(call):
    """Tell which way a call asks: ``list``, ``ids`` or ``single``."""
    query = dict(call.query)
    if call.path.endswith("pending-tasks") or query.get("filters", "").startswith("type "):
        return "list"
    return "ids" if "filters" in query else "single"


def ids_in(call):
    return [part.strip('"') for part in dict(call.query)["filters"].partition("(")[2].rstrip(")").split(",")]


@dataclass
class SmallTenant:
    """
    Holds runs, oldest first, by id: None of one that runs, else how it ended.

    :param trouble: by the kind of a call, a status or document that it is answered with, or a function of the
        call that returns one, or None.
    :param after_each: called after each answer, so that runs can end between two pages.
    """

    runs: dict = field(default_factory=dict)
    api_version: str = "v1"
    trouble: dict = field(default_factory=dict)
    hidden: set = field(default_factory=set)
    after_each: object = None

    def __post_init__(self):
        self.driver = Driver(self.respond)
        self.clock = Clock(0.0)
        self.told = []
        self.sweeper = BatchPoller(
            API_VERSIONS[self.api_version], self.told.extend, clock=self.clock, log=LOG
        )

    def batch_poll(self, wanted, types=("CLOUD_ACCOUNT_AGGREGATION",)):
        """Sweep once, and return what was not heard of."""
        self.driver.calls.clear()
        self.driver.waves.clear()
        self.told.clear()
        return self.driver.run(self.sweeper.batch_poll(wanted, types))

    @property
    def kinds(self):
        return [kind_of(call) for call in self.driver.calls]

    @property
    def ends(self):
        return {record.id for record in self.told if record.completion_status is not None}

    def respond(self, call):
        answered = self._trouble(call)
        if answered is None:
            answered = self._answer(call)
        if self.after_each is not None:
            self.after_each()
        if isinstance(answered, SailPointError):
            return answered
        document, status = (None, answered) if isinstance(answered, int) else (answered, 200)
        try:
            return read_response(call, answer(document, status, slpt_request_id="t"))
        except SailPointError as error:
            return error

    def _trouble(self, call):
        trouble = self.trouble.get(kind_of(call))
        return trouble(call) if callable(trouble) else trouble

    def _answer(self, call):
        kind = kind_of(call)
        if kind == "single":
            run = call.path.rpartition("/")[2]
            return self._record(run) if run in self.runs else 404
        if kind == "list":
            running = [run for run, end in self.runs.items() if end is None and run not in self.hidden]
            offset = int(dict(call.query).get("offset", 0))
            return [self._record(run) for run in running[offset : offset + PAGE]]
        ended_only = self.api_version in ("beta", "v2024")
        return [
            self._record(run)
            for run in ids_in(call)
            if run in self.runs and run not in self.hidden and not (ended_only and self.runs[run] is None)
        ]

    def _record(self, run):
        return {"id": run, "completionStatus": self.runs[run], "percentComplete": 7}
