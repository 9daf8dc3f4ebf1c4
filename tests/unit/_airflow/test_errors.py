"""Parameters, and errors as Airflow should see them."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, BaseOperator

from sailpoint_provider import exceptions, version_compat
from sailpoint_provider._airflow.errors import airflow_errors, for_airflow
from sailpoint_provider._airflow.parameters import boolean, seconds
from sailpoint_provider.isc.outcome import make_result
from tests.unit.airflow_cases import NOBODY, FakeTaskInstance

DETAILS = {"status": 403, "detail_code": "403 Forbidden", "tracking_id": "abc", "retry_after": 2.0}
KINDS = [
    exceptions.SailPointError,
    exceptions.InvalidInputError,
    exceptions.AuthenticationError,
    exceptions.AccessDeniedError,
    exceptions.TenantUnavailableError,
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_final_error_fails_the_task_and_stays_what_it_was(kind):
    error = kind("What to do.", final=True, **DETAILS)
    seen = for_airflow(error)
    assert isinstance(seen, kind)
    assert isinstance(seen, AirflowFailException)
    assert str(seen) == "What to do."
    assert vars(seen) == vars(error)
    assert {name: getattr(seen, name) for name in DETAILS} == DETAILS


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_a_retry_may_fix_is_left_alone(kind):
    error = kind("Try again.", final=False)
    assert for_airflow(error) is error


def test_a_final_error_of_another_kind_is_final_too():
    seen = for_airflow(exceptions.ProtocolError("Never again.", final=True))
    assert isinstance(seen, exceptions.SailPointError)
    assert isinstance(seen, AirflowFailException)


@pytest.mark.parametrize("kind", KINDS)
def test_a_final_error_can_be_pickled_and_is_made_final_once(kind):
    seen = for_airflow(kind("What to do.", final=True, **DETAILS))
    again = pickle.loads(pickle.dumps(seen))
    assert type(again) is type(seen)
    assert (str(again), vars(again)) == (str(seen), vars(seen))
    assert for_airflow(seen) is seen


def test_a_bad_end_keeps_its_result_through_pickling():
    error = exceptions.AggregationFailedError(make_result(NOBODY) | {"state": "failed"})
    assert pickle.loads(pickle.dumps(error)).result == error.result
    assert for_airflow(error) is error


def test_the_cause_is_kept_when_an_error_leaves_an_operator():
    def fail():
        raise exceptions.InvalidInputError("outer") from KeyError("inner")

    with pytest.raises(AirflowFailException) as caught, airflow_errors():
        fail()
    assert isinstance(caught.value.__cause__, KeyError)


def test_other_errors_pass_untouched():
    def fail():
        raise KeyError("inner")

    with pytest.raises(KeyError), airflow_errors():
        fail()


@pytest.mark.parametrize(
    ("given", "read"), [(1, 1.0), (0.5, 0.5), (timedelta(minutes=1), 60.0), (86400, 86400.0)]
)
def test_a_duration_is_a_number_or_a_timedelta(given, read):
    assert seconds(given, "timeout") == read
    assert isinstance(seconds(given, "timeout"), float)


@pytest.mark.parametrize(
    "wrong", [0, -1, float("nan"), float("inf"), "1", None, True, [], timedelta(0), timedelta(-1)]
)
def test_anything_else_is_no_duration(wrong):
    with pytest.raises(exceptions.InvalidInputError, match="timeout"):
        seconds(wrong, "timeout")


@pytest.mark.parametrize(
    ("given", "read"), [(True, True), (False, False), ("True", True), ("false", False), (" TRUE\n", True)]
)
def test_a_truth_value_may_be_text(given, read):
    assert boolean(given, "disable_optimization") is read


@pytest.mark.parametrize("wrong", ["", "yes", "None", "1", 1, 0, None, []])
def test_anything_else_is_no_truth_value(wrong):
    with pytest.raises(exceptions.InvalidInputError, match="disable_optimization"):
        boolean(wrong, "disable_optimization")


def test_the_deferral_timeout_is_the_one_that_this_airflow_raises():
    with pytest.raises(version_compat.TaskDeferralTimeout):
        BaseOperator(task_id="task").resume_execution(
            "__fail__", {"error": "Trigger timeout"}, FakeTaskInstance().context
        )


def test_why_a_task_fails_is_pushed_for_the_page():
    ti = FakeTaskInstance()
    result = make_result(NOBODY) | {"state": "failed"}
    with pytest.raises(exceptions.AggregationFailedError), airflow_errors(ti.context):
        raise exceptions.AggregationFailedError(result, "ISC said no.")
    assert ti.pushed == {
        "reason": {"type": "AggregationFailedError", "message": "ISC said no.", "result": result}
    }


def test_the_reason_of_a_final_error_has_its_documented_name():
    ti = FakeTaskInstance()
    with pytest.raises(AirflowFailException), airflow_errors(ti.context):
        raise exceptions.InvalidInputError("No such source.")
    assert ti.pushed["reason"] == {"type": "InvalidInputError", "message": "No such source.", "result": None}


def test_why_a_task_is_skipped_is_pushed_too():
    ti = FakeTaskInstance()
    with pytest.raises(AirflowSkipException), airflow_errors(ti.context):
        raise AirflowSkipException("The source is busy.")
    assert ti.pushed["reason"]["message"] == "The source is busy."


def test_an_error_of_others_leaves_no_reason():
    ti = FakeTaskInstance()
    with pytest.raises(KeyError), airflow_errors(ti.context):
        raise KeyError("inner")
    assert ti.pushed == {}


def test_an_airflow_that_stores_no_reason_does_not_hide_the_error():
    def broken():
        raise RuntimeError("no database")

    ti = FakeTaskInstance(on_push=broken)
    with pytest.raises(exceptions.TenantUnavailableError, match="No answer"), airflow_errors(ti.context):
        raise exceptions.TenantUnavailableError("No answer.")
