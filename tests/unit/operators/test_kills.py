"""Killed tasks: what is said, which record of ISC is cleared, and that nothing can hang or raise."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from sailpoint_provider.client import tenant_state
from sailpoint_provider.hooks import kill as kill_module
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.triggers import aggregation
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from tests.unit.airflow_cases import DIRECTORY, NEVER, POLL, Crash, FakeTaskInstance
from tests.unit.operators.turn_cases import crash, operator, somebody_elses

GOES_ON = "is still running in Identity Security Cloud, which has no API to cancel it"


def patches(tenant):
    return [request for request in tenant.control.requests() if request["method"] == "PATCH"]


def said(logged):
    return [record.getMessage() for record in logged.records if record.name.startswith("tests.")]


def killed(tenant, **changed):
    """Return an operator that waits for its aggregation, and that aggregation's id."""
    tenant.plan(DIRECTORY, seconds=NEVER)
    task = operator(source_id=DIRECTORY, **changed)
    with pytest.raises(Crash):
        task.execute(FakeTaskInstance(on_push=crash).context)
    return task, tenant.runs()[-1]["id"]


def test_a_killed_operator_says_what_goes_on_and_sends_nothing(tenant, logged):
    task, aggregation_id = killed(tenant)
    tenant.control.clear_requests()
    task.on_kill()
    (words,) = (line for line in said(logged) if GOES_ON in line)
    assert aggregation_id in words
    assert DIRECTORY in words
    assert "'Directory'" in words
    assert tenant.calls() == []


def test_an_operator_that_is_killed_before_its_aggregation_runs_says_nothing(tenant, logged):
    operator(source_id=DIRECTORY, on_kill_clear_task=True).on_kill()
    assert said(logged) == tenant.calls() == []


def test_an_execution_timeout_is_not_a_kill(tenant, logged):
    """Airflow calls ``on_kill`` for it too, while it handles the error; a retry resumes the wait."""
    task, _ = killed(tenant, on_kill_clear_task=True)
    tenant.control.clear_requests()
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        task.on_kill()
    assert not any("killed" in message for message in logged.messages)
    assert tenant.calls() == []


def test_a_killed_operator_clears_the_record_once_with_the_token_in_memory(tenant, logged):
    task, aggregation_id = killed(tenant, on_kill_clear_task=True)
    tenant.control.clear_requests()
    task.on_kill()
    (request,) = tenant.control.requests()
    assert (request["method"], request["status"]) == ("PATCH", 200)
    assert request["path"].endswith(f"/task-status/v1/{aggregation_id}")
    assert SailPointHook().get_task_status(aggregation_id).completion_status == "ERROR"
    assert tenant.runs()[-1]["cleared"]
    assert any("marked as ended with an error" in line for line in said(logged))


def test_without_a_token_in_memory_no_record_is_cleared(tenant, logged, monkeypatch):
    task, _ = killed(tenant, on_kill_clear_task=True)
    monkeypatch.setattr(tenant_state, "_states", {})
    task.on_kill()
    assert patches(tenant) == []
    assert any("no token in memory" in line for line in said(logged))


@pytest.mark.parametrize("kind", ["reset", "answer", "not_json", "redirect"])
def test_a_record_that_cannot_be_cleared_is_only_reported(tenant, logged, kind):
    task, _ = killed(tenant, on_kill_clear_task=True)
    status = {"answer": {"status": 403}, "not_json": {"status": 500}}.get(kind, {})
    tenant.control.fault(kind, method="PATCH", **status)
    task.on_kill()
    assert any("could not be marked as ended" in line for line in said(logged))


@pytest.mark.parametrize("kind", ["timeout", "stall"])
def test_a_stalled_server_holds_a_kill_for_three_seconds_at_most(tenant, monkeypatch, kind):
    assert kill_module._KILL_SECONDS == 3.0
    monkeypatch.setattr(kill_module, "_KILL_SECONDS", 0.3)
    task, _ = killed(tenant, on_kill_clear_task=True)
    tenant.control.fault(kind, method="PATCH", delay_seconds=2)
    begun = time.monotonic()
    task.on_kill()
    assert time.monotonic() - begun < 1.0


def test_a_kill_takes_no_lock_that_the_interrupted_code_may_hold(tenant):
    task, aggregation_id = killed(tenant, on_kill_clear_task=True)
    share = tenant_state.state_of(task.hook._tenant)
    with share.budget._lock, share.token_lock, tenant_state._lock:
        kill = threading.Thread(target=task.on_kill, daemon=True)
        kill.start()
        kill.join(5)
        assert not kill.is_alive()
    assert SailPointHook().get_task_status(aggregation_id).completion_status == "ERROR"


def trigger(tenant, monkeypatch, state, **changed):
    """Return a trigger of a running aggregation whose task is in that state, as Airflow tells it."""

    def told(task_instance):
        if callable(state):
            return state()
        return state

    monkeypatch.setattr(aggregation, "state_of_task", told)
    usual = {"poll_interval": POLL, "source_id": DIRECTORY, "clear_task_on_kill": True}
    made = SailPointAccountAggregationTrigger(
        aggregation_id=somebody_elses(tenant, seconds=NEVER), **usual | changed
    )
    made.task_instance = SimpleNamespace(task_id="task")
    return made


@pytest.mark.parametrize("state", ["failed", "success", "skipped", None])
def test_the_trigger_of_a_killed_task_says_what_goes_on_and_clears_the_record(
    tenant, monkeypatch, logged, state
):
    made = trigger(tenant, monkeypatch, state)
    asyncio.run(made.on_kill())
    (words,) = (line for line in said(logged) if GOES_ON in line)
    assert made.aggregation_id in words
    assert DIRECTORY in words
    assert len(patches(tenant)) == 1
    assert tenant.runs()[-1]["cleared"]


@pytest.mark.parametrize("state", ["failed", "success", None])
def test_a_task_whose_aggregation_has_ended_leaves_nothing_running(tenant, monkeypatch, logged, state):
    made = trigger(tenant, monkeypatch, state)
    tenant.control.finish(made.aggregation_id)
    asyncio.run(made.on_kill())
    assert said(logged) == []
    assert patches(tenant) == []
    assert not tenant.runs()[-1]["cleared"]


@pytest.mark.parametrize(
    ("kind", "settings"), [("answer", {"status": 503}), ("timeout", {"delay_seconds": 5})], ids=str
)
def test_a_record_that_cannot_be_read_at_a_kill_hides_nothing(tenant, monkeypatch, logged, kind, settings):
    monkeypatch.setattr(aggregation, "_STATE_SECONDS", 0.5)
    made = trigger(tenant, monkeypatch, "failed", clear_task_on_kill=False)
    tenant.control.fault(kind, method="GET", path="task-status", **settings)
    asyncio.run(made.on_kill())
    assert any(GOES_ON in line for line in said(logged))


def test_the_trigger_of_a_killed_task_clears_nothing_unless_configured(tenant, monkeypatch, logged):
    asyncio.run(trigger(tenant, monkeypatch, "failed", clear_task_on_kill=False).on_kill())
    assert any(GOES_ON in line for line in said(logged))
    assert patches(tenant) == []


def no_answer():
    time.sleep(0.3)
    return "failed"


def no_way():
    raise RuntimeError("nobody answers")


@pytest.mark.parametrize(
    "state",
    ["deferred", "scheduled", "queued", "running", "up_for_retry", no_answer, no_way],
    ids=["deferred", "resumed", "queued", "running", "retried", "no answer", "error"],
)
def test_a_task_that_was_not_killed_for_certain_is_let_alone(tenant, monkeypatch, logged, state):
    assert aggregation._STATE_SECONDS == 6.0
    monkeypatch.setattr(aggregation, "_STATE_SECONDS", 0.05)
    asyncio.run(trigger(tenant, monkeypatch, state).on_kill())
    assert not any(GOES_ON in line for line in said(logged))
    assert patches(tenant) == []


def slowly_failed():
    time.sleep(0.5)
    return "failed"


async def cancelled_again_and_again(made):
    """Cancel ``on_kill`` as a triggerer does until the trigger has ended, only faster."""
    kill = asyncio.ensure_future(made.on_kill())
    while not kill.done():
        await asyncio.sleep(0.1)
        kill.cancel()
    await kill


def test_a_kill_is_completed_although_airflow_cancels_it_every_second(tenant, monkeypatch, logged):
    asyncio.run(cancelled_again_and_again(trigger(tenant, monkeypatch, slowly_failed)))
    assert any(GOES_ON in line for line in said(logged))
    assert len(patches(tenant)) == 1


def test_a_kill_ends_in_time_whatever_hangs(tenant, monkeypatch):
    assert aggregation._KILL_SECONDS == 10.0
    monkeypatch.setattr(aggregation, "_KILL_SECONDS", 0.3)
    made = trigger(tenant, monkeypatch, "failed")
    tenant.control.fault("timeout", method="GET", path="task-status", delay_seconds=2)
    begun = time.monotonic()
    asyncio.run(asyncio.wait_for(made.on_kill(), 1.5))
    assert time.monotonic() - begun < 1.5


def test_a_kill_does_not_concern_somebody_elses_aggregation(tenant, monkeypatch, logged):
    asyncio.run(trigger(tenant, monkeypatch, "failed", is_ours=False).on_kill())
    assert said(logged) == []
    assert patches(tenant) == []


def test_a_connection_that_cannot_be_read_at_a_kill_is_only_reported(tenant, monkeypatch, logged):
    made = trigger(tenant, monkeypatch, "failed")
    monkeypatch.delenv("AIRFLOW_CONN_SAILPOINT_DEFAULT")
    asyncio.run(made.on_kill())
    assert any(GOES_ON in line for line in said(logged))
    assert patches(tenant) == []


async def cancelled(made):
    wait = asyncio.ensure_future(anext(made.run()))
    await asyncio.sleep(0.15)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait


@pytest.mark.parametrize(
    ("told_of_kills", "state", "speaks"),
    [(False, "failed", True), (False, None, True), (False, "deferred", False), (True, "failed", False)],
    ids=["killed", "cleared", "only cancelled", "told in another way"],
)
def test_a_cancelled_wait_asks_for_the_state_where_triggers_are_not_notified_of_kills(
    tenant, monkeypatch, logged, told_of_kills, state, speaks
):
    monkeypatch.setattr(aggregation, "TRIGGERS_HAVE_ON_KILL", told_of_kills)
    made = trigger(tenant, monkeypatch, state)
    asyncio.run(cancelled(made))
    assert any(GOES_ON in line for line in said(logged)) is speaks
    assert len(patches(tenant)) == speaks
