"""The operator at a busy source: waiting for its turn, adopting, failing, skipping."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from sailpoint_provider.client.call_flow import CallFlow
from sailpoint_provider.exceptions import AggregationTimeoutError, InvalidInputError, TenantUnavailableError
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.isc.wait import deadlines, watch
from tests.unit.airflow_cases import (
    DIRECTORY,
    HR,
    NEVER,
    NOBODY,
    FakeStore,
    FakeTaskInstance,
    carried_out,
)
from tests.unit.operators.turn_cases import (
    counted,
    crash_at_post,
    crashed,
    one_after_the_other,
    operator,
    somebody_elses,
)

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])


@MODES
def test_two_tasks_that_start_one_source_at_the_same_moment_both_load_it(tenant, monkeypatch, deferrable):
    send, meeting, met = CallFlow.send, Barrier(2), []

    def together(self, call, until):
        if call.purpose.startswith("start"):
            with suppress(BrokenBarrierError):
                met.append(meeting.wait(1))
        return (yield from send(self, call, until))

    monkeypatch.setattr(CallFlow, "send", together)
    tenant.plan(DIRECTORY)

    def run(_):
        ti = FakeTaskInstance(store=FakeStore())
        return carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable), ti)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, range(2)))

    runs = counted(tenant)
    assert {result["aggregation_id"] for result in results} == {run["id"] for run in runs}
    assert len(runs) == 2
    assert len(met) == 2, "both sent their first start at the same moment"
    assert [result["state"] for result in results] == ["succeeded"] * 2
    assert one_after_the_other(runs)


@MODES
@pytest.mark.parametrize("outcome", ["success", "error", "cancelled"])
def test_a_busy_source_is_waited_for_however_that_ends_and_then_started(tenant, outcome, deferrable):
    other = somebody_elses(tenant, outcome=outcome)
    ti = FakeTaskInstance()
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable), ti)
    theirs, ours = counted(tenant)
    assert (theirs["id"], ours["id"]) == (other, result["aggregation_id"])
    assert one_after_the_other([theirs, ours])
    assert ti.pushed == {"aggregation_id": ours["id"]}
    if deferrable:
        assert ti.deferrals[0].method_name == "execute_turn"


def test_the_wait_for_a_turn_is_not_the_tasks_own_aggregation(tenant):
    somebody_elses(tenant)
    ti = FakeTaskInstance()
    make = lambda: operator(source_id=DIRECTORY, deferrable=True, on_kill_clear_task=True)  # noqa: E731
    carried_out(make, ti)
    turn, own = (deferred.trigger for deferred in ti.deferrals)
    assert (turn.is_ours, turn.clear_task_on_kill) == (False, False)
    assert (own.is_ours, own.clear_task_on_kill, own.source_id) == (True, True, DIRECTORY)


@MODES
def test_a_busy_source_can_be_adopted(tenant, deferrable):
    other = somebody_elses(tenant)
    ti = FakeTaskInstance()
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, if_running="adopt"), ti)
    assert (result["aggregation_id"], ti.pushed["aggregation_id"]) == (other, other)
    assert tenant.starts() == []


@MODES
def test_a_busy_source_can_skip_the_task(tenant, deferrable):
    other = somebody_elses(tenant, seconds=NEVER)
    with pytest.raises(AirflowSkipException, match=other):
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, if_running="skip"))
    assert tenant.starts() == []


@pytest.mark.parametrize("wrong", [{"file": "/drop/accounts.csv"}, {"disable_optimization": True}])
def test_adopting_cannot_go_with_what_an_adopted_run_has_not_done(wrong):
    with pytest.raises(InvalidInputError, match="adopt") as caught:
        operator(source_id=HR, if_running="adopt", **wrong)
    assert isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize("rendered", [True, "true", " TRUE "])
def test_adopting_cannot_go_with_an_optimization_that_a_template_disables(tenant, rendered):
    task = operator(source_id=DIRECTORY, if_running="adopt", disable_optimization="{{ params.all }}")
    task.render_template_fields({"params": {"all": rendered}})
    with pytest.raises(InvalidInputError, match="adopt"):
        task.execute(FakeTaskInstance().context)
    assert tenant.starts() == []


@pytest.mark.parametrize("rendered", [False, "false", " FALSE "])
def test_adopting_can_go_with_an_optimization_that_a_template_leaves_on(tenant, rendered):
    other = somebody_elses(tenant)
    task = operator(source_id=DIRECTORY, if_running="adopt", disable_optimization="{{ params.all }}")
    task.render_template_fields({"params": {"all": rendered}})
    assert task.execute(FakeTaskInstance().context)["aggregation_id"] == other


@pytest.mark.parametrize("wrong", ["queue", "", None, 1])
def test_another_if_running_is_refused_when_the_dag_is_parsed(wrong):
    with pytest.raises(InvalidInputError, match="if_running"):
        operator(source_id=HR, if_running=wrong)


@MODES
@pytest.mark.parametrize("text", [None, ""], ids=["missing", "empty"])
def test_a_file_that_cannot_be_loaded_is_reported_at_once_and_not_after_the_wait(
    tenant, tmp_path, deferrable, text
):
    somebody_elses(tenant, HR, tenant.csv(tmp_path, name="theirs.csv"), seconds=NEVER)
    file = tmp_path / "accounts.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidInputError, match=r"accounts\.csv") as caught:
        carried_out(lambda: operator(source_id=HR, file=file, deferrable=deferrable))
    assert not caught.value.final


@MODES
def test_a_file_that_vanishes_while_others_run_is_reported_when_the_source_is_free(
    tenant, tmp_path, deferrable
):
    other = somebody_elses(tenant, HR, tenant.csv(tmp_path, name="theirs.csv"), seconds=NEVER)
    file = tenant.csv(tmp_path)
    task = watch.Watch._task

    def end_the_other(self):
        file.unlink(missing_ok=True)
        tenant.control.finish(other)
        return task(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch.Watch, "_task", end_the_other)
        with pytest.raises(InvalidInputError, match=r"accounts\.csv"):
            carried_out(lambda: operator(source_id=HR, file=file, deferrable=deferrable))
    assert tenant.starts() == []


@MODES
def test_another_one_that_isc_no_longer_knows_is_not_waited_for(tenant, monkeypatch, deferrable):
    monkeypatch.setattr(deadlines, "UNKNOWN_GRACE_SECONDS", 0.1)
    tenant.plan(DIRECTORY, seconds=0)
    ghost = {"id": NOBODY, "completionStatus": None, "created": "2026-01-01T00:00:00Z"}
    tenant.control.fault("answer", path="task-status/v1$", body=[ghost], times=1)
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable))
    assert [run["id"] for run in counted(tenant)] == [result["aggregation_id"]]


@MODES
def test_a_list_that_still_shows_an_ended_one_as_running_is_not_asked_without_a_pause(
    tenant, monkeypatch, deferrable
):
    monkeypatch.setattr(reconcile, "RECONCILE_PAUSE", 0.1)
    other = somebody_elses(tenant, seconds=0)
    late = {"id": other, "completionStatus": None, "created": "2026-01-01T00:00:00Z"}
    tenant.control.fault("answer", path="task-status/v1$", body=[late])
    with pytest.raises(AggregationTimeoutError):
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=0.5))
    assert tenant.calls().count("list_task_status") < 10


@MODES
def test_waiting_for_the_turn_counts_for_the_time_out(tenant, deferrable):
    other = somebody_elses(tenant, seconds=NEVER)
    with pytest.raises(AggregationTimeoutError, match=other) as caught:
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=0.3))
    assert "othing was started" in str(caught.value)
    assert tenant.starts() == []


@MODES
def test_the_time_out_goes_on_from_the_turn_to_the_own_aggregation(tenant, deferrable):
    somebody_elses(tenant)
    tenant.plan(DIRECTORY, seconds=0.2)
    ti = FakeTaskInstance(store=FakeStore())
    carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=30), ti)
    if deferrable:
        turn, own = (deferred.trigger for deferred in ti.deferrals)
        assert turn.deadlines == own.deadlines


def without_store(try_number=2, **changed):
    return FakeTaskInstance(
        **{"try_number": try_number, "max_tries": 1, "run_began": datetime.now(UTC) - timedelta(hours=1)}
        | changed
    )


@pytest.mark.parametrize("if_running", ["skip", "fail"])
@MODES
def test_without_a_store_a_later_try_waits_for_what_may_be_its_own(tenant, if_running, deferrable):
    other = somebody_elses(tenant)
    result = carried_out(
        lambda: retried(deferrable=deferrable, disable_optimization=True, if_running=if_running),
        without_store(),
    )
    theirs, ours = counted(tenant)
    assert (theirs["id"], ours["id"]) == (other, result["aggregation_id"])
    assert one_after_the_other([theirs, ours])


def retried(**changed):
    return operator(source_id=DIRECTORY, retries=1, **changed)


@MODES
def test_without_a_store_a_later_try_takes_up_the_only_one_that_runs_since(tenant, deferrable):
    other = somebody_elses(tenant)
    result = carried_out(lambda: retried(deferrable=deferrable), without_store())
    assert result["aggregation_id"] == other
    assert tenant.starts() == []


@pytest.mark.parametrize(
    ("ti", "changed"),
    [
        (without_store(1), {}),
        (without_store(3, max_tries=3), {}),
        (without_store(run_began=datetime.now(UTC) + timedelta(hours=1)), {}),
        (without_store(run_began=None), {}),
        (without_store(), {"durable": False}),
        (without_store(), {"disable_optimization": True}),
        (without_store(store=FakeStore()), {}),
    ],
    ids=[
        "a first try",
        "a first try after a clear",
        "a run of before",
        "no DAG run",
        "not durable",
        "not optimized",
        "a store that knows nothing",
    ],
)
def test_without_a_store_nothing_else_is_taken_up(tenant, ti, changed):
    other = somebody_elses(tenant)
    result = carried_out(lambda: retried(**changed), ti)
    assert result["aggregation_id"] != other
    assert len(counted(tenant)) == 2


@MODES
def test_without_a_store_a_later_try_with_a_file_waits_and_loads_it_again(
    tenant, tmp_path, monkeypatch, deferrable
):
    tenant.plan(HR)
    file = tenant.csv(tmp_path)
    make = lambda: operator(source_id=HR, file=file, retries=1, deferrable=deferrable)  # noqa: E731
    crash_at_post(monkeypatch, "after")
    ti = without_store(1)
    crashed(make, ti)
    result = carried_out(make, ti.next_try())
    assert [run["id"] for run in counted(tenant, HR)][1:] == [result["aggregation_id"]]
    assert one_after_the_other(counted(tenant, HR))


@pytest.mark.parametrize("if_running", ["skip", "fail"])
@MODES
def test_without_a_store_a_try_that_waited_still_knows_of_its_unanswered_start(
    tenant, monkeypatch, if_running, deferrable
):
    """Two others run one after the other, and the second may be what the unanswered start began."""
    send, others = CallFlow.send, []

    def troubled(self, call, until):
        is_start = call.purpose.startswith("start")
        if not others and is_start:
            others.append(tenant.control.start(DIRECTORY)["id"])
            raise TenantUnavailableError("no response", sent=True)
        if len(others) == 1 and call.purpose.startswith("list") and not is_running(others[0]):
            others.append(tenant.control.start(DIRECTORY)["id"])
        return (yield from send(self, call, until))

    def is_running(aggregation_id):
        return any(run["id"] == aggregation_id and not run["completed"] for run in tenant.runs())

    for _ in range(3):
        tenant.plan(DIRECTORY, seconds=0.5)
    monkeypatch.setattr(CallFlow, "send", troubled)
    result = carried_out(
        lambda: operator(
            source_id=DIRECTORY, disable_optimization=True, if_running=if_running, deferrable=deferrable
        )
    )
    runs = counted(tenant)
    assert [run["id"] for run in runs] == [*others, result["aggregation_id"]]
    assert one_after_the_other(runs)


@MODES
def test_without_a_store_a_retry_adopts_nothing_after_a_start_of_its_own_got_no_response(
    tenant, monkeypatch, deferrable
):
    """The only one that runs since the DAG run began may be another client's: ISC refused a start."""
    send, others = CallFlow.send, []

    def troubled(self, call, until):
        if not others and call.purpose.startswith("start"):
            others.append(tenant.control.start(DIRECTORY)["id"])
            tenant.control.start(DIRECTORY)
            raise TenantUnavailableError("no response", sent=True)
        return (yield from send(self, call, until))

    for _ in range(3):
        tenant.plan(DIRECTORY, seconds=1.0)
    monkeypatch.setattr(CallFlow, "send", troubled)
    result = carried_out(lambda: retried(deferrable=deferrable), without_store())
    runs = counted(tenant)
    assert [run["id"] for run in runs] == [*others, result["aggregation_id"]]
    assert one_after_the_other(runs)
