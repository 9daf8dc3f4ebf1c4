"""How often a wait looks: growing pauses, shorter near the expected end."""

import pytest

from sailpoint_provider.isc.wait.backoff import Backoff, EndEstimate


def test_the_pace_grows_to_the_poll_interval_and_never_above():
    backoff, elapsed, pauses = Backoff(poll_interval=30.0), 0.0, []
    for _ in range(100):
        pauses.append(backoff.pause(elapsed))
        elapsed += pauses[-1]
    assert pauses[:4] == [2.0, 3.0, 4.5, 6.75]
    assert pauses == sorted(pauses)
    assert max(pauses) == pauses[-1] == 30.0


@pytest.mark.parametrize("elapsed", [0.0, 5.0, 10_000.0])
def test_jitter_shortens_a_pause_by_up_to_a_fifth(elapsed):
    backoff = Backoff(poll_interval=30.0)
    assert backoff.pause(elapsed, jitter=1.0) == pytest.approx(0.8 * backoff.pause(elapsed))


def test_a_short_poll_interval_holds_from_the_first_pause_on():
    assert Backoff(poll_interval=0.5).pause(0.0) == 0.5


def test_a_clock_that_was_set_back_does_no_harm():
    assert Backoff(poll_interval=30.0).pause(-500.0) == 2.0


@pytest.mark.parametrize(
    ("remaining", "pause"),
    [(None, 30.0), (3600.0, 30.0), (60.0, 30.0), (40.0, 20.0), (10.0, 5.0), (1.0, 2.0), (0.0, 2.0)],
)
def test_looks_come_sooner_near_the_expected_end(remaining, pause):
    assert Backoff(poll_interval=30.0).pause(1000.0, remaining) == pause


def test_a_run_that_is_overdue_is_looked_at_ever_less_often_again():
    backoff = Backoff(poll_interval=30.0)
    assert [backoff.pause(1000.0, -late) for late in (1.0, 10.0, 30.0, 500.0)] == [2.0, 5.0, 15.0, 30.0]


def test_an_expected_end_never_makes_a_young_run_wait_longer():
    assert Backoff(poll_interval=30.0).pause(0.0, 3600.0) == 2.0


def test_without_progress_and_history_nothing_is_expected():
    expectation = EndEstimate(1000.0)
    expectation.note(None, 1010.0)
    expectation.note(0.5, 1020.0)
    assert expectation.remaining(1020.0) is None


def test_history_shows_the_end_until_progress_does():
    expectation = EndEstimate(1000.0, usual_seconds=300.0)
    assert expectation.remaining(1100.0) == 200.0
    assert expectation.remaining(1350.0) == -50.0
    expectation.note(0.1, 1100.0)
    assert expectation.remaining(1100.0) == 200.0
    expectation.note(0.3, 1120.0)
    assert expectation.remaining(1120.0) == pytest.approx(70.0)
    assert expectation.remaining(1150.0) == pytest.approx(40.0)


def test_speed_is_measured_from_the_first_to_the_latest_progress():
    expectation = EndEstimate(0.0)
    for moment, share in ((10.0, 0.0), (20.0, 0.4), (30.0, 0.5), (40.0, 0.5)):
        expectation.note(share, moment)
    assert expectation.remaining(40.0) == pytest.approx(10.0)


def test_progress_that_starts_over_is_measured_afresh():
    expectation = EndEstimate(0.0)
    for moment, share in ((10.0, 0.0), (20.0, 0.9), (30.0, 0.1), (40.0, 0.2)):
        expectation.note(share, moment)
    assert expectation.remaining(40.0) == pytest.approx(80.0)


def test_a_hair_of_progress_shows_no_speed():
    expectation = EndEstimate(0.0)
    expectation.note(0.50, 10.0)
    expectation.note(0.51, 20.0)
    assert expectation.remaining(20.0) is None
