"""The share of ISC's rate limit that a process uses: pauses, 429s, and other users of the credential."""

from dataclasses import dataclass

import pytest

from sailpoint_provider.client.request_budget import RequestBudget


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
    assert min(waiting) == 1030.0
    assert most_in_any_window([*before, *waiting]) <= limit


def test_a_fifth_of_the_budget_may_be_sent_at_once():
    budget = RequestBudget(50)
    assert [budget.reserve(1000.0) for _ in range(11)] == [*[0.0] * 10, pytest.approx(0.25)]


def test_a_pause_holds_for_all_and_is_never_shortened():
    budget = RequestBudget(50)
    budget.close_until(1005.0)
    budget.close_until(1002.0)
    assert budget.reserve(1000.0) == 5.0
    assert budget.reserve(1004.0) == 1.25
    assert budget.spare(1004.0) == 0.0


def test_those_that_waited_come_back_one_after_the_other():
    budget = RequestBudget(50)
    budget.close_until(1005.0)
    assert [budget.reserve(1001.0) for _ in range(4)] == [4.0, 4.25, 4.5, 4.75]


def test_a_pause_voids_the_turns_given_before_it():
    budget = RequestBudget(50)
    for _ in range(100):
        budget.reserve(1000.0)
    before = budget.closures
    budget.close_until(1005.0)
    assert budget.closures != before
    assert budget.reserve(1001.0) == 4.0


def test_a_clock_that_stands_still_or_goes_back_earns_nothing():
    budget = RequestBudget(5)
    assert budget.reserve(1000.0) == 0.0
    assert budget.reserve(999.0) == pytest.approx(2.5)
    assert budget.reserve(1000.0) == pytest.approx(5.0)


def test_what_is_spare_is_reported_without_taking_it():
    budget = RequestBudget(50)
    assert [budget.spare(1000.0) for _ in range(3)] == [1.0] * 3
    for _ in range(5):
        budget.reserve(1000.0)
    assert budget.spare(1000.0) == pytest.approx(0.5)
    for _ in range(20):
        budget.reserve(1000.0)
    assert budget.spare(1000.0) == 0.0


def test_after_a_429_less_is_sent_and_later_slowly_more_again():
    budget = RequestBudget(50)
    full = budget.rate(1000.0)
    budget.slow_down(1000.0)
    rates = [budget.rate(moment) for moment in (1000.0, 1060.0, 1200.0, 1500.0, 2000.0, 1e6)]
    assert rates == sorted(rates)
    assert rates[0] == rates[1] <= 0.6 * full
    assert rates[2] < 0.75 * full
    assert rates[-1] == full


def test_several_429s_of_one_moment_count_once():
    once, often = RequestBudget(50), RequestBudget(50)
    once.slow_down(1000.0)
    for number in range(10):
        often.slow_down(1000.0 + number * 0.5)
    assert often.rate(1005.0) == once.rate(1005.0)


def test_further_429s_slow_down_further_but_never_to_a_stop():
    budget = RequestBudget(50)
    for number in range(50):
        budget.slow_down(1000.0 + 11.0 * number)
    assert budget.rate(1540.0) == pytest.approx(0.1 * 4.0)


def test_what_got_through_says_how_much_may_be_sent():
    busy, idle = RequestBudget(50), RequestBudget(50)
    for budget, sent in ((busy, 30), (idle, 1)):
        for number in range(sent):
            budget.reserve(1000.0 + number * 0.3)
        budget.slow_down(1009.5)
    assert busy.rate(1010.0) == pytest.approx(0.8 * 30 / 50 * 4.0)
    assert idle.rate(1010.0) == pytest.approx(0.3 * 4.0)


@dataclass
class Limiter:
    """ISC's limit: so many requests in each ten seconds, for all clients together."""

    limit: int
    window: float = -1.0
    count: int = 0

    def refuses(self, moment):
        window = moment // 10.0
        if window != self.window:
            self.window, self.count = window, 0
        self.count += 1
        return self.count > self.limit


@pytest.mark.parametrize("limit", [20, 40, 60, 100])
@pytest.mark.parametrize("own", [50, 100])
def test_two_processes_that_share_a_limit_converge(limit, own):
    limiter, budgets = Limiter(limit), [RequestBudget(own), RequestBudget(own)]
    sent = refused = 0
    last = [0.0, 0.0]
    queue = [(1000.0 + number, number, budgets[number].reserve(1000.0 + number)) for number in range(2)]
    while queue:
        queue.sort(key=lambda one: one[0] + one[2])
        asked, number, pause = queue.pop(0)
        moment = asked + pause
        if moment >= 1630.0:
            continue
        refusal = limiter.refuses(moment)
        if moment >= 1030.0:
            sent, refused = sent + 1, refused + refusal
            last[number] = moment
        if refusal:
            budgets[number].slow_down(moment)
            budgets[number].close_until((moment // 10.0 + 1) * 10.0 + 0.5 * number)
        queue.append((moment, number, budgets[number].reserve(moment)))
    assert refused < 0.01 * sent
    assert sent > 0.3 * min(limit, 2 * own) * 60
    assert min(last) > 1600.0
