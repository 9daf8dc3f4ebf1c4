"""The figures of one case: medians over its runs, and the worst run where a target allows no exception."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks.waits.peers import POLL_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.benchmarks.waits.runs import Plan, Result

IN_TIME = 1.5 * POLL_INTERVAL
"""Seconds after its end within which a job's end should be noticed."""


@dataclass(frozen=True)
class Case:
    """What is measured several times: a peer, its number of waits, and the delay of each response."""

    peer: str
    count: int
    delay: float


@dataclass(frozen=True)
class Figures:
    """
    One case in figures; medians over its runs where nothing else is said, times in seconds.

    :param runs: how many runs there were.
    :param requests: requests, tokens included.
    :param opened: connections opened.
    :param opened_at_most: the same in the run with the most.
    :param most_open: connections open at once, in the run with the most.
    :param busiest: the most requests in any 10 s, in the run with the most.
    :param would_refuse: how many requests ISC's limit would have refused.
    :param refused: how many requests were answered 429, in the run with the most.
    :param cpu: processor time.
    :param wall: time from the start of the triggers to the last event.
    :param stall: the longest that the loop stood still.
    :param stall_apart: the same without garbage collection.
    :param stall_apart_at_most: the same in the worst run.
    :param collection: the longest garbage collection.
    :param in_time: share of the ends that were noticed within :data:`IN_TIME`.
    :param late_p50: half of the ends were noticed after so long.
    :param late_p95: 95 % of the ends were noticed after so long.
    :param late_max: the last end was noticed after so long.
    :param voids: for each void run, an event that reported something other than success.
    """

    runs: int
    requests: float
    opened: float
    opened_at_most: int
    most_open: int
    busiest: int
    would_refuse: float
    refused: int
    cpu: float
    wall: float
    stall: float
    stall_apart: float
    stall_apart_at_most: float
    collection: float
    in_time: float
    late_p50: float
    late_p95: float
    late_max: float
    voids: tuple[str, ...]


def case_of(plan: Plan) -> Case:
    """Return what a run is a run of."""
    return Case(plan.peer, plan.count, plan.delay)


def by_case(results: Iterable[Result]) -> dict[Case, Figures]:
    """Sum up runs by what they are runs of."""
    runs: dict[Case, list[Result]] = {}
    for result in results:
        runs.setdefault(case_of(result.plan), []).append(result)
    return {case: figures_of(of_case) for case, of_case in runs.items()}


def figures_of(results: Sequence[Result]) -> Figures:
    """Sum up the runs of one case."""
    outcomes = [result.outcome for result in results]
    tallies = [result.tally for result in results]
    stalls = [outcome.stalls for outcome in outcomes]
    late = [sorted(outcome.noticed) for outcome in outcomes]
    return Figures(
        runs=len(results),
        requests=median(tally.total for tally in tallies),
        opened=median(tally.opened for tally in tallies),
        opened_at_most=max(tally.opened for tally in tallies),
        most_open=max(tally.most_open for tally in tallies),
        busiest=max(tally.busiest for tally in tallies),
        would_refuse=median(tally.would_refuse for tally in tallies),
        refused=max(tally.refused for tally in tallies),
        cpu=median(outcome.cpu for outcome in outcomes),
        wall=median(outcome.wall for outcome in outcomes),
        stall=median(stall.longest for stall in stalls),
        stall_apart=median(stall.longest_apart for stall in stalls),
        stall_apart_at_most=max(stall.longest_apart for stall in stalls),
        collection=median(stall.longest_collection for stall in stalls),
        in_time=median(sum(seconds <= IN_TIME for seconds in one) / len(one) for one in late),
        late_p50=median(percentile(one, 0.5) for one in late),
        late_p95=median(percentile(one, 0.95) for one in late),
        late_max=median(one[-1] for one in late),
        voids=tuple(outcome.void for outcome in outcomes if outcome.void is not None),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the least value that so large a share of the values does not exceed."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, rank - 1)]
