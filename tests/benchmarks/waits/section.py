"""The section on waits: this package and two others wait for many remote jobs at once."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.report import Figure, Section
from tests.benchmarks.waits.figures import by_case
from tests.benchmarks.waits.peers import PEERS, POLL_INTERVAL
from tests.benchmarks.waits.plot import write_plot
from tests.benchmarks.waits.runs import JOB_SECONDS, SPREAD_SECONDS, Bench, Plan
from tests.benchmarks.waits.tables import (
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

    from tests.benchmarks.waits.runs import Result

ROUNDS = 3
_SLOW = DELAYS[1]
_APART = POLL_INTERVAL / 2

_TEXT = f"""\
Each task waits for a job at a remote service in a trigger: this package's
`SailPointAccountAggregationTrigger`, `DbtCloudRunJobTrigger` or `AirbyteSyncTrigger`. All jobs of a run
begin together and take from {JOB_SECONDS:g} s to {JOB_SECONDS + SPREAD_SECONDS:g} s, evenly spread, so
that their ends do not coincide with a poll by chance. All triggers poll every {POLL_INTERVAL:g} s. All
other settings are those that the package's own operator gives its trigger.

The same server program serves all three on loopback, over TLS, with responses that have the form and size
of real ones, either immediately or after {_SLOW * 1000:.0f} ms. It enforces ISC's limit of 100 requests
in 10 s (fixed windows) for this package; for the others, it counts the requests that the limit would have
refused. Each run has a process with one event loop, and a server process, to itself. Processor time is
that of the client's process, from just before the triggers start to the last event, without the import of
the trigger's module. A stall is the delay of a tick that is due every 5 ms. All log lines are produced
and written by Airflow's own logging, as in a triggerer.

How the runs were arranged: this package's runs of 1,000 waits, {ROUNDS} with each delay, ran side by
side, and beside no other package. {ROUNDS} rounds followed, each of dbt Cloud (both delays side by side,
half a poll interval apart) and then of Airbyte with immediate responses, alone, because it stalls for
longer beside anything busy. With responses after {_SLOW * 1000:.0f} ms, Airbyte waits for each response
on the event loop. A run then takes minutes with hardly any processor time, and polls each job little more
than once, so that a hundredth of its requests is impossible for any client. Its {ROUNDS} runs ran side by
side, beside all others. The runs of 1, 20 and 100 waits, and this package's run of {MOST:,}, were one
batch, half a second apart. Memory was measured in separate runs, side by side. The clients trust a single
certificate authority instead of the usual bundle of more than a hundred. This makes Airbyte, which
creates a TLS context for every trigger, faster than it would be."""


@dataclass(frozen=True)
class Measured:
    """All runs, and the bytes per wait of each peer."""

    results: tuple[Result, ...]
    weights: dict[str, float]


def measure() -> Section:
    """Run everything and summarize it."""
    with tempfile.TemporaryDirectory(prefix="benchmark_waits_") as folder:
        return section_of(asyncio.run(_measured(Bench(Path(folder)))))


def section_of(measured: Measured) -> Section:
    """Build the section from the measurements."""
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
        _say(f"{', '.join(map(str, LADDER[:-2]))} waits, and {MOST} of this package")
        results += await bench.run_together(_ours())
        _say(f"{MAIN} waits of this package, {ROUNDS} runs with each delay")
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
