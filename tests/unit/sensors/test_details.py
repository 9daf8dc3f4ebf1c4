"""The sensor beside the table of modes: parameters, deferral, and what Airflow does to a deferred task."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
    conf,
)
from airflow.sdk import DAG

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.wait.watch import Watch
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.triggers import aggregation
from tests.unit.airflow_cases import (
    DIRECTORY,
    NEVER,
    NOBODY,
    POLL,
    FakeTaskInstance,
    TaskDeferralError,
    carried_out,
    end_of,
)

MODES = pytest.mark.parametrize(
    "mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}], ids=lambda mode: str(mode)
)
TIMED_OUT = {"error": "Trigger timeout"}
BROKEN = {"error": "Trigger failure", "traceback": ["Traceback of a trigger"]}


def sensor(aggregation_id=NOBODY, **changed):
    usual = {"task_id": "wait", "poll_interval": POLL, "timeout": 20}
    return SailPointAccountAggregationSensor(aggregation_id=aggregation_id, **usual | changed)


def test_the_signature_is_the_published_one():
    parameters = inspect.signature(SailPointAccountAggregationSensor.__init__).parameters
    own = {name: one for name, one in parameters.items() if name not in ("self", "kwargs")}
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in own.values())
    assert {name: one.default for name, one in own.items()} == {
        "aggregation_id": inspect.Parameter.empty,
        "kind": "account_aggregation",
        "sailpoint_conn_id": "sailpoint_default",
        "deferrable": conf.getboolean("operators", "default_deferrable", fallback=False),
        "poll_interval": None,
        "fail_on_warning": False,
        "tolerate_outage": 1800.0,
    }


def test_the_connection_is_read_once_for_all_pokes(tenant, monkeypatch):
    read = []
    look_up = SailPointHook.get_connection

    def counted(kind, conn_id):
        read.append(conn_id)
        return look_up(conn_id)

    monkeypatch.setattr(SailPointHook, "get_connection", classmethod(counted))
    aggregation_id = tenant.started(DIRECTORY, seconds=0.4)
    read.clear()
    assert carried_out(lambda: sensor(aggregation_id))["state"] == "succeeded"
    assert tenant.calls().count("get_task_status") > 1
    assert read == ["sailpoint_default"]


@pytest.mark.parametrize(
    ("rule", "cause"),
    [
        ("never_fail", RuntimeError("the backend of secrets is down")),
        ("never_fail", AirflowTaskTimeout("Timeout, PID: 7")),
        ("soft_fail", AirflowTaskTimeout("Timeout, PID: 7")),
    ],
    ids=["another error", "never_fail at execution_timeout", "soft_fail at execution_timeout"],
)
@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_skip_for_an_error_gives_that_error_as_its_reason(tenant, monkeypatch, rule, cause, mode):
    def broken(watch):
        raise cause

    monkeypatch.setattr(Watch, "poll", broken)
    ti = FakeTaskInstance()
    end = end_of(lambda: sensor(mode=mode, **{rule: True}), ti)
    assert isinstance(end, AirflowSkipException)
    assert str(end) == f"Skipped instead of failed: {type(cause).__name__}: {cause}"
    assert end.__cause__ is cause
    assert ti.pushed["reason"]["message"] == str(end)


def test_poll_interval_sets_poke_interval_and_leaves_it_alone_without():
    assert sensor(poll_interval=7).poke_interval == 7
    assert sensor(poll_interval=timedelta(minutes=2)).poke_interval == 120
    assert sensor(poll_interval=None, poke_interval=9).poke_interval == 9
    assert sensor(timeout=timedelta(hours=1)).timeout == 3600
    assert sensor(tolerate_outage=timedelta(minutes=1)).tolerate_outage == 60


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "30", True, timedelta(0)])
@pytest.mark.parametrize("name", ["poll_interval", "poke_interval", "timeout", "tolerate_outage"])
def test_a_duration_that_is_none_is_refused_when_the_dag_is_parsed(name, wrong):
    settings = {"poll_interval": None, name: wrong}
    with pytest.raises(InvalidInputError, match=name) as caught:
        sensor(**settings)
    assert isinstance(caught.value, AirflowFailException)


@MODES
@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("wrong", ["", "None", "10001", NOBODY[:-1] + "g", None])
def test_a_bad_id_is_final_and_nothing_is_sent(tenant, wrong, soft_fail, mode):
    error = end_of(lambda: sensor(wrong, soft_fail=soft_fail, **mode))
    assert isinstance(error, InvalidInputError)
    assert isinstance(error, AirflowFailException)
    assert tenant.control.requests() == []


@MODES
def test_a_missing_connection_is_named_and_can_be_retried(mode, monkeypatch):
    """Airflow says the same if its API server or a secrets backend fails."""
    monkeypatch.setattr(aggregation, "_CONNECTION_SECONDS", 0.0)
    error = end_of(lambda: sensor(sailpoint_conn_id="no_such_tenant", soft_fail=True, **mode))
    assert isinstance(error, InvalidInputError)
    assert not isinstance(error, AirflowFailException)
    assert "no_such_tenant" in str(error)


def test_its_fields_are_rendered_in_a_dag(tenant):
    tenant.connect("other_tenant")
    aggregation_id = tenant.started(seconds=0)
    with DAG("rendered", schedule=None):
        task = sensor("{{ params.id }}", sailpoint_conn_id="{{ params.tenant }}")
    task.render_template_fields({"params": {"id": aggregation_id, "tenant": "other_tenant"}})
    assert carried_out(lambda: task)["aggregation_id"] == aggregation_id


def test_an_aggregation_that_is_over_at_the_first_look_is_not_deferred(tenant):
    ti = FakeTaskInstance()
    aggregation_id = tenant.started(seconds=0)
    assert carried_out(lambda: sensor(aggregation_id, deferrable=True), ti)["state"] == "succeeded"
    assert not ti.deferrals


def test_a_deferral_hands_over_what_the_trigger_needs(tenant):
    task = sensor(tenant.started(seconds=NEVER), deferrable=True, timeout=600, tolerate_outage=90)
    with pytest.raises(TaskDeferred) as caught:
        task.execute(FakeTaskInstance().context)
    trigger = caught.value.trigger
    assert (trigger.aggregation_id, trigger.poll_interval) == (task.aggregation_id, POLL)
    assert trigger.deadlines["deadline"] - trigger.deadlines["begun"] == pytest.approx(600)
    assert trigger.deadlines["tolerate_outage"] == 90
    assert caught.value.timeout > timedelta(seconds=600)


@pytest.mark.parametrize("end", [TIMED_OUT, BROKEN])
@pytest.mark.parametrize("flags", [{}, {"soft_fail": True}, {"never_fail": True}], ids=str)
def test_a_deferral_that_airflow_breaks_off_ends_by_the_sensors_own_rules(end, flags):
    task = sensor(deferrable=True, **flags)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the kind is compared below
        task.resume_execution("__fail__", dict(end), FakeTaskInstance().context)
    skips = "never_fail" in flags or (end is TIMED_OUT and "soft_fail" in flags)
    unskipped = AirflowSensorTimeout if end is TIMED_OUT else TaskDeferralError
    assert type(caught.value) is (AirflowSkipException if skips else unskipped)
    if end is TIMED_OUT:
        assert NOBODY in str(caught.value)


@pytest.mark.parametrize("event", [None, {}, "over", {"version": 1, "status": "success", "result": {}}])
@pytest.mark.parametrize("soft_fail", [False, True])
def test_an_event_that_shows_no_end_fails(event, soft_fail):
    task = sensor(deferrable=True, soft_fail=soft_fail)
    with pytest.raises(ProtocolError):
        task.resume_execution("execute_complete", {"event": event}, FakeTaskInstance().context)


def test_the_event_of_another_aggregation_fails(tenant):
    ti = FakeTaskInstance()
    aggregation_id = tenant.started(seconds=1.0)
    carried_out(lambda: sensor(aggregation_id, deferrable=True), ti)
    with pytest.raises(ProtocolError, match=NOBODY):
        sensor(NOBODY).resume_execution("execute_complete", {"event": ti.events[0]}, ti.context)


def test_in_reschedule_mode_the_timeout_counts_from_the_first_poke(tenant):
    ti = FakeTaskInstance(reschedules=1)
    ti.begun -= timedelta(seconds=30)
    aggregation_id = tenant.started(seconds=NEVER)
    assert isinstance(end_of(lambda: sensor(aggregation_id, mode="reschedule"), ti), AirflowSensorTimeout)
    assert ti.reschedules == 1


def test_progress_is_logged_once_for_each_change(tenant, logged):
    aggregation_id = tenant.started(DIRECTORY, seconds=1.0)
    carried_out(lambda: sensor(aggregation_id))
    lines = [record.getMessage() for record in logged.records if record.name.startswith("tests.")]
    assert sum(line.startswith("STARTED") for line in lines) == 1
    assert any(line.startswith("SUCCEEDED") and "250 created" in line for line in lines)
