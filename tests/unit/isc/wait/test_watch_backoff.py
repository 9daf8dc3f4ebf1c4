"""How often a wait looks, what it shows, and what it remembers between two looks."""

import logging

import pytest

from sailpoint_provider.exceptions import RateLimitError, TenantUnavailableError
from sailpoint_provider.isc.api.models import AccountAggregationStatus
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch
from tests.unit.isc.isc_cases import NOON, RUN
from tests.unit.isc.wait.watch_cases import COMPLETED, DONE, DOWN, RUNNING, STARTED, UNKNOWN, Run, after


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_pauses_grow_with_jitter_and_never_above_the_poll_interval(jitter):
    run = Run(after(500, RUNNING, DONE), STARTED, poll_interval=30.0, jitter=jitter)
    run.wait()
    pauses = run.driver.pauses
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(2.0 * (1 - 0.2 * jitter))
    assert max(pauses) == pytest.approx(30.0 * (1 - 0.2 * jitter))


def test_retry_after_slows_the_next_look_only():
    limited = RateLimitError("x", status=429, retry_after=77.0)
    run = Run(lambda elapsed: limited if elapsed == 0 else (DONE if elapsed > 78 else RUNNING), STARTED)
    run.wait()
    assert run.driver.pauses[0] == 77.0
    assert all(pause <= 10.0 for pause in run.driver.pauses[1:])


def test_retry_after_does_not_reach_beyond_the_deadline():
    limited = TenantUnavailableError("x", status=503, retry_after=500.0)
    run = Run(after(20, limited, DONE), STARTED, Deadlines(deadline=NOON + 30))
    assert run.wait()["state"] == "succeeded"
    assert run.driver.pauses == [30.0]


def test_a_pause_after_the_deadline_is_none():
    run = Run(RUNNING, STARTED, Deadlines(deadline=NOON - 1))
    run.look()
    assert run.watch.next_pause(Backoff(10.0), 0.0) == 0.0


def test_progress_is_shown_only_when_it_changed(caplog):
    caplog.set_level(logging.INFO)
    collected = AccountAggregationStatus("ACCOUNTS_COLLECTED", total_accounts=9, processed_accounts=4)
    run = Run(after(300, RUNNING, DONE), after(100, STARTED, collected))
    run.wait()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("STARTED")
    assert lines[0].endswith("elapsed 0:00:00")
    assert "4/9 accounts" in lines[1]
    assert len(run.asked("task-status")) > 20


def test_progress_of_the_task_record_is_shown_where_the_status_endpoint_knows_nothing(caplog):
    caplog.set_level(logging.INFO)
    Run(after(30, RUNNING, DONE), UNKNOWN).wait()
    assert [record.getMessage().split("  ")[0] for record in caplog.records] == ["running (40 %)"]


def test_elapsed_time_counts_from_the_begin_that_is_given(caplog):
    caplog.set_level(logging.INFO)
    run = Run(RUNNING, STARTED)
    watch = Watch(
        RUN,
        API_VERSIONS["beta"],
        deadlines=Deadlines(begun=NOON - 3600),
        clock=run.driver.clock,
        log=logging.getLogger("watch"),
    )
    run.driver.run(watch.poll())
    assert caplog.messages[0].endswith("elapsed 1:00:00")
    assert {call.path for call in run.driver.calls} == {
        f"/beta/task-status/{RUN}",
        f"/beta/account-aggregations/{RUN}/status",
    }


def test_a_running_aggregation_is_no_trouble():
    run = Run(RUNNING, STARTED)
    assert run.look() is None
    assert not run.watch.is_troubled


@pytest.mark.parametrize(("task", "status"), [(UNKNOWN, UNKNOWN), (RUNNING, COMPLETED)])
def test_what_only_further_looks_can_settle_is_trouble(task, status):
    run = Run(task, status)
    assert run.look() is None
    assert run.watch.is_troubled
    run.task, run.status = RUNNING, STARTED
    assert run.look() is None
    assert not run.watch.is_troubled


def test_an_outage_is_trouble_until_the_next_good_answer():
    run = Run(RUNNING, STARTED)
    run.look()
    run.driver.clock.now += 10
    run.task = DOWN
    run.look()
    assert run.watch.is_troubled
    run.driver.clock.now += 10
    run.task = RUNNING
    run.look()
    assert not run.watch.is_troubled


def test_a_first_look_that_meets_an_outage_is_trouble():
    run = Run(DOWN, STARTED)
    run.driver.clock.now += 1
    run.look()
    assert run.watch.is_troubled
