"""The identity refresh: parts of 250, each once, and an end that is never guessed."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from sailpoint_provider.exceptions import (
    AggregationTimeoutError,
    InvalidInputError,
    ProtocolError,
    RefreshFailedError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.start import refresh
from sailpoint_provider.isc.wait import deadlines
from sailpoint_provider.operators.identity_refresh import SailPointIdentityRefreshOperator
from tests.unit.airflow_cases import (
    API_VERSIONS,
    NEVER,
    POLL,
    SPEED,
    FakeStore,
    FakeTaskInstance,
    carried_out,
    end_of,
    timed_out_after_start,
)
from tests.unit.operators.turn_cases import crash_at_post, crashed

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
PROFILE = "2b838de9-db9b-abcf-e646-d4f274ad4238"
CALL = "process_identities"


def ids(number):
    return [f"{one:032x}" for one in range(number)]


def operator(number=3, **changed):
    usual = {"task_id": "task", "poll_interval": POLL}
    if "identity_profile_id" not in changed:
        usual["identity_ids"] = ids(number)
    return SailPointIdentityRefreshOperator(**usual | changed)


def plan(tenant, outcome=None, seconds=0.15):
    tenant.control.next_refresh(outcome, collect_seconds=seconds * SPEED, process_seconds=0.0)


@MODES
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_it_ends_as_the_task_records_say(tenant, deferrable, api_version):
    tenant.connect(extra={"api_version": api_version})
    for _ in range(3):
        plan(tenant, seconds=2.0 if deferrable else 0.15)
    ti = FakeTaskInstance()
    result = carried_out(lambda: operator(600, deferrable=deferrable), ti)
    assert (result["state"], result["identities"]) == ("succeeded", 600)
    assert [part["identities"] for part in result["parts"]] == [250, 250, 100]
    assert [run["identities"] for run in tenant.runs()] == [250, 250, 100]
    assert [part["task_id"] for part in result["parts"]] == [run["id"] for run in tenant.runs()]
    assert ti.pushed["task_ids"] == [run["id"] for run in tenant.runs()]
    assert bool(ti.deferrals) is deferrable


@MODES
def test_a_bad_part_fails_the_task_after_all_have_ended_and_a_retry_sends_only_that_one(tenant, deferrable):
    plan(tenant)
    plan(tenant, "error")
    plan(tenant, "warning", seconds=0.4)
    ti = FakeTaskInstance(store=FakeStore())
    error = end_of(lambda: operator(600, deferrable=deferrable), ti)
    assert isinstance(error, RefreshFailedError)
    assert not isinstance(error, AirflowFailException)
    assert [part["state"] for part in error.result["parts"]] == [
        "succeeded",
        "failed",
        "succeeded_with_warnings",
    ]
    plan(tenant)
    result = carried_out(lambda: operator(600, deferrable=deferrable), ti.next_try())
    assert result["state"] == "succeeded_with_warnings"
    assert [run["identities"] for run in tenant.runs()] == [250, 250, 100, 250]


def test_the_ids_are_checked_once_however_many_parts_they_are_sent_in(tenant, monkeypatch):
    for _ in range(5):
        plan(tenant)
    checked, check = [], refresh.checked_identity_ids

    def counted(given):
        checked.append(len(given))
        return check(given)

    monkeypatch.setattr(refresh, "checked_identity_ids", counted)
    assert len(carried_out(lambda: operator(1250))["parts"]) == 5
    assert checked == [1250]


def test_warnings_fail_it_on_demand(tenant):
    plan(tenant, "warning")
    assert isinstance(end_of(lambda: operator(fail_on_warning=True)), RefreshFailedError)


@MODES
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_a_request_and_a_retry_send_only_what_was_not_acknowledged(
    tenant, monkeypatch, when, deferrable
):
    ti = FakeTaskInstance(store=FakeStore())
    crash_at_post(monkeypatch, when)
    crashed(lambda: operator(600, deferrable=deferrable), ti)
    result = carried_out(lambda: operator(600, deferrable=deferrable), ti.next_try())
    assert result["state"] == "succeeded"
    # Nobody can tell whose the refresh is that began without an acknowledgement.
    assert len(tenant.starts(CALL)) == (4 if when == "after" else 3)


@pytest.mark.parametrize("place", ["submitting", "running", "returned"])
def test_a_crash_at_a_write_and_a_retry_send_no_acknowledged_part_again(tenant, place):
    plan(tenant)
    ti = FakeTaskInstance(store=FakeStore())
    left = [place]

    def write(state):
        if left == [state]:
            left.clear()
            from tests.unit.operators.turn_cases import crash

            crash()

    ti.store.after = write
    crashed(operator, ti)
    result = carried_out(operator, ti.next_try())
    assert result["state"] == "succeeded"
    assert len(tenant.starts(CALL)) == 1


def test_a_request_without_a_response_fails_the_try_and_is_sent_once_per_try(tenant):
    tenant.control.fault("disconnect", method="POST", path="/process$", times=1, when="after")
    ti = FakeTaskInstance(store=FakeStore())
    error = end_of(operator, ti)
    assert isinstance(error, TenantUnavailableError)
    assert "twice does no harm" in str(error)
    assert len(tenant.starts(CALL)) == 1
    assert carried_out(operator, ti.next_try())["state"] == "succeeded"
    assert len(tenant.starts(CALL)) == 2


def test_a_clear_sends_everything_again(tenant):
    ti = FakeTaskInstance(store=FakeStore())
    carried_out(operator, ti)
    carried_out(operator, ti.cleared())
    assert len(tenant.starts(CALL)) == 2


@MODES
def test_a_task_that_isc_does_not_know_is_not_a_success_and_is_not_started_again(
    tenant, monkeypatch, deferrable
):
    monkeypatch.setattr(deadlines, "UNKNOWN_GRACE_SECONDS", 0.3)
    tenant.control.shapes(refresh_task_unknown=True)
    ti = FakeTaskInstance(store=FakeStore())
    for _ in range(2):
        error = end_of(lambda: operator(deferrable=deferrable), ti)
        assert isinstance(error, UnknownAggregationError)
        assert "wait_for_completion=False" in str(error)
        ti = ti.next_try()
    assert len(tenant.starts(CALL)) == 1


def test_an_acknowledgement_without_a_task_is_not_a_success(tenant):
    tenant.control.fault(
        "other_shape", method="POST", path="/process$", times=1, when="after", body={"type": "TASK_RESULT"}
    )
    ti = FakeTaskInstance(store=FakeStore())
    for _ in range(2):
        error = end_of(operator, ti)
        assert isinstance(error, ProtocolError)
        assert "named no task" in str(error)
        ti = ti.next_try()
    assert len(tenant.starts(CALL)) == 1


def test_parts_that_isc_answers_with_one_task_all_end_with_it(tenant):
    task_id = SailPointHook().process_identities(ids(1))
    tenant.control.fault(
        "other_shape", method="POST", path="/process$", times=2, when="after", body={"id": task_id}
    )
    result = carried_out(lambda: operator(300))
    assert [part["state"] for part in result["parts"]] == ["succeeded", "succeeded"]
    assert result["state"] == "succeeded"


def test_without_a_wait_the_state_is_running(tenant):
    plan(tenant, seconds=NEVER)
    result = carried_out(lambda: operator(wait_for_completion=False))
    assert result["state"] == "running"
    assert tenant.calls().count("get_task_status") == 0


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_profile_is_accepted_once_and_its_end_is_not_claimed(tenant, api_version):
    tenant.connect(extra={"api_version": api_version})
    ti = FakeTaskInstance(store=FakeStore())

    def make():
        return operator(identity_profile_id=PROFILE, wait_for_completion=False)

    result = carried_out(make, ti)
    assert carried_out(make, ti.next_try()) == result
    assert (result["state"], result["identity_profile_id"], result["identities"]) == (
        "running",
        PROFILE,
        None,
    )
    assert len(tenant.starts("process_identity_profile")) == 1


@MODES
def test_a_deadline_ends_the_wait(tenant, deferrable):
    plan(tenant, seconds=NEVER)
    error = timed_out_after_start(
        lambda seconds: end_of(lambda: operator(deferrable=deferrable, timeout=seconds)),
        lambda: bool(tenant.runs()),
    )
    assert isinstance(error, AggregationTimeoutError)
    assert "identity refresh" in str(error)


def test_a_retry_after_a_deadline_waits_on_without_a_new_request(tenant):
    plan(tenant, seconds=NEVER)
    ti = FakeTaskInstance(store=FakeStore())
    error = timed_out_after_start(
        lambda seconds: end_of(lambda: operator(timeout=seconds), ti), lambda: bool(tenant.runs())
    )
    assert isinstance(error, AggregationTimeoutError)
    tenant.control.finish(tenant.runs()[0]["id"])
    assert carried_out(lambda: operator(timeout=30.0), ti.next_try())["state"] == "succeeded"
    assert len(tenant.starts(CALL)) == 1


def test_a_kill_names_the_task_and_clears_its_record_on_demand(tenant, logged):
    plan(tenant, seconds=NEVER)
    tasks = []

    def timed_out(seconds):
        tasks.append(operator(on_kill_clear_task=True, timeout=seconds))
        with pytest.raises(AggregationTimeoutError):
            tasks[-1].execute(FakeTaskInstance().context)

    timed_out_after_start(timed_out, lambda: bool(tenant.runs()))
    task = tasks[-1]
    task.on_kill()
    (run,) = tenant.runs()
    assert f"Identity refresh {run['id']} is still running" in logged.text
    assert tenant.runs()[0]["cleared"]


def test_what_waits_in_the_triggerer_is_json_without_secrets(tenant):
    plan(tenant, seconds=2.0)
    ti = FakeTaskInstance()
    carried_out(lambda: operator(deferrable=True), ti)
    (deferred,) = ti.deferrals
    _, kwargs = deferred.trigger.serialize()
    text = json.dumps(kwargs)
    assert kwargs["kind"] == "identity_refresh"
    assert tenant.client_secret not in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"identity_ids": None}, "neither is set"),
        ({"identity_profile_id": PROFILE, "identity_ids": ids(1)}, "both are set"),
        ({"identity_profile_id": PROFILE}, "wait_for_completion=False"),
        ({"identity_profile_id": "x", "wait_for_completion": False}, "identity_profile_id"),
        ({"identity_ids": []}, "empty"),
        ({"identity_ids": ["short"]}, "identity_ids 'short'"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(tenant, changed, words):
    error = end_of(lambda: operator(**changed))
    assert isinstance(error, InvalidInputError)
    assert words in str(error)
    assert tenant.calls() == []
