"""Metrics: what is counted, on workers and on triggerers, and that no metric fails a task."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from sailpoint_provider import version_compat
from sailpoint_provider.hooks.metrics import prepare_metrics, request_observer
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import DIRECTORY, HR, NEVER, POLL, carried_out, end_of

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
KIND = {"conn_id": "sailpoint_default", "kind": "account_aggregation"}


@dataclass
class Recorder:
    """Takes the place of Airflow's Stats."""

    counted: list[tuple[str, int, Any]] = field(default_factory=list)
    measured: list[tuple[str, timedelta, Any]] = field(default_factory=list)

    def incr(self, stat, count=1, rate=1, *, tags=None):
        self.counted.append((stat, count, tags))

    def timing(self, stat, dt, *, tags=None):
        self.measured.append((stat, dt, tags))

    def times(self, name):
        return sum(count for stat, count, _ in self.counted if stat == name)

    def tags(self, name):
        return [tags for stat, _, tags in self.counted if stat == name]

    @property
    def of_loads(self):
        requests = ("sailpoint.requests", "sailpoint.rate_limited")
        return [stat for stat, _, _ in self.counted if stat not in requests]


@pytest.fixture
def stats(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(version_compat, "stats_of_this_process", lambda: recorder)
    return recorder


def operator(**changed):
    usual = {"task_id": "task", "source_id": DIRECTORY, "poll_interval": POLL}
    return SailPointAccountAggregationOperator(**usual | changed)


@MODES
@pytest.mark.parametrize(
    ("outcome", "state"), [(None, "succeeded"), ("warning", "succeeded_with_warnings"), ("error", "failed")]
)
def test_a_start_and_its_end_are_counted_once(tenant, stats, deferrable, outcome, state):
    tenant.plan(DIRECTORY, outcome)
    end_of(lambda: operator(deferrable=deferrable))
    assert stats.of_loads == ["sailpoint.starts", f"sailpoint.ends.{state}"]
    assert stats.tags("sailpoint.starts") == [KIND]
    assert stats.tags(f"sailpoint.ends.{state}") == [KIND | {"state": state}]


@MODES
def test_the_wait_is_measured_from_the_start_of_the_task(tenant, stats, deferrable):
    tenant.plan(DIRECTORY, seconds=0.3)
    carried_out(lambda: operator(deferrable=deferrable))
    waits = [(took, tags) for stat, took, tags in stats.measured if stat == "sailpoint.wait"]
    ((took, tags),) = waits
    assert tags == KIND
    assert timedelta(seconds=0.3) <= took < timedelta(seconds=20)


@MODES
def test_every_request_is_counted_wherever_it_is_sent(tenant, stats, deferrable):
    tenant.plan(DIRECTORY, seconds=0.4)
    carried_out(lambda: operator(deferrable=deferrable))
    assert stats.times("sailpoint.requests") == len(tenant.control.requests())
    assert {tags and tags["conn_id"] for tags in stats.tags("sailpoint.requests")} <= {
        "sailpoint_default",
        None,
    }


def test_a_429_is_counted_as_one_and_as_a_request(tenant, stats):
    tenant.control.fault("rate_limit", path="sources", retry_after=0, times=1)
    carried_out(operator)
    assert stats.times("sailpoint.rate_limited") == 1
    assert stats.times("sailpoint.requests") == len(tenant.control.requests())


def test_a_wait_for_the_request_budget_is_measured(stats):
    sent = request_observer("tenant_of_tests")
    sent(200, 0.0)
    sent(None, 1.5)
    tags = {"conn_id": "tenant_of_tests"}
    assert stats.measured == [("sailpoint.request_wait", timedelta(seconds=1.5), tags)]
    assert stats.counted == [("sailpoint.requests", 1, tags)] * 2


@pytest.mark.parametrize("if_running", ["fail", "skip"])
def test_a_busy_source_is_a_refusal(tenant, stats, if_running):
    tenant.started(DIRECTORY, seconds=NEVER)
    end_of(lambda: operator(if_running=if_running))
    assert stats.of_loads == ["sailpoint.refusals"]
    assert stats.tags("sailpoint.refusals") == [KIND]


@MODES
def test_waiting_for_a_busy_source_is_a_refusal_and_then_a_start(tenant, stats, deferrable):
    tenant.started(DIRECTORY, seconds=1.0)
    carried_out(lambda: operator(deferrable=deferrable))
    assert stats.of_loads == ["sailpoint.refusals", "sailpoint.starts", "sailpoint.ends.succeeded"]


def test_an_adoption_is_counted_as_one(tenant, stats):
    tenant.started(DIRECTORY, seconds=1.0)
    carried_out(lambda: operator(if_running="adopt"))
    assert stats.of_loads == ["sailpoint.adoptions", "sailpoint.ends.succeeded"]


@pytest.mark.parametrize("refused_by", ["the check", "ISC"])
def test_a_refused_file_is_counted_whoever_refuses_it(tenant, stats, tmp_path, refused_by):
    file = tenant.csv(tmp_path, rows=1)
    if refused_by == "ISC":
        file.write_text("no,such,header\n1,2,3\n", encoding="utf-8")
    check = {"min_rows": 10} if refused_by == "the check" else None
    end_of(lambda: operator(source_id=HR, file=str(file), check=check))
    assert stats.of_loads == ["sailpoint.files_refused"]
    assert stats.tags("sailpoint.files_refused") == [KIND]


@pytest.mark.parametrize("mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}], ids=str)
def test_a_sensor_counts_the_end_that_it_saw(tenant, stats, mode):
    aggregation_id = tenant.started(DIRECTORY, seconds=0.2)
    carried_out(
        lambda: SailPointAccountAggregationSensor(
            task_id="task", aggregation_id=aggregation_id, poll_interval=POLL, timeout=30.0, **mode
        )
    )
    assert stats.of_loads == ["sailpoint.ends.succeeded"]
    (took,) = [took for stat, took, _ in stats.measured if stat == "sailpoint.wait"]
    assert timedelta(0) <= took < timedelta(seconds=20)


def test_tags_hold_no_secret_and_no_name(tenant, stats):
    tenant.connect()
    carried_out(operator)
    text = repr((stats.counted, stats.measured))
    assert tenant.client_secret not in text
    assert tenant.client_id not in text
    assert "Directory" not in text


@MODES
def test_stats_that_fail_fail_no_task(tenant, monkeypatch, deferrable):
    def broken():
        raise OSError("no such host")

    monkeypatch.setattr(version_compat, "stats_of_this_process", broken)
    assert carried_out(lambda: operator(deferrable=deferrable))["state"] == "succeeded"


def is_there(module):
    """Return whether this Airflow keeps its Stats in a module of this name."""
    try:
        return import_module(module) is not None
    except ImportError:
        return False


def tell_where_to_report(module, recorder):
    """Do what a worker or a triggerer does when it starts."""
    where = {"factory": lambda: recorder}
    if hasattr(module, "_factory"):
        module.initialize(**where, export_legacy_names=False)  # Airflow 3.3
    else:
        module.Stats.initialize(**where)


def test_preparing_counts_nothing(stats):
    prepare_metrics()
    assert stats.times("sailpoint.requests") == 0


COPIES = [name for name in version_compat._STATS if is_there(name)]


@pytest.mark.parametrize("told", COPIES)
def test_the_copy_that_the_process_has_configured_gets_the_metrics(monkeypatch, told):
    recorder = Recorder()
    for name in COPIES:
        module = import_module(name)
        for owner, attributes in (
            (module, ("_factory", "_backend")),
            (module.Stats, ("factory", "instance")),
        ):
            for attribute in attributes:
                if hasattr(owner, attribute):
                    monkeypatch.setattr(owner, attribute, None)
    tell_where_to_report(import_module(told), recorder)
    request_observer("here")(429, 2.0)
    assert [stat for stat, _, _ in recorder.counted] == ["sailpoint.requests", "sailpoint.rate_limited"]
    assert [stat for stat, _, _ in recorder.measured] == ["sailpoint.request_wait"]


def test_every_airflow_has_stats_to_report_to():
    found = version_compat.stats_of_this_process()
    assert callable(found.incr)
    assert callable(found.timing)
