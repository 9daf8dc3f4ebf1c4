"""The arithmetic behind the benchmarks: stalls, counts, percentiles, tables."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.benchmarks.loop_stalls import StallWatch, stalls_of
from tests.benchmarks.report import Bar, Section, Table, as_markdown, on_terminal
from tests.benchmarks.waits.figures import percentile
from tests.benchmarks.waits.tally import Counting

BUSY_SECONDS = 0.06


def test_a_stall_without_the_collections_that_fell_into_it():
    stalls = stalls_of(late=[(1.0, 1.5), (3.0, 3.2)], collections=[(0.9, 1.1), (1.2, 1.45), (2.0, 2.9)])
    assert stalls.longest == pytest.approx(0.5)
    assert stalls.longest_apart == pytest.approx(0.2)
    assert stalls.longest_collection == pytest.approx(0.9)


def test_no_late_tick_is_no_stall():
    assert stalls_of([], []) == stalls_of(late=(), collections=())
    assert stalls_of([], []).longest == 0.0


def run_watched(*flow):
    watch = StallWatch()

    async def all_of_them():
        watch.begin()
        await asyncio.gather(*(step() for step in flow))
        watch.end()
        return watch.stalls()

    with asyncio.Runner(loop_factory=watch.loop) as runner:
        return runner.run(all_of_them())


async def hold_the_loop():
    await asyncio.sleep(0)
    until = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < until:
        pass


def test_a_loop_that_is_held_up_shows_for_how_long():
    assert run_watched(hold_the_loop).longest >= BUSY_SECONDS - 0.01


def test_two_that_hold_the_loop_in_one_turn_add_up():
    assert run_watched(hold_the_loop, hold_the_loop).longest >= 2 * BUSY_SECONDS - 0.01


def test_a_collection_counts_as_a_stall_of_its_own_kind():
    async def collect():
        import gc

        kept = [[number] for number in range(200_000)]
        gc.collect()
        assert kept

    stalls = run_watched(collect)
    assert stalls.longest_collection > 0.0
    assert stalls.longest_apart <= stalls.longest


def test_the_busiest_10_seconds_are_any_10_seconds():
    counting = Counting()
    for moment in (0.0, 6.0, 9.9, 12.0, 15.9, 30.0):
        counting.requested("task status", moment)
    tally = counting.tally()
    assert (tally.busiest, tally.total) == (4, 6)


def test_the_limit_of_isc_is_counted_in_fixed_windows():
    counting = Counting()
    refused = [counting.over_limit(moment) for moment in [0.0] * 130 + [9.0] + [10.0] * 90]
    assert counting.would_refuse == 31
    assert refused[129] == 10.0
    assert refused[131:] == [None] * 90


def test_connections_are_counted_in_all_and_at_once():
    counting = Counting()
    for change in (counting.connected, counting.connected, counting.disconnected, counting.connected):
        change()
    assert (counting.tally().opened, counting.tally().most_open) == (3, 2)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.95, 4), (0.25, 1), (1.0, 4)])
def test_a_percentile_is_a_value_that_was_measured(share, expected):
    assert percentile([1, 2, 3, 4], share) == expected


SECTION = Section(
    "Things",
    "How.",
    (Table("Sizes", ("", "a|b"), (("small", "1"), ("very large", "1,000")), ("A note.",)),),
    (Bar("Size", "<= 5", "1", met=True), Bar("Weight", "<= 5", "6", met=False)),
)


def test_the_terminal_shows_columns_side_by_side_and_missed_bars():
    lines = on_terminal(SECTION).splitlines()
    assert lines[lines.index("Sizes") + 1 :][:4] == [
        "              a|b",
        "----------  -----",
        "small           1",
        "very large  1,000",
    ]
    assert "* A note." in lines
    assert [line.split()[-1] for line in lines[-2:]] == ["yes", "MISSED"]


def test_markdown_holds_the_same_and_no_broken_cell():
    text = as_markdown(SECTION)
    assert text.startswith("## Things\n\nHow.\n")
    assert "|  | a\\|b |\n| --- | ---: |\n| small | 1 |\n| very large | 1,000 |" in text
    assert "- A note." in text
    assert "| Weight | <= 5 | 6 | MISSED |" in text
