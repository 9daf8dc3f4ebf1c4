"""A wait that is told what others asked for: a record seen, an outage met, progress alone, one short look."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationTimeoutError,
    AuthenticationError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.api.models import AccountAggregationStatus, read_task_status
from sailpoint_provider.isc.api.summaries import TaskSummary
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.start.reconcile import usual_seconds
from sailpoint_provider.isc.wait import deadlines
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch
from tests.unit.isc.isc_cases import NOON, RUN, task_document
from tests.unit.isc.wait.watch_cases import COMPLETED, DONE, DOWN, LOG, RUNNING, STARTED, UNKNOWN, Run, after

CANCELLED = AccountAggregationStatus("CANCELLED")
COLLECTED = AccountAggregationStatus("ACCOUNTS_COLLECTED", total_accounts=9, processed_accounts=4)
REFUSED = AuthenticationError("refused", status=401, final=True)
DENIED = AccessDeniedError("no scope", status=403)


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG)


def lines(caplog, level=logging.INFO):
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_a_glance_is_one_request_that_shows_an_end():
    for task, is_over in ((RUNNING, False), (DONE, True), (UNKNOWN, False), (DOWN, False)):
        run = Run(task, COMPLETED)
        assert run.driver.run(run.watch.check_once()) is is_over
        assert [call.path for call in run.driver.calls] == [f"/task-status/v1/{RUN}"]
        assert run.driver.pauses == []


@pytest.mark.parametrize("error", [REFUSED, DENIED])
def test_a_glance_that_can_never_succeed_is_an_error(error):
    run = Run(error, STARTED)
    with pytest.raises(type(error)):
        run.driver.run(run.watch.check_once())


def test_a_glance_shows_no_progress(caplog):
    run = Run(RUNNING, STARTED)
    run.driver.run(run.watch.check_once())
    assert lines(caplog) == []


def test_settled_asks_both_endpoints_once_where_all_is_clear():
    for task, status in ((DONE, COMPLETED), (RUNNING, STARTED)):
        run = Run(task, status)
        result = run.driver.run(run.watch.poll_until_clear())
        assert (result is None) == (task is RUNNING)
        assert len(run.asked("task-status")) == len(run.asked("account-aggregations")) == 1
        assert run.driver.pauses == []


def test_settled_sits_an_outage_out():
    run = Run(after(60, DOWN, DONE), COMPLETED)
    assert run.driver.run(run.watch.poll_until_clear())["state"] == "succeeded"
    assert run.elapsed == 60


def test_settled_gives_up_an_outage_that_is_longer_than_tolerated():
    run = Run(DOWN, COMPLETED, Deadlines(tolerate_outage=90))
    with pytest.raises(TenantUnavailableError, match="tolerate_outage"):
        run.driver.run(run.watch.poll_until_clear())
    assert run.elapsed == pytest.approx(93)


def test_settled_obeys_retry_after():
    run = Run(after(10, RateLimitError("x", status=429, retry_after=77.0), DONE), COMPLETED)
    run.driver.run(run.watch.poll_until_clear())
    assert run.driver.pauses == [77.0]


def test_settled_ends_at_the_deadline():
    run = Run(DOWN, COMPLETED, Deadlines(deadline=NOON + 30))
    with pytest.raises(AggregationTimeoutError):
        run.driver.run(run.watch.poll_until_clear())
    assert run.elapsed == 30


@pytest.mark.parametrize(
    ("task", "status", "error", "grace"),
    [
        (UNKNOWN, UNKNOWN, UnknownAggregationError, deadlines.UNKNOWN_GRACE_SECONDS),
        (RUNNING, COMPLETED, ProtocolError, deadlines.NO_RESULT_GRACE_SECONDS),
    ],
)
def test_settled_does_not_take_silence_for_an_answer(task, status, error, grace):
    run = Run(task, status)
    with pytest.raises(error):
        run.driver.run(run.watch.poll_until_clear())
    assert grace <= run.elapsed < grace + 4


@pytest.mark.parametrize(
    ("completion_status", "state"),
    [
        (None, "running"),
        ("SUCCESS", "succeeded"),
        ("Warning", "succeeded_with_warnings"),
        ("TEMP_ERROR", "failed"),
        ("TERMINATED", "terminated"),
        ("Something new", "failed"),
    ],
)
def test_a_record_that_somebody_else_read_shows_the_same_as_an_own_look(completion_status, state):
    run = Run(read_task_status(task_document(completion_status)), UNKNOWN)
    assert run.watch.apply_record(TaskSummary(RUN, completion_status, 40)) == state
    assert (run.look() or {"state": "running"})["state"] == state


def test_a_record_that_is_seen_ends_an_outage_and_the_doubt_about_the_id():
    run = Run(UNKNOWN, UNKNOWN, Deadlines(tolerate_outage=50))
    run.look()
    assert run.watch.is_contradictory
    run.watch.apply_record(TaskSummary(RUN))
    assert not run.watch.is_contradictory
    run.watch.note_failure(DOWN)
    assert run.watch.is_troubled
    run.driver.clock.now += 40
    run.watch.apply_record(TaskSummary(RUN))
    assert not run.watch.is_troubled
    run.driver.clock.now += 40
    run.watch.note_failure(DOWN)
    run.driver.clock.now += 11
    with pytest.raises(TenantUnavailableError, match="tolerate_outage"):
        run.watch.note_failure(DOWN)


def test_a_record_that_is_seen_does_not_end_the_doubt_about_a_missing_result():
    run = Run(RUNNING, COMPLETED)
    run.look()
    run.watch.apply_record(TaskSummary(RUN))
    assert run.watch.is_contradictory


def test_progress_of_seen_records_is_shown_once_and_at_intervals(caplog):
    run = Run(RUNNING, STARTED)
    for second in range(60):
        run.watch.apply_record(TaskSummary(RUN, None, second), quiet=20)
        run.driver.clock.now += 1
    assert [line.split("  ")[0] for line in lines(caplog)] == [
        "running (0 %)",
        "running (20 %)",
        "running (40 %)",
    ]
    run.watch.apply_record(TaskSummary(RUN, None, 40))
    run.watch.apply_record(TaskSummary(RUN, None, 40))
    assert len(lines(caplog)) == 3


def test_an_outage_that_others_met_is_warned_of_at_intervals(caplog):
    run = Run(RUNNING, STARTED)
    for _ in range(60):
        run.watch.note_failure(DOWN, quiet=20)
        run.driver.clock.now += 1
    assert [line.partition(" (")[0] for line in lines(caplog, logging.WARNING)] == [
        "No valid response for 20 s",
        "No valid response for 40 s",
    ]


def test_an_outage_carries_its_retry_after_into_the_next_pause():
    run = Run(RUNNING, STARTED)
    run.watch.note_failure(RateLimitError("x", status=429, retry_after=55.0))
    assert run.watch.next_pause(Backoff(10.0), 0.0) == 55.0
    run.watch.apply_record(TaskSummary(RUN))
    assert run.watch.next_pause(Backoff(10.0), 0.0) < 10.0


@pytest.mark.parametrize("error", [REFUSED, DENIED])
def test_what_others_met_and_can_never_succeed_ends_the_wait(error):
    with pytest.raises(type(error)):
        Run(RUNNING, STARTED).watch.note_failure(error, quiet=1e9)


@pytest.mark.parametrize(
    ("status", "takes_a_look"),
    [
        (STARTED, False),
        (COLLECTED, False),
        (UNKNOWN, False),
        (DOWN, False),
        (DENIED, False),
        (AccountAggregationStatus("NOT_FOUND"), False),
        (COMPLETED, True),
        (CANCELLED, True),
        (AccountAggregationStatus("TERMINATED"), True),
    ],
)
def test_progress_alone_asks_the_status_endpoint_and_ends_nothing(status, takes_a_look):
    run = Run(RUNNING, status)
    assert run.driver.run(run.watch.progress()) is takes_a_look
    assert [call.path for call in run.driver.calls] == [f"/account-aggregations/v1/{RUN}/status"]
    assert not run.watch.is_troubled


def test_progress_alone_is_shown(caplog):
    run = Run(RUNNING, COLLECTED)
    run.driver.run(run.watch.progress())
    assert "4/9 accounts" in lines(caplog)[0]


def test_a_refused_status_endpoint_is_warned_of_once_and_asked_no_more(caplog):
    run = Run(RUNNING, DENIED)
    assert run.watch.shows_status
    for _ in range(3):
        run.driver.run(run.watch.progress())
        run.look()
    assert not run.watch.shows_status
    assert len(run.asked("account-aggregations")) == 1
    assert len(lines(caplog, logging.WARNING)) == 1


def test_a_look_without_progress_leaves_the_status_endpoint_out_unless_something_is_odd():
    run = Run(RUNNING, STARTED)
    assert run.driver.run(run.watch.poll(with_progress=False)) is None
    assert run.asked("account-aggregations") == []
    run.task = DONE
    result = run.driver.run(run.watch.poll(with_progress=False))
    assert (result["state"], result["status"]) == ("succeeded", None)
    assert run.asked("account-aggregations") == []
    run.task = UNKNOWN
    run.status = UNKNOWN
    run.driver.run(run.watch.poll(with_progress=False))
    assert len(run.asked("account-aggregations")) == 1
    run.task, run.status = RUNNING, COMPLETED
    run.driver.run(run.watch.poll(with_progress=False))
    assert len(run.asked("account-aggregations")) == 2


def test_what_the_status_endpoint_said_stays_in_the_lines_of_seen_records(caplog):
    run = Run(RUNNING, COLLECTED)
    run.driver.run(run.watch.progress())
    run.watch.apply_record(TaskSummary(RUN, None, 70))
    assert lines(caplog)[-1].startswith("ACCOUNTS_COLLECTED (70 %)")


def test_how_long_a_run_usually_takes_makes_looks_come_sooner_near_its_end():
    clock = Run(RUNNING, STARTED).driver.clock
    watch = Watch(
        RUN, API_VERSIONS["v1"], deadlines=Deadlines(begun=NOON), clock=clock, log=LOG, usual_seconds=1000.0
    )
    pauses = []
    for elapsed in (500.0, 990.0, 1400.0):
        clock.now = NOON + elapsed
        pauses.append(watch.next_pause(Backoff(60.0), 0.0))
    assert pauses == [60.0, 5.0, 60.0]


def record_of(took, completion_status="SUCCESS", **changes):
    begun = datetime(2024, 5, 1, tzinfo=UTC)
    ended = begun + timedelta(seconds=took)
    times = {"created": begun.isoformat(), "launched": None, "completed": ended.isoformat()}
    return read_task_status(task_document(completion_status, **times | changes))


def test_what_is_usual_is_the_median_of_the_latest_five_good_runs():
    latest = [record_of(seconds) for seconds in (100, 300, 200, 500, 400)]
    assert usual_seconds([*latest, record_of(9999), record_of(9999)]) == 300
    assert usual_seconds([record_of(100), record_of(300, "Warning")]) == 200


def test_what_is_usual_is_not_known_from_bad_running_or_incomplete_runs():
    odd = [
        record_of(50, "ERROR"),
        record_of(50, "TERMINATED"),
        record_of(50, None, completed=None),
        record_of(50, completed=None),
        record_of(50, created=None),
    ]
    assert usual_seconds(odd) is None
    assert usual_seconds([*odd, record_of(70)]) == 70
    assert usual_seconds([]) is None


def test_what_did_not_change_is_not_shown_again_whoever_shows_it(caplog):
    run = Run(RUNNING, COLLECTED)
    for _ in range(5):
        run.driver.run(run.watch.progress())
        run.watch.apply_record(TaskSummary(RUN, None, 40))
        run.driver.clock.now += 60
    assert [line.split("  ")[0] for line in lines(caplog)] == [
        "ACCOUNTS_COLLECTED",
        "ACCOUNTS_COLLECTED (40 %)",
    ]
