import logging

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationTimeoutError,
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    SailPointError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.api.models import AccountAggregationStatus, read_task_status
from sailpoint_provider.isc.wait.deadlines import Deadlines
from tests.unit.isc.isc_cases import NOON, RUN, task_document
from tests.unit.isc.wait.watch_cases import (
    COMPLETED,
    DONE,
    DOWN,
    RUNNING,
    STARTED,
    UNKNOWN,
    Run,
    after,
    between,
)


def test_a_wait_ends_with_the_result_of_the_task_record():
    run = Run(after(60, RUNNING, DONE), after(50, STARTED, COMPLETED))
    result = run.wait()
    assert (result["state"], result["status"], result["accounts"]["to_process"]) == (
        "succeeded",
        "COMPLETED",
        3,
    )
    assert 60 <= run.elapsed < 70
    assert result["aggregation_id"] == RUN


def test_a_bad_end_is_a_result_too():
    assert Run(read_task_status(task_document("ERROR")), COMPLETED).wait()["state"] == "failed"


@pytest.mark.parametrize("nothing", [UNKNOWN, AccountAggregationStatus("NOT_FOUND")])
def test_an_end_is_reported_though_the_status_endpoint_has_forgotten(nothing):
    result = Run(DONE, nothing).wait()
    assert (result["state"], result["status"]) == ("succeeded", None)


@pytest.mark.parametrize("nothing", [UNKNOWN, AccountAggregationStatus("NOT_FOUND")])
def test_not_being_known_in_the_first_two_minutes_is_no_error(nothing):
    run = Run(after(119, UNKNOWN, DONE), after(119, nothing, COMPLETED))
    assert run.wait()["state"] == "succeeded"


@pytest.mark.parametrize("nothing", [UNKNOWN, AccountAggregationStatus("NOT_FOUND")])
def test_an_aggregation_that_neither_endpoint_knows_for_two_minutes_is_unknown(nothing):
    run = Run(UNKNOWN, nothing)
    with pytest.raises(UnknownAggregationError, match=f"{RUN}: it has returned 404 for 120 s") as failure:
        run.wait()
    assert failure.value.status == 404
    assert 120 <= run.elapsed < 131


def test_two_minutes_count_from_the_last_time_that_either_knew_it():
    run = Run(between(100, 110, RUNNING, UNKNOWN), UNKNOWN, poll_interval=5.0)
    with pytest.raises(UnknownAggregationError):
        run.wait()
    assert 220 <= run.elapsed < 240


@pytest.mark.parametrize(
    ("task", "status"),
    [(UNKNOWN, STARTED), (RUNNING, UNKNOWN), (RUNNING, AccountAggregationStatus("NOT_FOUND"))],
)
def test_what_one_endpoint_knows_is_not_unknown(task, status):
    run = Run(task, status, Deadlines(deadline=NOON + 3600))
    with pytest.raises(AggregationTimeoutError):
        run.wait()


def test_an_aggregation_that_one_does_not_know_while_the_other_fails_is_given_up_in_the_end():
    run = Run(UNKNOWN, DOWN, Deadlines(tolerate_outage=1800))
    with pytest.raises(SailPointError):
        run.wait()
    assert 120 <= run.elapsed <= 2000


def test_completed_without_a_result_is_given_up_after_ten_minutes():
    run = Run(RUNNING, COMPLETED)
    with pytest.raises(ProtocolError, match=r"COMPLETED.*600 s"):
        run.wait()
    assert 600 <= run.elapsed < 611


def test_completed_without_a_result_for_less_than_ten_minutes_is_waited_out():
    assert Run(after(595, RUNNING, DONE), COMPLETED).wait()["state"] == "succeeded"


def test_ten_minutes_count_afresh_after_another_status():
    run = Run(RUNNING, between(300, 320, STARTED, COMPLETED), poll_interval=5.0)
    with pytest.raises(ProtocolError):
        run.wait()
    assert 920 <= run.elapsed < 930


def test_an_unknown_status_is_reported_once_and_the_wait_goes_on(caplog):
    strange = AccountAggregationStatus("PONDERING")
    run = Run(after(100, RUNNING, DONE), after(50, strange, AccountAggregationStatus("BROODING")))
    assert run.wait()["state"] == "succeeded"
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [("PONDERING" in line, "BROODING" in line) for line in told] == [(True, False), (False, True)]


def test_a_refusal_of_the_status_endpoint_is_reported_once_and_not_asked_for_again(caplog):
    run = Run(after(100, RUNNING, DONE), AccessDeniedError("needs a personal access token", status=403))
    assert run.wait()["state"] == "succeeded"
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert "personal access token" in told[0]
    assert len(run.asked("account-aggregations")) == 1
    assert len(run.asked("task-status")) > 5


def test_an_unknown_aggregation_ends_the_wait_though_the_status_endpoint_refuses():
    run = Run(UNKNOWN, AccessDeniedError("no", status=403))
    with pytest.raises(UnknownAggregationError):
        run.wait()


@pytest.mark.parametrize(
    "trouble",
    [DOWN, RateLimitError("x", status=429), ProtocolError("x"), AuthenticationError("x", status=401)],
)
def test_trouble_of_the_status_endpoint_alone_does_not_end_the_wait(trouble, caplog):
    run = Run(after(4000, RUNNING, DONE), trouble)
    assert run.wait()["state"] == "succeeded"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_an_outage_is_tolerated(caplog):
    run = Run(
        lambda elapsed: DOWN if 20 <= elapsed < 1700 else (DONE if elapsed >= 1800 else RUNNING), STARTED
    )
    assert run.wait()["state"] == "succeeded"
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "(tolerate_outage=1800 s): down" in told[0]


def test_an_outage_beyond_the_tolerance_ends_the_wait():
    run = Run(after(1000, RUNNING, DOWN), STARTED, Deadlines(tolerate_outage=300))
    with pytest.raises(TenantUnavailableError, match=r"tolerate_outage=300 s") as failure:
        run.wait()
    assert 1290 <= run.elapsed < 1320
    assert (failure.value.status, failure.value.tracking_id, failure.value.detail_code) == (
        503,
        "t-1",
        "503.0",
    )
    assert failure.value.__cause__ is DOWN


def test_a_long_pause_before_a_failure_is_no_outage():
    failures = iter([DOWN])
    run = Run(
        lambda elapsed: RUNNING if elapsed < 4000 else next(failures, DONE),
        STARTED,
        Deadlines(tolerate_outage=60),
        poll_interval=3600.0,
    )
    assert run.wait()["state"] == "succeeded"
    assert next(failures, None) is None


def test_several_short_outages_are_not_one_long_one():
    run = Run(
        lambda elapsed: DONE if elapsed >= 3000 else (RUNNING if elapsed % 200 < 20 else DOWN),
        STARTED,
        Deadlines(tolerate_outage=300),
        poll_interval=5.0,
    )
    assert run.wait()["state"] == "succeeded"


@pytest.mark.parametrize(
    "error",
    [
        AccessDeniedError("scope missing", status=403),
        AuthenticationError("wrong secret", status=401, final=True),
        InvalidInputError("retired", status=410),
        TenantUnavailableError("certificate", final=True),
    ],
)
def test_a_final_error_ends_the_wait_at_once(error):
    run = Run(error, STARTED)
    with pytest.raises(type(error)) as failure:
        run.wait()
    assert failure.value is error
    assert run.elapsed == 0


def test_the_deadline_ends_the_wait_and_says_that_the_run_goes_on():
    run = Run(RUNNING, STARTED, Deadlines(deadline=NOON + 95))
    with pytest.raises(AggregationTimeoutError, match="no API to cancel it") as failure:
        run.wait()
    assert run.elapsed == 95
    assert "at 2023-11-14 22:14:55 UTC" in str(failure.value)


def test_an_end_seen_at_the_deadline_counts():
    assert (
        Run(after(95, RUNNING, DONE), STARTED, Deadlines(deadline=NOON + 95)).wait()["state"] == "succeeded"
    )


def test_the_deadline_holds_during_an_outage_too():
    run = Run(DOWN, DOWN, Deadlines(deadline=NOON + 95))
    with pytest.raises(AggregationTimeoutError):
        run.wait()
    assert run.elapsed == 95


def test_a_wait_without_a_deadline_can_still_time_out():
    assert "still running in ISC" in str(Run(RUNNING, STARTED).watch.timed_out())


class Outages(Run):
    """A run whose status endpoint takes time to fail, and fails again and again where it is retried."""

    def answer(self, call):
        if "account-aggregations" in call.path:
            attempts = 1 if self.driver.is_gathering else 5
            self.driver.clock.now += attempts * min(30.0, call.time_limit or 30.0)
            return DOWN
        return super().answer(call)


def test_an_outage_of_the_status_endpoint_costs_progress_and_never_the_end():
    run = Outages(after(3, RUNNING, DONE), None)
    assert run.wait()["state"] == "succeeded"
    assert run.elapsed < 15


def test_a_status_endpoint_that_is_down_is_asked_ever_more_rarely():
    run = Run(after(3600, RUNNING, DONE), DOWN, poll_interval=5.0)
    assert run.wait()["state"] == "succeeded"
    assert len(run.asked("account-aggregations")) < 25
    assert len(run.asked("task-status")) > 600


def test_a_status_endpoint_that_works_again_shows_progress_again():
    run = Run(after(900, RUNNING, DONE), after(60, DOWN, STARTED), poll_interval=5.0)
    run.wait()
    assert len(run.asked("account-aggregations")) > 100


def test_a_terminated_record_is_not_reported_before_the_status_endpoint_has_answered():
    terminated = read_task_status(task_document("TERMINATED"))
    run = Run(terminated, after(60, DOWN, AccountAggregationStatus("CANCELLED")))
    assert run.wait()["state"] == "cancelled"
