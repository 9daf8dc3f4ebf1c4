"""Shared by the tests of the Airflow classes: a tenant behind a connection, and a small task runner."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath, TaskDeferred

from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.identity_refresh import SailPointIdentityRefreshOperator
from sailpoint_provider.operators.source_check import SailPointSourceCheckOperator
from sailpoint_provider.operators.uncorrelated import SailPointUncorrelatedAccountsOperator
from sailpoint_provider.results import AccountCounts, AggregationResult, EntitlementCounts, IdentityCounts
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from sailpoint_provider.version_compat import TaskDeferralTimeout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sailpoint_provider.simulator.control import SimulatorControl
    from sailpoint_provider.simulator.server import SimulatorServer

HR = "2c918085000000000000000000000a01"
CONTRACTORS = "2c918085000000000000000000000a02"
DIRECTORY = "2c918085000000000000000000000a03"
MAINFRAME = "2c918085000000000000000000000a04"
NOBODY = "0" * 32
API_VERSIONS = ("v1", "v2026", "v2025", "v2024", "beta")
SPEED = 100.0
LOGGING_CLASSES = (
    SailPointHook,
    SailPointAccountAggregationOperator,
    SailPointEntitlementAggregationOperator,
    SailPointIdentityRefreshOperator,
    SailPointSourceCheckOperator,
    SailPointUncorrelatedAccountsOperator,
    SailPointAccountAggregationSensor,
    SailPointAccountAggregationTrigger,
)
NEVER = 1e9
POLL = 0.05

# The exceptions of the task runner live where the version keeps this one.
_exceptions = import_module(TaskDeferralTimeout.__module__)
TaskDeferralError = _exceptions.TaskDeferralError
AirflowRescheduleException = _exceptions.AirflowRescheduleException


def _makes_object_storage_paths() -> bool:
    try:
        ObjectStoragePath("file:///accounts.csv")
    except TypeError:
        return False
    return True


OBJECT_STORAGE = pytest.mark.skipif(
    not _makes_object_storage_paths(),
    reason="this Airflow's ObjectStoragePath does not work with the installed universal-pathlib",
)


@dataclass
class ConnectedTenant:
    """A fresh simulated tenant, one client of it, and Airflow connections that name them."""

    server: SimulatorServer
    monkeypatch: pytest.MonkeyPatch
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def control(self) -> SimulatorControl:
        return self.server.control

    def client(self, **settings: Any) -> None:
        """Change the client's scopes, or its secret."""
        self.control.client(self.client_id, **{"secret": self.client_secret} | settings)

    def connect(self, conn_id: str = "sailpoint_default", **changed: Any) -> None:
        """Make the connection, with other fields or extra keys than the usual ones."""
        extra = {"requests_per_10s": 100_000} | changed.pop("extra", {})
        usual = {"host": self.server.url, "login": self.client_id, "password": self.client_secret}
        connect(self.monkeypatch, conn_id, **usual | changed, extra=extra)

    def plan(
        self, source_id: str, outcome: str | None = None, seconds: float = 0.15, **settings: Any
    ) -> None:
        """Decide how the next run of the source ends, and when, in real seconds."""
        planned = {"collect_seconds": seconds * SPEED, "process_seconds": 0.0} | settings
        self.control.next_run(source_id, outcome, **planned)

    def started(self, source_id: str = DIRECTORY, outcome: str | None = None, **settings: Any) -> str:
        """Start an aggregation that is not the task's own, and return its ID."""
        from sailpoint_provider.hooks.sailpoint import SailPointHook

        self.plan(source_id, outcome, **settings)
        task_id = SailPointHook().load_accounts(source_id).id
        assert task_id is not None
        self.control.clear_requests()
        return task_id

    def csv(self, folder: Path, rows: int = 3, source_id: str = HR, name: str = "accounts.csv") -> Path:
        """Write a file with that many accounts for the source."""
        file = folder / name
        file.write_text(self.csv_text(rows, source_id), encoding="utf-8")
        return file

    def csv_text(self, rows: int = 3, source_id: str = HR) -> str:
        (header,) = (source["header"] for source in self.control.sources() if source["id"] == source_id)
        lines = [",".join(f"{column} {number}" for column in header) for number in range(rows)]
        return "\n".join([",".join(header), *lines, ""])

    def calls(self) -> list[str | None]:
        return [request["call"] for request in self.control.requests()]

    def starts(self, call: str = "load_accounts") -> list[dict[str, Any]]:
        return [request for request in self.control.requests() if request["call"] == call]

    def runs(self) -> list[dict[str, Any]]:
        return self.control.runs()


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str = "sailpoint_default", **fields: Any) -> None:
    """Make a connection of these fields alone."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "sailpoint"} | fields))


@dataclass
class FakeTaskInstance:
    """The part of a task instance that operators and sensors use; it records calls."""

    pushed: dict[str, Any] = field(default_factory=dict)
    deferrals: list[TaskDeferred] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    reschedules: int = 0
    task_id: str = "task"
    try_number: int = 1
    max_tries: int = 0
    store: Any = None
    run_began: datetime | None = None
    clear_number: int = 0
    outlet_events: Any = None
    on_push: Callable[[], None] | None = None
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))

    def xcom_push(self, key: str, value: Any) -> None:
        if self.on_push is not None:
            self.on_push()
        self.pushed[key] = json.loads(json.dumps(value))

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.begun if self.reschedules else None

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int = -1) -> Any:
        assert (task_ids, map_indexes) == (self.task_id, -1)
        return self.pushed.get(key)

    @property
    def context(self) -> Any:
        """Without a store this is the context of Airflow 3.0 to 3.2."""
        run = SimpleNamespace(start_date=self.run_began, clear_number=self.clear_number)
        known = {"ti": self, "dag_run": run}
        if self.outlet_events is not None:
            known["outlet_events"] = self.outlet_events
        return known if self.store is None else known | {"task_state_store": self.store}

    def next_try(self) -> FakeTaskInstance:
        """Return the task instance of a retry: XComs are gone, the store is not."""
        fresh = None if self.outlet_events is None else type(self.outlet_events)()
        return replace(
            self,
            pushed={},
            deferrals=[],
            events=[],
            on_push=None,
            outlet_events=fresh,
            try_number=self.try_number + 1,
        )

    def cleared(self, retries: int = 0) -> FakeTaskInstance:
        """
        Return the task instance after a clear.

        :param retries: the DAG's ``retries`` at the clear, from which Airflow makes ``max_tries``.
        """
        return replace(
            self.next_try(), max_tries=self.try_number + retries, clear_number=self.clear_number + 1
        )


@dataclass
class FakeStore:
    """A task state store that takes JSON only; ``before`` and ``after`` may break a write."""

    kept: dict[str, str] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    before: Callable[[str], None] | None = None
    after: Callable[[str], None] | None = None

    def get(self, key: str) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else None

    def set(self, key: str, value: Any) -> None:
        if self.before is not None:
            self.before(value["state"])
        self.kept[key] = json.dumps(value)
        self.states.append(value["state"])
        if self.after is not None:
            self.after(value["state"])


class Crash(BaseException):
    """The end of a worker process: nothing catches it."""


def carried_out(make: Callable[[], Any], ti: FakeTaskInstance | None = None) -> Any:
    """
    Run a task to its end as Airflow does: a new process, so a new operator, after each break.

    What goes through the metadata database goes through JSON here.
    """
    ti = ti or FakeTaskInstance()
    step = partial(_executed, make, ti)
    while True:
        try:
            return json.loads(json.dumps(step()))
        except AirflowRescheduleException as again:
            ti.reschedules += 1
            time.sleep(max(0.0, (again.reschedule_date - datetime.now(UTC)).total_seconds()))
        except TaskDeferred as deferred:
            ti.deferrals.append(deferred)
            step = partial(resumed, make(), deferred, ti)


def _executed(make: Callable[[], Any], ti: FakeTaskInstance) -> Any:
    return make().execute(ti.context)


def resumed(task: Any, deferred: TaskDeferred, ti: FakeTaskInstance) -> Any:
    """Run the trigger of a deferral, and hand its event to the task."""
    events = events_of(reloaded(deferred.trigger))
    assert len(events) == 1
    ti.events.extend(events)
    kwargs = json.loads(json.dumps(deferred.kwargs or {}))
    return task.resume_execution(deferred.method_name, kwargs | {"event": events[0]}, ti.context)


def reloaded(trigger: Any) -> Any:
    """Make the trigger anew of what the metadata database keeps of it."""
    path, kwargs = json.loads(json.dumps(trigger.serialize()))
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)(**kwargs)


def events_of(trigger: Any) -> list[Any]:
    """Run a trigger and return the payloads of its events, as they come out of the database."""

    async def run() -> list[Any]:
        return [json.loads(json.dumps(event.payload)) async for event in trigger.run()]

    return asyncio.run(run())


def end_of(make: Callable[[], Any], ti: FakeTaskInstance | None = None) -> Any:
    """Run a task to its end and return what it returned or raised."""
    try:
        return carried_out(make, ti)
    except Exception as error:
        return error


def timed_out_after_start(task: Callable[[float], Any], has_started: Callable[[], bool]) -> Any:
    """
    Run a task whose deadline passes while its aggregation runs, and return what it raised.

    On a busy machine a short deadline passes before the start; a longer one follows then.

    :param task: makes, runs and ends the task with a timeout in seconds.
    :param has_started: whether the task knows of an aggregation.
    """
    error: Any = None
    for seconds in (0.5, 2.0, 8.0, 32.0):
        error = task(seconds)
        if has_started():
            break
    return error


def assert_whole(result: dict[str, Any]) -> None:
    """Assert that a result has every key and holds only JSON."""
    assert list(result) == list(AggregationResult.__annotations__)
    assert list(result["accounts"]) == list(AccountCounts.__annotations__)
    assert list(result["entitlements"]) == list(EntitlementCounts.__annotations__)
    assert list(result["identities"]) == list(IdentityCounts.__annotations__)
    assert json.loads(json.dumps(result)) == result
