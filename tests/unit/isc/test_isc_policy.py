import pytest
from isc_cases import SOURCE

from sailpoint_provider.isc import calls, errors
from sailpoint_provider.isc.generations import GENERATIONS
from sailpoint_provider.isc.policy import Pace, RequestBudget, RetryPolicy

SAFE = calls.source(GENERATIONS["v1"], SOURCE)
START = calls.load_accounts(GENERATIONS["v1"], SOURCE)


def unavailable(**details):
    return errors.TenantUnavailableError("x", **details)


def exhausted(error):
    error.exhausted = True
    return error


@pytest.mark.parametrize(
    ("error", "safe", "start"),
    [
        (unavailable(status=408), True, False),
        (unavailable(status=500), True, False),
        (unavailable(status=502), True, False),
        (unavailable(status=503), True, False),
        (unavailable(status=504), True, False),
        (unavailable(), True, False),
        (unavailable(sent=False), True, True),
        (unavailable(sent=False, final=True), False, False),
        (unavailable(status=503, retry_after=120.0), True, False),
        (unavailable(status=503, retry_after=120.1), False, False),
        (errors.RateLimitError("x", status=429), True, True),
        (errors.RateLimitError("x", status=429, retry_after=5.0), True, True),
        (errors.RateLimitError("x", status=429, retry_after=121.0), False, False),
        (exhausted(errors.RateLimitError("x")), False, False),
        (exhausted(unavailable(sent=False)), False, False),
        (errors.InvalidInputError("x", status=400), False, False),
        (errors.InvalidInputError("x", final=False), False, False),
        (errors.AuthenticationError("x", status=401), False, False),
        (errors.AccessDeniedError("x", status=403), False, False),
        (errors.UnknownAggregationError("x", status=404), False, False),
        (errors.ProtocolError("x"), False, False),
        (errors.SailPointError("x"), False, False),
        (ValueError("x"), False, False),
        (None, False, False),
    ],
)
def test_what_may_be_sent_again(error, safe, start):
    policy = RetryPolicy()
    assert policy.may_repeat(SAFE, error) is safe
    assert policy.may_repeat(START, error) is start


@pytest.mark.parametrize(
    ("attempt", "pause"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0), (6, 30.0), (500, 30.0)]
)
def test_pauses_double_up_to_the_longest_and_jitter_takes_up_to_half(attempt, pause):
    policy = RetryPolicy()
    assert policy.pause(attempt, unavailable(), 1.0) == pause
    assert policy.pause(attempt, unavailable(), 0.0) == pause / 2
    assert pause / 2 < policy.pause(attempt, None, 0.3) < pause


@pytest.mark.parametrize(("wish", "jitter", "pause"), [(9.0, 0.0, 9.0), (9.0, 1.0, 10.0), (0.0, 0.5, 0.75)])
def test_a_wish_of_isc_is_waited_for_in_full(wish, jitter, pause):
    assert RetryPolicy().pause(1, errors.RateLimitError("x", retry_after=wish), jitter) == pause


def test_the_pace_grows_to_the_poll_interval_and_never_above():
    pace = Pace(poll_interval=30.0)
    pauses = [pace.pause(looks, 0.0) for looks in range(1, 1000)]
    assert pauses[:4] == [2.0, 3.0, 4.5, 6.75]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30.0
    assert max(pauses) == 30.0


@pytest.mark.parametrize("looks", [1, 5, 10_000])
def test_jitter_shortens_a_pause_by_up_to_a_fifth(looks):
    pace = Pace(poll_interval=30.0)
    assert pace.pause(looks, 1.0) == pytest.approx(0.8 * pace.pause(looks, 0.0))


def test_a_short_poll_interval_holds_from_the_first_pause_on():
    assert Pace(poll_interval=0.5).pause(1, 0.0) == 0.5


def sent_moments(budget, arrivals):
    return sorted(moment + budget.reserve(moment) for moment in arrivals)


def most_in_any_window(moments, seconds=10.0):
    return max(sum(1 for other in moments if begin <= other < begin + seconds) for begin in moments)


ARRIVALS = {
    "all at once": [1000.0] * 300,
    "steadily too many": [1000.0 + number * 0.05 for number in range(600)],
    "in waves": [1000.0 + wave * 11.0 + number * 0.001 for wave in range(6) for number in range(70)],
    "now and then": [1000.0 + number * 3.0 for number in range(50)],
}


@pytest.mark.parametrize("arrivals", ARRIVALS.values(), ids=ARRIVALS)
@pytest.mark.parametrize("limit", [1, 2, 5, 10, 50, 80])
def test_no_ten_seconds_ever_see_more_requests_than_the_budget(limit, arrivals):
    assert most_in_any_window(sent_moments(RequestBudget(limit), arrivals)) <= limit


@pytest.mark.parametrize("limit", [5, 50])
def test_no_ten_seconds_see_more_requests_than_the_budget_after_a_pause_either(limit):
    budget = RequestBudget(limit)
    before = sent_moments(budget, [1000.0] * limit)
    budget.close_until(1030.0)
    waiting = sent_moments(budget, [1020.0 + number * 0.01 for number in range(3 * limit)])
    assert min(waiting) >= 1030.0
    assert most_in_any_window([*before, *waiting]) <= limit


def test_a_fifth_of_the_budget_may_be_sent_at_once():
    budget = RequestBudget(50)
    assert [budget.reserve(1000.0) for _ in range(11)] == [*[0.0] * 10, pytest.approx(0.25)]


def test_a_pause_holds_for_all_and_is_never_shortened():
    budget = RequestBudget(50)
    budget.close_until(1005.0)
    budget.close_until(1002.0)
    assert budget.reserve(1000.0) == 5.0
    assert budget.reserve(1004.0) == 1.0
    assert budget.reserve(1005.0) == 0.0


def test_a_clock_that_stands_still_or_goes_back_earns_nothing():
    budget = RequestBudget(5)
    assert budget.reserve(1000.0) == 0.0
    assert budget.reserve(999.0) == pytest.approx(2.5)
    assert budget.reserve(1000.0) == pytest.approx(5.0)
