"""``timeout`` holds although ISC accepts connections and answers nothing, in every phase and both modes."""

import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout

from sailpoint_provider.exceptions import AggregationTimeoutError
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import (
    DIRECTORY,
    HR,
    NEVER,
    POLL,
    FakeStore,
    FakeTaskInstance,
    end_of,
    timed_out_after_start,
)
from tests.unit.operators.turn_cases import counted, operator, somebody_elses

pytestmark = pytest.mark.real_time

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
TIMEOUT = 1.0
SLACK = 25.0
"""What a busy machine may take on top; the requests hang for much longer."""

ANY = "/"
STARTS = "load-accounts"
RECORDS = "task-status/v1/"
STATUSES = "account-aggregations"


def hang(tenant, path, method="GET", **settings):
    tenant.control.fault("timeout", path=path, method=method, delay_seconds=60, when="before", **settings)


def ended_in_time(make, ti=None, timeout=TIMEOUT):
    began = time.monotonic()
    try:
        return end_of(make, ti)
    finally:
        assert time.monotonic() - began < timeout + SLACK


@MODES
@pytest.mark.parametrize("what", [{"source_id": DIRECTORY}, {"source_name": "Directory"}], ids=["id", "name"])
def test_when_the_source_is_looked_up(tenant, deferrable, what):
    hang(tenant, "sources/v1")
    error = ended_in_time(lambda: operator(**what, deferrable=deferrable, timeout=TIMEOUT))
    assert isinstance(error, AggregationTimeoutError)
    assert tenant.starts() == []


@MODES
def test_when_a_token_is_asked_for(tenant, deferrable):
    hang(tenant, "oauth", method="POST")
    error = ended_in_time(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=TIMEOUT))
    assert isinstance(error, AggregationTimeoutError)


@MODES
def test_at_the_look_before_the_start(tenant, deferrable):
    hang(tenant, "task-status/v1$")
    error = ended_in_time(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=TIMEOUT))
    assert isinstance(error, AggregationTimeoutError)
    assert tenant.runs() == []


@MODES
@pytest.mark.parametrize("arrives", [False, True], ids=["never arrives", "answer never comes"])
def test_at_the_start_without_a_file_whose_outcome_a_retry_finds_out(tenant, deferrable, arrives):
    tenant.plan(DIRECTORY, seconds=0)
    when = "after" if arrives else "before"
    tenant.control.fault("timeout", path=STARTS, method="POST", delay_seconds=60, when=when, times=1)
    ti = FakeTaskInstance(store=FakeStore())
    error = ended_in_time(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=TIMEOUT), ti)
    assert isinstance(error, AggregationTimeoutError)
    assert "retry" in str(error)
    tenant.plan(DIRECTORY, seconds=0)
    result = end_of(lambda: operator(source_id=DIRECTORY, deferrable=deferrable), ti.next_try())
    assert [run["id"] for run in counted(tenant)] == [result["aggregation_id"]]


@MODES
@pytest.mark.parametrize("path", [ANY, RECORDS, STATUSES])
def test_while_the_aggregation_is_waited_for(tenant, deferrable, path):
    tenant.plan(DIRECTORY, seconds=NEVER)
    # The reason of a try that ended before its start is pushed, too.
    ti = FakeTaskInstance(on_push=lambda: hang(tenant, path) if tenant.starts() else None)
    error = timed_out_after_start(
        lambda seconds: ended_in_time(
            lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=seconds), ti, seconds
        ),
        lambda: "aggregation_id" in ti.pushed,
    )
    assert isinstance(error, AggregationTimeoutError)
    assert ti.pushed["aggregation_id"] in str(error)


@MODES
def test_while_a_busy_source_is_waited_for(tenant, deferrable):
    somebody_elses(tenant, seconds=NEVER)
    hang(tenant, RECORDS)
    error = ended_in_time(lambda: operator(source_id=DIRECTORY, deferrable=deferrable, timeout=TIMEOUT))
    assert isinstance(error, AggregationTimeoutError)
    assert tenant.starts() == []


def test_an_execution_timeout_that_comes_first_holds_while_deferred(tenant):
    tenant.plan(DIRECTORY, seconds=NEVER)
    ti = FakeTaskInstance(on_push=lambda: hang(tenant, ANY) if tenant.starts() else None)
    limit = timedelta(seconds=TIMEOUT)
    with pytest.raises(AirflowTaskTimeout):
        ended_in_time(lambda: operator(source_id=DIRECTORY, deferrable=True, execution_timeout=limit), ti)


@pytest.mark.parametrize("how", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}], ids=str)
@pytest.mark.parametrize("path", [ANY, STATUSES])
def test_in_a_sensor(tenant, how, path):
    aggregation_id = tenant.started(seconds=NEVER)
    hang(tenant, path)

    def make():
        return SailPointAccountAggregationSensor(
            task_id="task", aggregation_id=aggregation_id, poll_interval=POLL, timeout=TIMEOUT, **how
        )

    assert isinstance(ended_in_time(make), AirflowSensorTimeout)


@MODES
def test_a_file_that_is_under_way_is_sent_to_its_end(tenant, tmp_path, deferrable):
    """Only silence ends an upload: what ISC may already hold is not abandoned for a deadline."""
    tenant.control.fault("delay", path=STARTS, method="POST", delay_seconds=TIMEOUT + 0.5, times=1)
    tenant.plan(HR, seconds=0)
    file = tenant.csv(tmp_path)
    ti = FakeTaskInstance(store=FakeStore())
    end_of(lambda: operator(source_id=HR, file=file, deferrable=deferrable, timeout=TIMEOUT), ti)
    assert ti.store.states[:2] == ["submitting", "running"]
    assert len(counted(tenant, HR)) == 1
