"""The section on waits: many remote jobs waited for at once, by this package and by two others."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.report import Figure, Section
from tests.benchmarks.wait_figures import by_case
from tests.benchmarks.wait_peers import PEERS, POLL_INTERVAL
from tests.benchmarks.wait_plot import write_plot
from tests.benchmarks.wait_runs import JOB_SECONDS, SPREAD_SECONDS, Bench, Plan
from tests.benchmarks.wait_tables import (
    AIRBYTE,
    DBT,
    DELAYS,
    LADDER,
    MAIN,
    MOST,
    OURS,
    bars,
    ladder_table,
    main_table,
    memory_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.benchmarks.wait_runs import Result

ROUNDS = 3
_SLOW = DELAYS[1]
_APART = POLL_INTERVAL / 2

_TEXT = f"""\
Jobs at a remote service are waited for in triggers, as many as there are tasks: by this package's
`SailPointAccountAggregationTrigger`, by `DbtCloudRunJobTrigger` and by `AirbyteSyncTrigger`. All jobs of a
run begin together and take from {JOB_SECONDS:g} s to {JOB_SECONDS + SPREAD_SECONDS:g} s, evenly spread, so
that the ends do not fall on a look by luck. Everybody looks every {POLL_INTERVAL:g} s; all other settings
are the ones that each package's own operator gives its trigger.

The same server program answers all three, on loopback and over TLS, with answers of the shape and the
weight of real ones, at once or after {_SLOW * 1000:.0f} ms. It enforces ISC's limit of 100 requests in 10 s
(fixed windows) for this package, and for the others counts what the limit would have refused. Each run is a
process of its own with one event loop, and has a server process to itself. Processor time is the client's
process alone, from just before the triggers start to the last event, without the import of the trigger's
module. A stall is how late a tick of 5 ms comes. Every log line is made and written, by Airflow's own
logging, as in a triggerer.

What ran beside what: this package's runs of 1,000 waits, {ROUNDS} with each delay, ran side by side and
beside no other package. Then came {ROUNDS} rounds, each of dbt Cloud (both delays side by side, half a poll
interval apart) and of Airbyte with answers at once, alone, because beside anything busy it stands still for
longer. With answers after {_SLOW * 1000:.0f} ms Airbyte waits for each of them on the event loop, so that a
run takes minutes and hardly any processor time, and it asks hardly more than once for each wait, so that a
hundredth of its requests is out of anybody's reach: its {ROUNDS} runs ran side by side, beside all
others. The runs of 1, 20 and 100 waits, and this package's of {MOST:,}, were one batch, half a second
apart; the memory was read in runs of its own, side by side. The authority that the clients trust is one
certificate, not the usual bundle of more than a hundred, which makes Airbyte, with its TLS context for
every trigger, quicker than it would be."""


@dataclass(frozen=True)
class Measured:
    """All runs, and the bytes per wait of each peer."""

    results: tuple[Result, ...]
    weights: dict[str, float]


def measure() -> Section:
    """Run everything and sum it up."""
    with tempfile.TemporaryDirectory(prefix="benchmark_waits_") as folder:
        return section_of(asyncio.run(_measured(Bench(Path(folder)))))


def section_of(measured: Measured) -> Section:
    """Make the section of what was measured."""
    cases = by_case(measured.results)
    return Section(
        title="Waits",
        text=_TEXT,
        tables=(
            *(main_table(cases, delay) for delay in DELAYS),
            ladder_table(cases),
            memory_table(measured.weights),
        ),
        bars=bars(cases, measured.weights),
        figures=(
            Figure(
                "benchmarks-waits",
                "Requests and processor time of the three packages against the number of waits",
                lambda folder: write_plot(cases, folder),
            ),
        ),
    )


async def _measured(bench: Bench) -> Measured:
    slow = [Plan(AIRBYTE, MAIN, _SLOW)] * ROUNDS
    async with asyncio.TaskGroup() as group:
        background = group.create_task(bench.run_together(slow))
        weights = await bench.weigh_together([Plan(peer, MAIN) for peer in PEERS])
        _say("memory of one wait")
        results = await bench.run_together(_ladder())
        _say(f"{', '.join(map(str, LADDER[:-2]))} waits, and {MOST} of ours")
        results += await bench.run_together(_ours())
        _say(f"{MAIN} waits of ours, {ROUNDS} runs with each delay")
        for number in range(ROUNDS):
            for batch in _round():
                results += await bench.run_together(batch)
                _say(f"round {number + 1} of {ROUNDS}, {PEERS[batch[0].peer].title}")
    results += background.result()
    return Measured(tuple(results), dict(zip(PEERS, weights, strict=True)))


def _ladder() -> list[Plan]:
    plans = [Plan(peer, count) for count in LADDER[:-2] for peer in PEERS]
    return list(_staggered([*plans, Plan(OURS, MOST)], 0.5))


def _ours() -> list[Plan]:
    plans = [Plan(OURS, MAIN, delay) for _ in range(ROUNDS) for delay in DELAYS]
    return list(_staggered(plans, POLL_INTERVAL / len(plans)))


def _round() -> list[list[Plan]]:
    return [list(_staggered([Plan(DBT, MAIN, delay) for delay in DELAYS], _APART)), [Plan(AIRBYTE, MAIN)]]


def _staggered(plans: Iterable[Plan], seconds: float) -> Iterable[Plan]:
    return (replace(plan, offset=number * seconds) for number, plan in enumerate(plans))


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())}  waits: {what}", flush=True)
