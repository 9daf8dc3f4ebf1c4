"""Time-outs while deferred, and tokens and trouble in the middle of a wait."""

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from sailpoint_provider.exceptions import AggregationTimeoutError
from sailpoint_provider.isc.wait.events import read_event
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from sailpoint_provider.version_compat import TaskDeferralTimeout
from tests.unit.airflow_cases import DIRECTORY, NEVER, POLL, FakeTaskInstance, carried_out, events_of
from tests.unit.operators.turn_cases import operator, somebody_elses

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
TIMED_OUT = {"error": "Trigger timeout"}
SOON = timedelta(seconds=1.5)


def sensor(aggregation_id, **changed):
    return SailPointAccountAggregationSensor(
        **{"task_id": "task", "aggregation_id": aggregation_id, "poll_interval": POLL} | changed
    )


def test_an_execution_timeout_ends_a_deferred_wait_and_names_what_goes_on(tenant):
    tenant.plan(DIRECTORY, seconds=NEVER)
    ti = FakeTaskInstance()
    with pytest.raises(AirflowTaskTimeout, match="still running in ISC") as caught:
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=True, execution_timeout=SOON), ti)
    assert ti.pushed["aggregation_id"] in str(caught.value)


def test_an_execution_timeout_ends_a_deferred_wait_for_the_turn(tenant):
    somebody_elses(tenant, seconds=NEVER)
    with pytest.raises(AirflowTaskTimeout):
        carried_out(lambda: operator(source_id=DIRECTORY, deferrable=True, execution_timeout=SOON))
    assert tenant.starts() == []


def test_an_execution_timeout_ends_a_deferred_sensor(tenant):
    aggregation_id = tenant.started(seconds=NEVER)
    with pytest.raises(AirflowTaskTimeout, match=aggregation_id):
        carried_out(lambda: sensor(aggregation_id, deferrable=True, execution_timeout=SOON))


def test_a_time_out_before_the_execution_timeout_stays_a_time_out(tenant):
    tenant.plan(DIRECTORY, seconds=NEVER)
    with pytest.raises(AggregationTimeoutError) as caught:
        carried_out(
            lambda: operator(
                source_id=DIRECTORY, deferrable=True, timeout=SOON, execution_timeout=timedelta(hours=1)
            )
        )
    assert not isinstance(caught.value, AirflowTaskTimeout)


def test_airflows_own_time_out_of_a_deferral_can_be_retried():
    with pytest.raises(TaskDeferralTimeout) as caught:
        operator(source_id=DIRECTORY).resume_execution("__fail__", TIMED_OUT, FakeTaskInstance().context)
    assert not isinstance(caught.value, AirflowFailException)


@MODES
def test_tokens_that_end_in_the_middle_of_a_wait_are_renewed(tenant, deferrable):
    tenant.client(token_lifetime=1)
    tenant.plan(DIRECTORY, seconds=1.5)
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable))
    assert result["state"] == "succeeded"
    assert tenant.calls().count("token") > 1


@MODES
def test_a_revoked_token_and_a_rate_limit_in_the_middle_are_sat_out(tenant, deferrable):
    tenant.plan(DIRECTORY, seconds=0.3)

    def trouble():
        tenant.control.revoke_tokens(tenant.client_id)
        tenant.control.fault("rate_limit", path="task-status/.*[0-9a-f]{32}", times=3, skip=1, retry_after=0)

    ti = FakeTaskInstance(on_push=trouble)
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable), ti)
    assert result["state"] == "succeeded"


def test_a_trigger_stored_by_a_later_version_still_waits(tenant):
    old = SailPointAccountAggregationTrigger(
        aggregation_id=tenant.started(),
        sailpoint_conn_id="sailpoint_default",
        poll_interval=POLL,
        deadlines={"tolerate_outage": 60.0, "a_key_of_a_later_version": 1},
    )
    (event,) = events_of(old)
    assert read_event(event).state == "succeeded"
