"""When a watcher reports a drop, and when it holds it back."""

from __future__ import annotations

import math
from itertools import pairwise

from sailpoint_provider.drops.entries import Entry
from sailpoint_provider.drops.names import DropSource
from sailpoint_provider.drops.reporting import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_REMINDER_PAUSE,
    UNKNOWN_RUN_SECONDS,
    Block,
    Reminder,
    Reporter,
)

HR = DropSource(source_name="HR")


def entry(name="a.csv", marker="1"):
    return Entry(name, 5, marker, 1.0, 1.0)


def test_a_drop_is_reported_once():
    reporter = Reporter(3600.0)
    assert reporter.report_now(HR, entry(), None, 0.0)
    assert not reporter.report_now(HR, entry(), None, 10.0)
    assert reporter.is_settled(HR, entry(), 10.0)


def test_a_drop_that_nobody_took_is_reported_again_after_an_hour():
    reporter = Reporter(3600.0)
    reporter.report_now(HR, entry(), None, 0.0)
    assert reporter.due() == 3600.0
    assert not reporter.report_now(HR, entry(), None, 3599.0)
    assert reporter.report_now(HR, entry(), None, 3600.0)


def test_a_new_file_of_the_same_name_is_a_new_drop():
    reporter = Reporter(3600.0)
    reporter.report_now(HR, entry(), None, 0.0)
    assert reporter.report_now(HR, entry(marker="2"), None, 1.0)
    reporter.keep_only({})
    assert reporter.due() == math.inf
    assert reporter.report_now(HR, entry(marker="2"), None, 2.0)


def test_the_next_drop_is_held_back_while_the_run_of_the_last_is_active():
    reporter = Reporter(3600.0)
    for now in (0.0, 1e5):
        assert not reporter.report_now(HR, entry(), Block(1, is_active=True), now)
    assert reporter.report_now(HR, entry(), None, 1e5 + 1)


def test_a_run_that_is_over_without_a_decision_is_followed_by_another_ever_more_rarely():
    reporter, reported = Reporter(1e9), []
    now = 0.0
    while now < 20_000.0:
        if reporter.report_now(HR, entry(), Block(1, is_active=False), now):
            reported.append(now)
        now += 50.0
    pauses = [after - before for before, after in pairwise(reported)]
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert set(pauses[4:]) == {LONGEST_PAUSE}


def test_a_drop_that_was_reported_too_early_is_reported_again_once_the_source_is_free():
    reporter = Reporter(3600.0)
    assert reporter.report_now(HR, entry(), Block(1, is_active=False), 0.0)
    assert not reporter.is_settled(HR, entry(), 0.0)
    assert reporter.report_now(HR, entry(), None, 1.0)


def test_a_newer_file_gives_a_blocked_source_another_attempt_at_once():
    reporter = Reporter(3600.0)
    assert reporter.report_now(HR, entry(), Block(1, is_active=False), 0.0)
    assert reporter.report_now(HR, entry("b.csv"), Block(1, is_active=False), 1.0)


def test_an_unknown_state_of_the_run_holds_the_next_drop_back_for_a_while_only():
    reporter = Reporter(3600.0)
    assert not reporter.report_now(HR, entry(), Block(1, is_active=None), 0.0)
    assert not reporter.report_now(HR, entry(), Block(1, is_active=None), UNKNOWN_RUN_SECONDS - 1)
    assert reporter.report_now(HR, entry(), Block(1, is_active=None), UNKNOWN_RUN_SECONDS)


CLAIM = ("hr", 1)


def reports(reminder, is_active, until, step=50.0):
    """Return when a taken drop is reported; ``is_active`` may be a function of the time."""
    times, now = [], 0.0
    while now < until:
        state = is_active(now) if callable(is_active) else is_active
        if reminder.report_now(CLAIM, state, now):
            times.append(now)
        now += step
    return times


def test_a_drop_that_its_run_left_undecided_is_reported_again_ever_more_rarely():
    times = reports(Reminder(3600.0), False, 500_000.0)
    assert times[0] == 3600.0
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:4] == [7200.0, 14_400.0, 28_800.0, 57_600.0]
    assert set(pauses[4:]) == {LONGEST_REMINDER_PAUSE}


def test_a_drop_is_not_reported_while_its_run_is_active_or_may_be():
    assert reports(Reminder(3600.0), True, 100_000.0) == []
    assert reports(Reminder(3600.0), None, 100_000.0) == []


def test_a_cleared_run_gets_the_time_anew_and_the_reports_stay_rare():
    def is_active(now):
        return 3000.0 <= now < 10_000.0 or 14_000.0 <= now < 15_000.0

    assert reports(Reminder(3600.0), is_active, 23_000.0) == [13_600.0, 22_200.0]


def test_an_unknown_state_of_the_run_only_delays_a_report():
    assert reports(Reminder(3600.0), lambda now: None if 3000.0 <= now < 5000.0 else False, 6000.0) == [
        5000.0
    ]


def test_what_is_decided_is_forgotten():
    reminder = Reminder(3600.0)
    reminder.report_now(CLAIM, False, 0.0)
    assert reminder.due() == 3600.0
    reminder.keep_only(set())
    assert reminder.due() == math.inf
    assert not reminder.report_now(CLAIM, False, 3600.0)


def test_a_pause_longer_than_a_day_is_kept():
    reminder = Reminder(200_000.0)
    assert reports(reminder, False, 500_000.0, 1000.0) == [200_000.0, 400_000.0]
