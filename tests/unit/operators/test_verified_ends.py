"""The worker's part of a deferred wait: one request before it, both answers once after it."""

from __future__ import annotations

import json
import time
from functools import partial

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from sailpoint_provider.exceptions import AggregationFailedError, ProtocolError, TenantUnavailableError
from sailpoint_provider.isc.wait import events, watch
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import (
    DIRECTORY,
    HR,
    NEVER,
    POLL,
    FakeStore,
    FakeTaskInstance,
    assert_whole,
    carried_out,
    events_of,
    reloaded,
)
from tests.unit.operators.turn_cases import operator

KINDS = pytest.mark.parametrize("kind", ["operator", "sensor"])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Look again soon where an answer is not clear."""
    monkeypatch.setattr(watch, "_TROUBLE_PAUSE", 0.02)


def sensor(aggregation_id, **changed):
    usual = {"task_id": "task", "aggregation_id": aggregation_id, "poll_interval": POLL, "deferrable": True}
    return SailPointAccountAggregationSensor(**usual | changed)


def deferred(kind, tenant, **changed):
    """Defer the wait for an aggregation that never ends by itself; return task, deferral and id."""
    if kind == "sensor":
        task = sensor(tenant.started(seconds=NEVER), **changed)
    else:
        tenant.plan(DIRECTORY, seconds=NEVER)
        task = operator(source_id=DIRECTORY, deferrable=True, **changed)
    with pytest.raises(TaskDeferred) as caught:
        task.execute(FakeTaskInstance().context)
    return task, caught.value, caught.value.trigger.aggregation_id


def resumed(task, deferral, event):
    kwargs = json.loads(json.dumps(deferral.kwargs or {})) | {"event": event}
    return task.resume_execution(deferral.method_name, kwargs, FakeTaskInstance().context)


def ended(deferral, state="succeeded", aggregation_id=None):
    trigger = deferral.trigger
    return events.ended(aggregation_id or trigger.aggregation_id, state, reloaded(trigger).carried)


@KINDS
def test_a_running_aggregation_costs_one_request_before_the_deferral(tenant, kind):
    deferred(kind, tenant)
    calls = [call for call in tenant.calls() if call != "token"]
    if kind == "operator":
        calls = calls[calls.index("load_accounts") + 1 :]
    assert calls == ["get_task_status"]


@KINDS
def test_an_aggregation_that_is_over_at_the_check_needs_no_triggerer(tenant, kind):
    ti = FakeTaskInstance()
    if kind == "sensor":
        aggregation_id = tenant.started(seconds=NEVER)
        tenant.control.finish(aggregation_id)
        result = carried_out(lambda: sensor(aggregation_id), ti)
    else:
        tenant.plan(DIRECTORY, seconds=0.0)
        result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=True), ti)
    assert (result["state"], result["status"]) == ("succeeded", "COMPLETED")
    assert ti.deferrals == []


@KINDS
def test_an_outage_at_the_check_is_left_to_the_triggerer(tenant, kind):
    settings = {"path": "task-status/v1/.*[0-9a-f]{32}$", "status": 503}
    if kind == "sensor":
        aggregation_id = tenant.started(seconds=NEVER)
        tenant.control.fault("answer", **settings)
        with pytest.raises(TaskDeferred):
            sensor(aggregation_id).execute(FakeTaskInstance().context)
    else:
        tenant.control.fault("answer", **settings)
        deferred(kind, tenant)


@KINDS
def test_the_worker_reads_both_answers_once_and_fills_the_result(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant)
    tenant.control.finish(aggregation_id)
    (event,) = events_of(reloaded(deferral.trigger))
    assert event == ended(deferral)
    tenant.control.clear_requests()
    result = resumed(task, deferral, event)
    assert [call for call in tenant.calls() if call != "token"] == [
        "get_task_status",
        "get_aggregation_status",
    ]
    assert_whole(result)
    assert (result["aggregation_id"], result["state"]) == (aggregation_id, "succeeded")
    assert (result["status"], result["completion_status"]) == ("COMPLETED", "SUCCESS")
    assert result["source_id"] == DIRECTORY
    assert result["accounts"]["scanned"] is not None


@KINDS
def test_an_end_that_isc_does_not_confirm_defers_again_with_the_same_times(tenant, kind, logged):
    task, deferral, aggregation_id = deferred(kind, tenant)
    with pytest.raises(TaskDeferred) as caught:
        resumed(task, deferral, ended(deferral))
    again = caught.value
    assert again.method_name == "execute_complete"
    assert again.trigger.aggregation_id == aggregation_id
    for name in ("deadlines", "usual_seconds", "is_ours"):
        assert again.trigger.serialize()[1][name] == deferral.trigger.serialize()[1][name]
    assert sum("ISC says that it is still running" in line for line in logged.messages) == 1
    tenant.control.finish(aggregation_id)
    (event,) = events_of(reloaded(again.trigger))
    assert resumed(task, again, event)["state"] == "succeeded"
    assert kind == "sensor" or len(tenant.runs()) == 1


@KINDS
def test_a_worker_shows_the_end_that_isc_shows_and_not_what_the_event_says(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant)
    tenant.control.finish(aggregation_id, "cancelled")
    with pytest.raises(AggregationFailedError) as caught:
        resumed(task, deferral, ended(deferral, "terminated"))
    assert caught.value.result["state"] == "cancelled"


@KINDS
def test_an_outage_at_the_resume_is_sat_out(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant)
    tenant.control.finish(aggregation_id)
    tenant.control.fault("answer", path="task-status", status=503, times=5)
    assert resumed(task, deferral, ended(deferral))["state"] == "succeeded"


@KINDS
def test_an_outage_at_the_resume_that_is_longer_than_tolerated_ends_the_task(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant, tolerate_outage=0.1)
    tenant.control.finish(aggregation_id)
    tenant.control.fault("answer", path="task-status", status=503)
    with pytest.raises(TenantUnavailableError, match="tolerate_outage"):
        resumed(task, deferral, ended(deferral))


@KINDS
def test_an_event_of_another_aggregation_is_not_believed(tenant, kind):
    task, deferral, _ = deferred(kind, tenant)
    tenant.control.clear_requests()
    with pytest.raises(ProtocolError, match="is about"):
        resumed(task, deferral, ended(deferral, aggregation_id="f" * 32))
    assert tenant.calls() == []


STORED = pytest.mark.parametrize("what", ["event", "store"])


@STORED
def test_an_event_alone_brings_back_all_that_a_result_needs(tenant, tmp_path, what):
    """As ``airflow dags test`` resumes a task, and as a store fills in where an event brings nothing."""
    file = tenant.csv(tmp_path)
    ti = FakeTaskInstance(store=FakeStore() if what == "store" else None)
    tenant.plan(HR, seconds=NEVER)
    make = partial(operator, source_id=HR, file=file, deferrable=True)
    with pytest.raises(TaskDeferred) as caught:
        make().execute(ti.context)
    deferral = caught.value
    assert not deferral.kwargs
    (run,) = tenant.runs()
    tenant.control.finish(run["id"])
    (event,) = events_of(reloaded(deferral.trigger))
    if what == "store":
        event["carried"] = {}
    result = make().resume_execution(deferral.method_name, {"event": event}, ti.context)
    assert result["source_name"] == "HR Delimited File"
    assert result["file"] == {
        "name": file.name,
        "size_bytes": file.stat().st_size,
        "sha256": run["file"]["sha256"],
        "rows": None,
    }
    if what == "store":
        assert ti.store.states[-1] == "returned"


@pytest.mark.parametrize("carried", [{}, {"checkpoint": {"state": "running"}}, {"checkpoint": 7}, None, 7])
def test_an_end_that_nothing_attributes_to_the_task_is_not_believed(tenant, carried):
    task, deferral, aggregation_id = deferred("operator", tenant)
    tenant.control.finish(aggregation_id)
    event = ended(deferral) | {"carried": carried}
    with pytest.raises(ProtocolError, match=r"checkpoint names|malformed"):
        resumed(task, deferral, event)


@pytest.mark.parametrize("wrong", [{"begun": "now"}, {"deadline": float("nan")}, {"execution_deadline": []}])
def test_times_that_cannot_be_read_begin_anew(tenant, wrong):
    task, deferral, aggregation_id = deferred("sensor", tenant)
    tenant.control.finish(aggregation_id)
    event = ended(deferral)
    event["carried"]["deadlines"] |= wrong
    assert resumed(task, deferral, event)["state"] == "succeeded"


def test_how_long_earlier_runs_took_reaches_the_trigger(tenant):
    _, first, aggregation_id = deferred("operator", tenant)
    assert first.trigger.usual_seconds is None
    tenant.control.finish(aggregation_id)
    took = [run for run in tenant.runs() if run["id"] == aggregation_id]
    _, second, _ = deferred("operator", tenant, durable=False)
    assert took
    assert second.trigger.usual_seconds is not None
    assert 0.0 <= second.trigger.usual_seconds < 60.0
    assert reloaded(second.trigger).usual_seconds == second.trigger.usual_seconds


def test_a_busy_source_is_checked_once_before_the_wait_for_the_turn_is_deferred(tenant):
    other = tenant.started(seconds=NEVER)
    with pytest.raises(TaskDeferred) as caught:
        operator(source_id=DIRECTORY, deferrable=True).execute(FakeTaskInstance().context)
    assert caught.value.trigger.aggregation_id == other
    assert [call for call in tenant.calls() if call == "get_task_status"] == ["get_task_status"]
    assert "get_aggregation_status" not in tenant.calls()


@KINDS
@pytest.mark.parametrize("limit", ["deadline", "execution_deadline"])
def test_a_load_that_ended_in_time_succeeds_however_late_its_worker_resumes(tenant, kind, limit):
    task, deferral, aggregation_id = deferred(kind, tenant)
    tenant.control.finish(aggregation_id)
    event = ended(deferral)
    passed = {limit: time.time() - 60}
    if kind == "operator":
        event["carried"]["checkpoint"]["deadlines"] |= passed
    else:
        event["carried"]["deadlines"] = event["carried"].get("deadlines", {}) | passed
    result = resumed(task, deferral, event)
    assert result if isinstance(result, dict) else aggregation_id
