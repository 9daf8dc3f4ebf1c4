"""The retry policy: waits as ISC says, gives up where no retry can succeed, else leaves it to the task."""

from __future__ import annotations

import copy
import random
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator
from airflow.sdk import DAG

from sailpoint_provider import exceptions, retry_policy
from sailpoint_provider._airflow.errors import for_airflow
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.retry_policy import SailPointRetryPolicy
from tests.unit.airflow_cases import DIRECTORY, NOBODY, POLL, FakeTaskInstance, end_of

pytestmark = pytest.mark.skipif(retry_policy.RetryPolicy is None, reason="Airflow 3.3 and later")


def decision(error, **settings):
    return SailPointRetryPolicy(**settings).evaluate(exception=error, try_number=1, max_tries=3)


def action(error):
    return decision(error).action.value


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.0)


@pytest.mark.parametrize("kind", [exceptions.RateLimitError, exceptions.TenantUnavailableError])
@pytest.mark.parametrize("retry_after", [0.0, 7.5, 3600.0])
def test_the_next_try_waits_as_long_as_isc_says(kind, retry_after):
    made = decision(kind("Wait.", status=429, retry_after=retry_after))
    assert (made.action.value, made.retry_delay) == ("retry", timedelta(seconds=retry_after))
    assert f"{retry_after:,.0f} s" in made.reason


@pytest.mark.parametrize(("asked", "most"), [(100.0, 110.0), (10_000.0, 10_030.0)])
def test_tasks_that_were_refused_together_come_back_apart(monkeypatch, asked, most):
    monkeypatch.setattr(random, "random", lambda: 1.0)
    made = decision(exceptions.RateLimitError("Wait.", retry_after=asked))
    assert made.retry_delay == timedelta(seconds=most)


@pytest.mark.parametrize("longest", [60, timedelta(minutes=1)])
def test_no_wait_is_longer_than_allowed(longest):
    made = decision(exceptions.RateLimitError("Wait.", retry_after=1e300), longest_delay=longest)
    assert made.retry_delay == timedelta(minutes=1)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.TenantUnavailableError("No connection."),
        exceptions.AggregationAlreadyRunningError("Busy."),
        exceptions.UnknownAggregationError("Unknown."),
        exceptions.ProtocolError("HTML."),
        ValueError("not of this package"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_anything_else_is_left_to_the_task(error):
    made = decision(error)
    assert (made.action.value, made.retry_delay) == ("default", None)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.InvalidInputError("No such source."),
        exceptions.FileRefusedError("Too small."),
        exceptions.AccessDeniedError("No scope."),
        exceptions.AuthenticationError("Wrong secret.", final=True),
        exceptions.CheckpointError("Not stored.", final=True),
        exceptions.RateLimitError("Never.", final=True, retry_after=5.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_retry_can_fix_fails_at_once(error):
    assert action(error) == action(for_airflow(error)) == "fail"
    assert type(error).__name__ in decision(error).reason


def test_an_error_that_a_task_wraps_counts():
    wrapped = RuntimeError("The load failed.")
    wrapped.__cause__ = exceptions.AccessDeniedError("No scope.")
    assert action(wrapped) == "fail"


def test_errors_that_cause_each_other_end():
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert action(one) == "default"


def operator(**changed):
    usual = {"task_id": "task", "source_id": DIRECTORY, "poll_interval": POLL}
    return SailPointAccountAggregationOperator(**usual | changed)


def test_what_isc_answers_to_a_start_reaches_the_policy(tenant):
    tenant.control.fault("rate_limit", path="load-accounts", retry_after=600)
    made = decision(end_of(operator))
    assert made.action.value == "retry"
    assert made.retry_delay == timedelta(seconds=600)


def test_what_isc_answers_to_a_triggerer_reaches_the_policy(tenant):
    tenant.plan(DIRECTORY, seconds=5.0)
    # The worker's read of the record succeeds, so that the task defers.
    record = "task-status/.*[0-9a-f]{32}"
    tenant.control.fault("answer", path=record, status=503, headers={"Retry-After": "1"}, skip=1)
    ti = FakeTaskInstance()
    error = end_of(lambda: operator(deferrable=True, tolerate_outage=0.01), ti)
    assert len(ti.deferrals) == 1
    made = decision(error)
    assert (made.action.value, made.retry_delay) == ("retry", timedelta(seconds=1))


def test_a_wrong_secret_is_not_tried_again(tenant):
    tenant.connect(password="another-secret")
    error = end_of(lambda: operator(source_id=NOBODY))
    assert isinstance(error, AirflowFailException)
    assert action(error) == "fail"


@pytest.mark.parametrize("longest", [0, -1, True, "60", None])
def test_a_longest_delay_that_is_none_is_refused(longest):
    with pytest.raises(exceptions.InvalidInputError, match="longest_delay"):
        SailPointRetryPolicy(longest_delay=longest)


def test_a_task_takes_it_and_a_dag_with_it_can_be_stored():
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("with_policy", schedule=None) as dag:
        BaseOperator(task_id="task", retries=3, retry_policy=SailPointRetryPolicy())
    served = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("task")
    assert served.has_retry_policy
    policy = copy.deepcopy(dag.get_task("task").retry_policy)
    assert SailPointRetryPolicy.deserialize(policy.serialize()).longest_delay == 86400.0


def test_an_older_airflow_shows_what_is_missing_when_the_policy_is_used(monkeypatch):
    monkeypatch.setattr(retry_policy, "RetryPolicy", None)
    with pytest.raises(RuntimeError, match=r"needs Airflow 3\.3 .* Set retries"):
        SailPointRetryPolicy()
