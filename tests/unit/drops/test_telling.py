"""When a watcher reports a drop, and when it holds it back."""

from __future__ import annotations

import math
from itertools import pairwise

from sailpoint_provider.drops.entries import Entry
from sailpoint_provider.drops.names import DropSource
from sailpoint_provider.drops.telling import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, Block, Teller

HR = DropSource(source_name="HR")


def entry(name="a.csv", marker="1"):
    return Entry(name, 5, marker, 1.0, 1.0)


def test_a_drop_is_reported_once():
    teller = Teller(3600.0)
    assert teller.tells(HR, entry(), None, 0.0)
    assert not teller.tells(HR, entry(), None, 10.0)
    assert teller.is_settled(HR, entry(), 10.0)


def test_a_drop_that_nobody_took_is_reported_again_after_an_hour():
    teller = Teller(3600.0)
    teller.tells(HR, entry(), None, 0.0)
    assert teller.due() == 3600.0
    assert not teller.tells(HR, entry(), None, 3599.0)
    assert teller.tells(HR, entry(), None, 3600.0)


def test_a_new_file_of_the_same_name_is_a_new_drop():
    teller = Teller(3600.0)
    teller.tells(HR, entry(), None, 0.0)
    assert teller.tells(HR, entry(marker="2"), None, 1.0)
    teller.keep_only({})
    assert teller.due() == math.inf
    assert teller.tells(HR, entry(marker="2"), None, 2.0)


def test_the_next_drop_is_held_back_while_the_run_of_the_last_is_active():
    teller = Teller(3600.0)
    for now in (0.0, 1e5):
        assert not teller.tells(HR, entry(), Block(1, is_active=True), now)
    assert teller.tells(HR, entry(), None, 1e5 + 1)


def test_a_run_that_is_over_without_a_decision_is_followed_by_another_ever_more_rarely():
    teller, told = Teller(1e9), []
    now = 0.0
    while now < 20_000.0:
        if teller.tells(HR, entry(), Block(1, is_active=False), now):
            told.append(now)
        now += 50.0
    pauses = [after - before for before, after in pairwise(told)]
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert set(pauses[4:]) == {LONGEST_PAUSE}


def test_a_drop_that_was_reported_too_early_is_reported_again_once_the_source_is_free():
    teller = Teller(3600.0)
    assert teller.tells(HR, entry(), Block(1, is_active=False), 0.0)
    assert not teller.is_settled(HR, entry(), 0.0)
    assert teller.tells(HR, entry(), None, 1.0)


def test_a_newer_file_gives_a_blocked_source_another_attempt_at_once():
    teller = Teller(3600.0)
    assert teller.tells(HR, entry(), Block(1, is_active=False), 0.0)
    assert teller.tells(HR, entry("b.csv"), Block(1, is_active=False), 1.0)


def test_an_unknown_state_of_the_run_holds_the_next_drop_back_for_a_while_only():
    teller = Teller(3600.0)
    assert not teller.tells(HR, entry(), Block(1, is_active=None), 0.0)
    assert not teller.tells(HR, entry(), Block(1, is_active=None), PATIENCE - 1)
    assert teller.tells(HR, entry(), Block(1, is_active=None), PATIENCE)
