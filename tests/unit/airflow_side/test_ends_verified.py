"""The worker's part of a deferred wait: one request before it, both answers once after it."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow_cases import (
    DIRECTORY,
    NEVER,
    POLL,
    FakeTaskInstance,
    assert_whole,
    carried_out,
    events_of,
    reloaded,
)
from turn_cases import operator

from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc import events, patience, watch
from sailpoint_provider.isc.errors import AggregationFailedError, ProtocolError, TenantUnavailableError
from sailpoint_provider.isc.outcome import make_result
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor

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


def ended(aggregation_id, state="succeeded"):
    return events.ended(aggregation_id, state)


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
    assert event == {"event": "ended", "aggregation_id": aggregation_id, "state": "succeeded"}
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
    assert result["counts"]["total"] is not None


@KINDS
def test_an_end_that_isc_does_not_confirm_defers_again_with_the_same_times(tenant, kind, logged):
    task, deferral, aggregation_id = deferred(kind, tenant)
    with pytest.raises(TaskDeferred) as caught:
        resumed(task, deferral, ended(aggregation_id))
    again = caught.value
    assert again.method_name == "execute_complete"
    assert again.trigger.aggregation_id == aggregation_id
    for name in ("deadline", "begun", "execution_deadline", "usual_seconds", "is_ours"):
        assert again.trigger.serialize()[1][name] == deferral.trigger.serialize()[1][name]
    assert sum("ISC says that it runs" in line for line in logged.messages) == 1
    tenant.control.finish(aggregation_id)
    (event,) = events_of(reloaded(again.trigger))
    assert resumed(task, again, event)["state"] == "succeeded"
    assert kind == "sensor" or len(tenant.runs()) == 1


@KINDS
def test_a_worker_tells_the_end_that_isc_tells_and_not_what_the_event_says(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant)
    tenant.control.finish(aggregation_id, "cancelled")
    with pytest.raises(AggregationFailedError) as caught:
        resumed(task, deferral, ended(aggregation_id, "terminated"))
    assert caught.value.result["state"] == "cancelled"


@KINDS
def test_an_outage_at_the_resume_is_sat_out(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant)
    tenant.control.finish(aggregation_id)
    tenant.control.fault("answer", path="task-status", status=503, times=5)
    assert resumed(task, deferral, ended(aggregation_id))["state"] == "succeeded"


@KINDS
def test_an_outage_at_the_resume_that_is_longer_than_tolerated_ends_the_task(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant, tolerate_outage=0.1)
    tenant.control.finish(aggregation_id)
    tenant.control.fault("answer", path="task-status", status=503)
    with pytest.raises(TenantUnavailableError, match="tolerate_outage"):
        resumed(task, deferral, ended(aggregation_id))


@KINDS
def test_an_event_of_another_aggregation_is_not_believed(tenant, kind):
    task, deferral, _ = deferred(kind, tenant)
    tenant.control.clear_requests()
    with pytest.raises(ProtocolError, match="not of"):
        resumed(task, deferral, ended("f" * 32))
    assert tenant.calls() == []


@KINDS
def test_an_event_of_an_older_version_brings_its_result_along(tenant, kind):
    task, deferral, aggregation_id = deferred(kind, tenant)
    tenant.control.finish(aggregation_id)
    watch = SailPointHook().watch(aggregation_id, patience.Patience())
    whole = SailPointHook().run(watch.settled())
    tenant.control.clear_requests()
    event = {"event": "ended", "aggregation_id": aggregation_id, "result": json.loads(json.dumps(whole))}
    result = resumed(task, deferral, event)
    assert tenant.calls() == []
    assert (result["aggregation_id"], result["counts"]) == (aggregation_id, whole["counts"])


def test_an_old_event_whose_result_tells_no_end_is_not_believed(tenant):
    task, deferral, aggregation_id = deferred("sensor", tenant)
    event = {"event": "ended", "result": dict(make_result(aggregation_id))}
    with pytest.raises(ProtocolError, match="no end"):
        resumed(task, deferral, event)


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
