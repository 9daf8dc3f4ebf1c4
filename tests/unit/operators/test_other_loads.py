"""Entitlements and uncorrelated accounts run with the promises of the account aggregation."""

from __future__ import annotations

import hashlib

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
    AggregationFailedError,
    AggregationTimeoutError,
    FileRefusedError,
    InvalidInputError,
)
from sailpoint_provider.hooks.sailpoint import SailPointHook
from tests.unit.airflow_cases import (
    API_VERSIONS,
    DIRECTORY,
    HR,
    NEVER,
    FakeStore,
    FakeTaskInstance,
    assert_whole,
    carried_out,
    end_of,
    timed_out_after_start,
)
from tests.unit.operators.load_cases import (
    CASES,
    DIRECT_ENTITLEMENTS,
    FILED_ENTITLEMENTS,
    UNCORRELATED,
    WITH_FILE,
)
from tests.unit.operators.turn_cases import crash, crash_at_post, crashed, one_after_the_other

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
KINDS = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
FILES = pytest.mark.parametrize("case", WITH_FILE, ids=lambda case: case.name)


@MODES
@KINDS
def test_it_ends_as_the_task_record_says_with_counts_of_its_own(tenant, tmp_path, case, deferrable):
    case.plan(tenant, seconds=1.5 if deferrable else 0.15)
    ti = FakeTaskInstance()
    result = carried_out(lambda: case.operator(tmp_path, deferrable=deferrable), ti)
    assert_whole(result)
    (run,) = case.runs(tenant)
    assert (result["aggregation_id"], result["state"]) == (run["id"], "succeeded")
    assert ti.pushed["aggregation_id"] == run["id"]
    assert len(ti.deferrals) == deferrable
    entitlements = case.kind == "entitlement_aggregation"
    counts, others = ("entitlements", "accounts") if entitlements else ("accounts", "entitlements")
    assert result[counts]["scanned"] == run["counts"]["total"]
    assert result[counts]["created"] == run["counts"]["created"]
    assert set(result[others].values()) == {None}
    assert result["status"] is None
    assert "get_aggregation_status" not in tenant.calls()


@FILES
def test_the_file_arrives_whole_and_is_named_in_the_result(tenant, tmp_path, case):
    case.plan(tenant)
    content = case.file(tmp_path, 20).read_bytes()
    result = carried_out(lambda: case.operator(tmp_path))
    (start,) = tenant.starts(case.call)
    assert start["file"]["sha256"] == hashlib.sha256(content).hexdigest() == result["file"]["sha256"]
    assert start["parts"] == ["file"]


@pytest.mark.parametrize("api_version", API_VERSIONS)
@KINDS
def test_every_api_version_runs_it(tenant, tmp_path, case, api_version):
    tenant.connect(extra={"api_version": api_version})
    case.plan(tenant)
    result = carried_out(lambda: case.operator(tmp_path, deferrable=True))
    assert result["state"] == "succeeded"
    (start,) = tenant.starts(case.call)
    assert start["api_version"] == api_version


@MODES
@KINDS
@pytest.mark.parametrize("outcome", ["error", "terminated", "temperror"])
def test_a_bad_end_fails_the_task_in_the_words_of_its_kind(tenant, tmp_path, case, outcome, deferrable):
    case.plan(tenant, outcome)
    error = end_of(lambda: case.operator(tmp_path, deferrable=deferrable))
    assert isinstance(error, AggregationFailedError)
    name = "load of uncorrelated accounts" if case is UNCORRELATED else "entitlement aggregation"
    assert str(error).startswith("TERMINATED in" if outcome == "terminated" else "FAILED in")
    assert f" · {name} {tenant.runs()[-1]['id']}" in str(error)


@MODES
@KINDS
def test_a_deadline_ends_the_wait_and_starts_nothing_again(tenant, tmp_path, case, deferrable):
    case.plan(tenant, seconds=NEVER)
    error = timed_out_after_start(
        lambda seconds: end_of(lambda: case.operator(tmp_path, deferrable=deferrable, timeout=seconds)),
        lambda: bool(case.runs(tenant)),
    )
    assert isinstance(error, AggregationTimeoutError)
    assert len(case.runs(tenant)) == 1


@MODES
@KINDS
def test_it_waits_while_another_one_of_its_kind_runs(tenant, tmp_path, case, deferrable):
    case.plan(tenant, seconds=0.3)
    hook, file = SailPointHook(), case.file(tmp_path, 5, "other.csv")
    load = {"load_entitlements": hook.load_entitlements}.get(case.call, hook.load_uncorrelated_accounts)
    other = load(case.source_id, file) if file is not None else load(case.source_id)
    case.plan(tenant)
    result = carried_out(lambda: case.operator(tmp_path, deferrable=deferrable))
    first, second = case.runs(tenant)
    assert (first["id"], second["id"]) == (other.id, result["aggregation_id"])
    assert one_after_the_other([first, second])


@KINDS
def test_an_account_aggregation_of_the_source_is_not_in_its_way(tenant, tmp_path, case):
    tenant.plan(case.source_id, seconds=NEVER)
    tenant.control.start(case.source_id)
    case.plan(tenant)
    result = carried_out(lambda: case.operator(tmp_path, if_running="fail"))
    assert result["state"] == "succeeded"


@KINDS
@pytest.mark.parametrize(
    ("if_running", "error"), [("fail", AggregationAlreadyRunningError), ("skip", AirflowSkipException)]
)
def test_it_gives_way_as_the_server_says(tenant, tmp_path, case, if_running, error):
    case.plan(tenant, seconds=NEVER)
    first = case.operator(tmp_path, wait_for_completion=False)
    first.execute(FakeTaskInstance().context)
    assert isinstance(end_of(lambda: case.operator(tmp_path, if_running=if_running)), error)
    assert len(case.runs(tenant)) == 1


def test_a_running_entitlement_aggregation_is_adopted_on_demand(tenant, tmp_path):
    DIRECT_ENTITLEMENTS.plan(tenant, seconds=0.3)
    other = SailPointHook().load_entitlements(DIRECTORY)
    result = carried_out(lambda: DIRECT_ENTITLEMENTS.operator(tmp_path, if_running="adopt"))
    assert result["aggregation_id"] == other.id


@FILES
def test_nothing_is_adopted_in_place_of_a_file(tmp_path, case):
    error = end_of(lambda: case.operator(tmp_path, if_running="adopt"))
    assert isinstance(error, InvalidInputError)
    assert "disable_optimization" not in str(error)


@MODES
@KINDS
@pytest.mark.parametrize(
    "place",
    ["before POST", "after POST"]
    + [f"{when} {state}" for state in ("submitting", "running", "returned") for when in ("before", "after")],
)
def test_a_crash_anywhere_and_a_retry_report_a_load_of_their_own(
    tenant, tmp_path, monkeypatch, place, case, deferrable
):
    case.plan(tenant)
    ti = FakeTaskInstance(store=FakeStore())
    when, what = place.split()
    if what == "POST":
        crash_at_post(monkeypatch, when)
    else:
        left = [what]
        setattr(ti.store, when, lambda state: left == [state] and (left.clear(), crash()))

    def make():
        return case.operator(tmp_path, deferrable=deferrable)

    crashed(make, ti)
    result = carried_out(make, ti.next_try())
    *unacknowledged, run = [one for one in case.runs(tenant) if not one["refused"]]
    # With a file, only ISC's own answer shows which load is the task's, so it is loaded again.
    assert len(unacknowledged) == (bool(case.header) and place in ("after POST", "before running"))
    assert one_after_the_other([*unacknowledged, run])
    assert (result["aggregation_id"], result["state"]) == (run["id"], "succeeded")


@KINDS
def test_a_start_without_a_response_is_settled_within_the_try(tenant, tmp_path, case):
    case.plan(tenant)
    tenant.control.fault(
        "disconnect", method="POST", path=f"/{case.call.replace('_', '-')}$", times=1, when="after"
    )
    result = carried_out(lambda: case.operator(tmp_path))
    runs = [run for run in case.runs(tenant) if not run["refused"]]
    assert len(runs) == (2 if case.header else 1)
    assert result["aggregation_id"] == runs[-1]["id"]


def test_the_same_file_of_another_kind_is_another_load(tenant, tmp_path):
    ti = FakeTaskInstance(store=FakeStore())
    results = []
    for case in (FILED_ENTITLEMENTS, UNCORRELATED):
        case.plan(tenant)
        file = str(FILED_ENTITLEMENTS.file(tmp_path) if not results else tmp_path / "rows.csv")
        results.append(carried_out(lambda: case.operator(tmp_path, source_id=HR, file=file), ti))  # noqa: B023
        ti = ti.next_try()
    assert results[0]["aggregation_id"] != results[1]["aggregation_id"]
    assert [run["kind"] for run in tenant.runs()] == [FILED_ENTITLEMENTS.kind, UNCORRELATED.kind]


def test_another_object_type_is_another_load(tenant, tmp_path):
    case, ti = FILED_ENTITLEMENTS, FakeTaskInstance(store=FakeStore())
    for number, object_type in enumerate(("group", "role")):
        case.plan(tenant)
        carried_out(lambda: case.operator(tmp_path, object_type=object_type), ti)  # noqa: B023
        assert [run["object_type"] for run in case.runs(tenant)] == ["group", "role"][: number + 1]
        ti = ti.next_try()


def test_the_object_type_is_sent_beside_the_file(tenant, tmp_path):
    FILED_ENTITLEMENTS.plan(tenant)
    carried_out(lambda: FILED_ENTITLEMENTS.operator(tmp_path, object_type="group"))
    (start,) = tenant.starts("load_entitlements")
    assert (start["object_type"], start["parts"]) == ("group", ["objectType", "file"])


@pytest.mark.parametrize(
    ("case", "changed", "words"),
    [
        (DIRECT_ENTITLEMENTS, {"object_type": "group"}, "needs a file"),
        (FILED_ENTITLEMENTS, {"object_type": " "}, "object_type"),
        (DIRECT_ENTITLEMENTS, {"source_id": HR}, "Set file"),
        (FILED_ENTITLEMENTS, {"source_id": DIRECTORY}, "takes no file for an entitlement aggregation"),
        (UNCORRELATED, {"file": None}, "needs a file"),
        (FILED_ENTITLEMENTS, {"kind": "x"}, "Invalid arguments"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(tenant, tmp_path, case, changed, words):
    error = end_of(lambda: case.operator(tmp_path, **changed))
    assert words in str(error)
    assert tenant.runs() == []


def test_a_header_that_isc_refuses_is_final(tenant, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("id,wrong\n1,2\n", encoding="utf-8")
    error = end_of(lambda: FILED_ENTITLEMENTS.operator(tmp_path))
    assert isinstance(error, FileRefusedError)
    assert isinstance(error, AirflowFailException)
    assert "is unknown and/or column" in str(error)


def test_a_client_without_a_user_learns_what_it_needs(tenant):
    tenant.client(scopes=["sp:scopes:all"], user=False)
    error = end_of(lambda: DIRECT_ENTITLEMENTS.operator(None))
    assert "personal access token" in str(error)
    assert isinstance(error, AirflowFailException)


@MODES
def test_the_names_of_entitlement_tasks_may_end_in_an_id(tenant, tmp_path, deferrable):
    tenant.control.shapes(all=True)
    for api_version in ("v1", "beta"):
        tenant.connect(extra={"api_version": api_version})
        DIRECT_ENTITLEMENTS.plan(tenant, seconds=0.3)
        other = SailPointHook().load_entitlements(DIRECTORY)
        result = carried_out(
            lambda: DIRECT_ENTITLEMENTS.operator(tmp_path, if_running="adopt", deferrable=deferrable)
        )
        assert result["aggregation_id"] == other.id


@KINDS
def test_a_kill_names_the_load_and_clears_its_record_on_demand(tenant, tmp_path, case, logged):
    case.plan(tenant, seconds=NEVER)
    task = case.operator(tmp_path, wait_for_completion=False, on_kill_clear_task=True)
    result = task.execute(FakeTaskInstance().context)
    task.on_kill()
    name = "Load of uncorrelated accounts" if case is UNCORRELATED else "Entitlement aggregation"
    assert f"The task was killed. {name} {result['aggregation_id']}" in logged.text
    (run,) = case.runs(tenant)
    assert run["cleared"]


def test_default_args_reach_the_parameters_of_the_base(tmp_path):
    from airflow.sdk import DAG

    with DAG(
        "defaults", schedule=None, default_args={"timeout": 7.0, "sailpoint_conn_id": "other", "retries": 4}
    ):
        tasks = [case.operator(tmp_path) for case in CASES[:1]]
        tasks.append(UNCORRELATED.operator_class(task_id="two", source_id=HR, file="x.csv"))
    assert {(task.timeout, task.sailpoint_conn_id, task.retries) for task in tasks} == {(7.0, "other", 4)}
