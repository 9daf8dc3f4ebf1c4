"""Errors, as Airflow should see them."""

from __future__ import annotations

import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from sailpoint_provider import exceptions
from sailpoint_provider._airflow.errors import airflow_errors, for_airflow
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
