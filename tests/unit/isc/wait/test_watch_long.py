"""Waits of hours: what happens to the tenant meanwhile."""

import pytest

from sailpoint_provider.exceptions import AggregationTimeoutError, ExecutionTimeoutError, RateLimitError
from sailpoint_provider.isc.wait.deadlines import Deadlines
from tests.unit.isc.isc_cases import NOON
from tests.unit.isc.wait.watch_cases import DONE, DOWN, RUNNING, STARTED, Run, between

HOUR = 3600.0
SLOW = RateLimitError("slow down", status=429, retry_after=120)


def down_from(begin, seconds, trouble):
    return lambda elapsed: (
        trouble if begin <= elapsed < begin + seconds else DONE if elapsed >= 2 * HOUR else RUNNING
    )


@pytest.mark.parametrize("trouble", [DOWN, SLOW], ids=["down", "rate limit"])
def test_twenty_bad_minutes_within_two_hours_are_sat_out(trouble):
    run = Run(
        down_from(HOUR, 1200, trouble),
        between(HOUR, HOUR + 1200, DOWN, STARTED),
        Deadlines(deadline=NOON + 3 * HOUR),
        poll_interval=30.0,
    )
    assert run.wait()["state"] == "succeeded"
    assert 2 * HOUR <= run.elapsed < 2 * HOUR + 31


def test_of_two_deadlines_the_first_one_ends_the_wait_and_says_which():
    for timeout, execution, kind in ((50, 90, AggregationTimeoutError), (90, 50, ExecutionTimeoutError)):
        run = Run(RUNNING, STARTED, Deadlines(NOON + timeout, execution_deadline=NOON + execution))
        with pytest.raises(AggregationTimeoutError, match="still running in ISC") as caught:
            run.wait()
        assert type(caught.value) is kind
        assert run.elapsed == 50


def test_of_two_deadlines_at_once_the_error_names_that_of_its_class():
    error = Deadlines(NOON + 50, execution_deadline=NOON + 50).timed_out("account aggregation 1")
    assert type(error) is ExecutionTimeoutError
    assert str(error).startswith("The task's execution_timeout passed")


def test_an_execution_deadline_alone_ends_a_wait():
    run = Run(RUNNING, STARTED, Deadlines(None, execution_deadline=NOON + 50))
    with pytest.raises(ExecutionTimeoutError, match="execution_timeout"):
        run.wait()
