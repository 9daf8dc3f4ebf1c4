"""The operator where the aggregation, the tenant or the time ends badly."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationAlreadyRunningError,
    AggregationFailedError,
    AggregationTimeoutError,
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    TenantUnavailableError,
)
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from tests.unit.airflow_cases import (
    CONTRACTORS,
    DIRECTORY,
    HR,
    NEVER,
    NOBODY,
    POLL,
    FakeTaskInstance,
    carried_out,
    end_of,
    timed_out_after_start,
)

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
ONE_RECORD = "task-status/.*[0-9a-f]{32}$"


def operator(**changed):
    return SailPointAccountAggregationOperator(**{"task_id": "aggregate", "poll_interval": POLL} | changed)


def assert_final(error):
    assert isinstance(error, AirflowFailException)


def assert_retriable(error):
    assert not isinstance(error, AirflowFailException)


@MODES
@pytest.mark.parametrize("seconds", [0, 0.15], ids=["over at the first look", "waited for"])
@pytest.mark.parametrize(
    ("outcome", "state", "completion"),
    [
        ("error", "failed", "ERROR"),
        ("cancelled", "cancelled", "TERMINATED"),
        ("terminated", "terminated", "TERMINATED"),
        ("temperror", "failed", "TEMPERROR"),
    ],
)
def test_a_bad_end_raises_with_the_result_and_can_be_retried(
    tenant, outcome, state, completion, seconds, deferrable
):
    tenant.plan(DIRECTORY, outcome, seconds, messages=["The directory said no."])
    ti = FakeTaskInstance()
    with pytest.raises(AggregationFailedError, match=r"The directory said no\.") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable), ti)
    assert_retriable(caught.value)
    result = caught.value.result
    assert (result["state"], result["completion_status"]) == (state, completion)
    assert (result["source_id"], result["source_name"]) == (DIRECTORY, "Directory")
    assert result["aggregation_id"] == ti.pushed["aggregation_id"] == tenant.runs()[0]["id"]
    assert result["messages"][0]["text"] == "The directory said no."


@pytest.mark.parametrize("outcome", ["cancelled", "terminated"])
def test_an_end_between_the_two_answers_of_a_look_loses_no_result(tenant, outcome):
    running = {"id": None, "completionStatus": None, "messages": [], "attributes": {}}
    tenant.plan(DIRECTORY, outcome, seconds=0, messages=["The directory said no."])

    def answer_the_first_look_as_if_it_ran():
        running["id"] = tenant.runs()[0]["id"]
        tenant.control.fault("answer", path="task-status", body=running, times=1)

    ti = FakeTaskInstance(on_push=answer_the_first_look_as_if_it_ran)
    with pytest.raises(AggregationFailedError) as caught:
        carried_out(lambda: operator(source_id=DIRECTORY), ti)
    result = caught.value.result
    assert (result["state"], result["completion_status"]) == (outcome, "TERMINATED")
    assert result["messages"]
    assert result["completed"]


@MODES
def test_a_warning_is_a_good_end_unless_configured_otherwise(tenant, deferrable):
    tenant.plan(DIRECTORY, "warning", messages=[{"type": "WARN", "text": "Two accounts were odd."}])
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable))
    assert result["state"] == "succeeded_with_warnings"
    assert result["messages"] == [{"type": "WARN", "text": "Two accounts were odd."}]


@MODES
def test_a_warning_fails_the_task_with_fail_on_warning(tenant, deferrable):
    tenant.plan(DIRECTORY, "warning")
    with pytest.raises(AggregationFailedError) as caught:
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, fail_on_warning=True))
    assert_retriable(caught.value)
    assert caught.value.result["state"] == "succeeded_with_warnings"


@MODES
def test_a_deletion_that_isc_skipped_is_flagged(tenant, tmp_path, logged, deferrable):
    many, few = (
        tenant.csv(tmp_path, rows, CONTRACTORS, name) for rows, name in ((20, "many.csv"), (5, "few.csv"))
    )
    for file in (many, few):
        tenant.plan(CONTRACTORS, seconds=0.1)
        result = carried_out(
            lambda file=file: operator(source_id=CONTRACTORS, file=file, deferrable=deferrable)
        )
        assert result["deletions_skipped"] is (file == few)
    assert result["state"] == "succeeded_with_warnings"
    assert any("ISC deleted no accounts" in record.getMessage() for record in logged.records)


@MODES
def test_a_busy_source_that_is_not_waited_for_can_be_retried(tenant, deferrable):
    tenant.started(DIRECTORY, seconds=NEVER)
    ti = FakeTaskInstance()
    with pytest.raises(AggregationAlreadyRunningError, match=DIRECTORY) as caught:
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, if_running="fail"), ti)
    assert_retriable(caught.value)
    assert ti.pushed.keys() == {"reason"}
    assert tenant.starts() == []


@MODES
def test_a_timeout_shows_the_id_and_that_the_aggregation_goes_on(tenant, deferrable):
    tenant.plan(DIRECTORY, seconds=NEVER)
    ti = FakeTaskInstance()
    error = timed_out_after_start(
        lambda seconds: end_of(
            lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=seconds), ti
        ),
        lambda: "aggregation_id" in ti.pushed,
    )
    assert isinstance(error, AggregationTimeoutError)
    assert_retriable(error)
    assert "still running in ISC" in str(error)
    assert ti.pushed["aggregation_id"] in str(error)
    assert tenant.runs()[0]["outcome"] is None


@MODES
def test_an_outage_beyond_what_is_tolerated_can_be_retried(tenant, deferrable):
    tenant.plan(DIRECTORY, seconds=NEVER)
    tenant.control.fault("answer", path=ONE_RECORD, status=503)
    ti = FakeTaskInstance()
    with pytest.raises(TenantUnavailableError, match="tolerate_outage") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, tolerate_outage=0.2), ti)
    assert_retriable(caught.value)
    assert ti.pushed["aggregation_id"] in str(caught.value)


@MODES
def test_a_short_outage_is_sat_out(tenant, deferrable):
    tenant.plan(DIRECTORY)
    tenant.control.fault("answer", path=ONE_RECORD, status=502, skip=1, times=4)
    assert carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable))["state"] == "succeeded"


def test_a_wrong_header_is_final_and_shows_what_isc_said(tenant, tmp_path):
    file = tmp_path / "accounts.csv"
    file.write_text("who,what\n1,2\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="is unknown and/or column") as caught:
        carried_out(lambda: operator(source_id=HR, file=file))
    assert_final(caught.value)
    assert (caught.value.status, caught.value.detail_code) == (400, "400.1.3 Illegal value")
    assert caught.value.tracking_id in str(caught.value)
    assert len(tenant.starts()) == 1


def test_a_missing_scope_is_final_and_named(tenant):
    tenant.client(scopes=["idn:sources:read", "idn:task-management:read"])
    with pytest.raises(AccessDeniedError, match="idn:sources:manage") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY))
    assert_final(caught.value)


@pytest.mark.parametrize("wanted", [{"source_id": NOBODY}, {"source_name": "Nobody's"}])
def test_a_missing_source_is_final(tenant, wanted):
    with pytest.raises(InvalidInputError) as caught:
        carried_out(lambda: operator(**wanted))
    assert_final(caught.value)
    assert next(iter(wanted.values())) in str(caught.value)
    assert tenant.starts() == []


def test_bad_credentials_are_final(tenant):
    tenant.connect(password="another-secret")
    with pytest.raises(AuthenticationError, match="password") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY))
    assert_final(caught.value)


def test_an_unreachable_host_can_be_retried(tenant):
    tenant.connect(host="http://127.0.0.1:1")
    with pytest.raises(TenantUnavailableError, match=r"127\.0\.0\.1:1") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY))
    assert_retriable(caught.value)


@MODES
def test_a_start_whose_answer_is_lost_is_found_and_not_sent_again(tenant, deferrable):
    tenant.plan(DIRECTORY)
    tenant.control.fault("reset", path="load-accounts", when="after")
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable))
    (run,) = tenant.runs()
    assert (result["aggregation_id"], result["state"]) == (run["id"], "succeeded")
    assert len(tenant.starts()) == 1


def test_starts_whose_answers_are_lost_and_that_left_no_trace_can_be_retried(tenant):
    tenant.control.fault("reset", path="load-accounts", when="before")
    with pytest.raises(TenantUnavailableError, match="may have been started") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY))
    assert_retriable(caught.value)
    assert caught.value.sent
    assert tenant.runs() == []
    assert len(tenant.starts()) == 3


def test_starts_without_an_id_to_follow_that_left_no_trace_can_be_retried(tenant):
    tenant.control.fault("answer", path="load-accounts", status=202, body={"success": True, "task": {}})
    with pytest.raises(ProtocolError, match="returned no ID") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY))
    assert_retriable(caught.value)
    assert tenant.runs() == []


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        "over",
        {"version": 1, "status": "success"},
        {"version": 1, "status": "success", "state": "succeeded", "carried": {}},
        {"version": 1, "status": "success", "aggregation_id": NOBODY, "carried": {}},
        {"version": 1, "status": "success", "aggregation_id": NOBODY, "state": "running", "carried": {}},
        {"version": 1, "status": "success", "aggregation_id": NOBODY, "state": "succeeded", "carried": {}},
    ],
)
def test_an_event_that_shows_no_end_fails(event):
    with pytest.raises(ProtocolError):
        operator(source_id=HR).execute_complete(FakeTaskInstance().context, event)
