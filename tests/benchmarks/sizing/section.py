"""The section on sizing: up to 10,000 waits and 50 tenants, on one triggerer and on several."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.json_process import START_SECONDS, JsonProcess, RunError, all_of
from tests.benchmarks.report import Bar, Section, Table
from tests.benchmarks.sizing.runner import Measured, Share
from tests.benchmarks.waits.figures import percentile
from tests.benchmarks.waits.runs import Bench
from tests.benchmarks.waits.tally import Tally
from tests.live.processes import clean_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

POLL_INTERVAL = 30.0
"""The default of the operator."""

JOB_SECONDS = 60.0
SPREAD_SECONDS = 60.0
LIMIT = 100
"""Requests that ISC allows a client in 10 s."""

_RUN_SECONDS = 540.0
_IN_TIME = 2 * POLL_INTERVAL
_FACTOR = float(os.environ.get("SIZING_FACTOR", "1"))
"""Scales the number of waits, to try the section out."""


@dataclass(frozen=True)
class Setup:
    """
    One run.

    :param triggerers: number of triggerers; every one waits for an equal part of each tenant's aggregations.
    :param tenants: number of tenants.
    :param waits: number of waits, of all tenants together.
    :param requests_per_10s: request budget of each triggerer for each tenant; None for the default.
    """

    triggerers: int
    tenants: int
    waits: int
    requests_per_10s: float | None = None

    @property
    def for_each_tenant(self) -> int:
        """Number of waits for each tenant."""
        return max(self.triggerers, int(self.waits * _FACTOR) // self.tenants)

    def connections(self, ports: Sequence[int]) -> dict[str, str]:
        """Return the connections of a triggerer, as environment variables."""
        extra = {} if self.requests_per_10s is None else {"requests_per_10s": self.requests_per_10s}
        return {
            f"AIRFLOW_CONN_TENANT_{number}": json.dumps(
                {
                    "conn_type": "sailpoint",
                    "host": f"https://127.0.0.1:{port}",
                    "login": "benchmark-client",
                    "password": "benchmark-secret",
                    "extra": extra,
                }
            )
            for number, port in enumerate(ports)
        }


SETUPS = (
    Setup(1, 1, 1_000),
    Setup(1, 1, 5_000),
    Setup(1, 1, 10_000),
    Setup(1, 50, 10_000),
    Setup(4, 1, 10_000),
    Setup(4, 1, 10_000, requests_per_10s=20),
    Setup(4, 50, 10_000),
)


@dataclass(frozen=True)
class Result:
    """What came of a run: one :class:`Measured` for each triggerer, one :class:`Tally` for each tenant."""

    setup: Setup
    triggerers: tuple[Measured, ...]
    tenants: tuple[Tally, ...]

    @property
    def noticed(self) -> list[float]:
        """Seconds from each end to its event, in order."""
        return sorted(seconds for one in self.triggerers for seconds in one.noticed)

    @property
    def busiest(self) -> int:
        """The most requests that a tenant got in any 10 s."""
        return max(tally.busiest for tally in self.tenants)

    @property
    def refused(self) -> int:
        """Requests that were answered 429."""
        return sum(tally.refused for tally in self.tenants)

    @property
    def voids(self) -> list[str]:
        """Events that reported something other than success."""
        return [one.void for one in self.triggerers if one.void is not None]


_TEXT = f"""\
How many triggerers a number of waits and tenants takes. Each triggerer is a process of its own with one event
loop. Each tenant has a port, a token and a limit of {LIMIT} requests in 10 s (fixed windows) of its own, over
TLS on loopback. All aggregations of a run begin together; they end between {JOB_SECONDS:g} s and
{JOB_SECONDS + SPREAD_SECONDS:g} s later, evenly spread. `poll_interval` is {POLL_INTERVAL:g} s, the
operator's default. The waits of a tenant are divided evenly among the triggerers, which all use the same
credential. Processor time and memory are those of one triggerer's event loop with this package's triggers,
from the first wait to the last event, without what Airflow itself adds."""


def measure() -> Section:
    """Run all setups one after the other; about 16 minutes."""
    results = []
    with tempfile.TemporaryDirectory(prefix="benchmark_sizing_") as folder:
        bench = Bench(Path(folder))
        for setup in SETUPS:
            results.append(asyncio.run(run(bench, setup)))
            print(
                f"{time.strftime('%H:%M:%S', time.gmtime())}  sizing: {setup.waits:,} waits, "
                f"{setup.tenants} tenants, {setup.triggerers} triggerers",
                flush=True,
            )
    return Section("Sizing", _TEXT, (_table(results),), tuple(_bars(results)))


async def run(bench: Bench, setup: Setup) -> Result:
    """Carry out one run."""
    processes: list[JsonProcess] = []

    async def started(module: str, arguments: list[str], environment: dict[str, str]) -> JsonProcess:
        processes.append(await JsonProcess.start(module, arguments, environment))
        return processes[-1]

    try:
        server = await started(
            "tests.benchmarks.sizing.server",
            [str(bench.certificate), str(setup.tenants)],
            clean_environment(),
        )
        ports = (await server.receive(START_SECONDS))["ports"]
        environment = bench.environment(setup.connections(ports))
        runners = [
            await started("tests.benchmarks.sizing.runner", [], environment) for _ in range(setup.triggerers)
        ]
        for number, runner in enumerate(runners):
            share = Share(setup.tenants, number, setup.triggerers, setup.for_each_tenant, POLL_INTERVAL)
            await runner.send(asdict(share))
        await all_of(runner.receive(START_SECONDS) for runner in runners)
        series = {
            "count": setup.for_each_tenant,
            "begun": time.time() + 5.0 + setup.waits / 1000,
            "seconds": JOB_SECONDS,
            "spread": SPREAD_SECONDS,
        }
        await server.send(series)
        await server.receive(START_SECONDS)
        if time.time() > series["begun"]:
            raise RunError("The server was not ready in time.")
        for runner in runners:
            await runner.send(series)
        answers = await all_of(runner.receive(_RUN_SECONDS) for runner in runners)
        await server.send({})
        tallies = (await server.receive(START_SECONDS))["tallies"]
    finally:
        for process in processes:
            await process.stop()
    return Result(
        setup,
        tuple(Measured(**{**one, "noticed": tuple(one["noticed"])}) for one in answers),
        tuple(Tally(**one) for one in tallies),
    )


def _table(results: Sequence[Result]) -> Table:
    return Table(
        "Triggerers, tenants and waits",
        (
            "waits",
            "tenants",
            "triggerers",
            "`requests_per_10s`",
            "CPU of a core, busiest triggerer",
            "MiB, largest triggerer",
            "longest stall, ms",
            "requests",
            "most in 10 s, one tenant",
            "429",
            "end noticed after: median",
            "95 %",
            "worst, s",
        ),
        tuple(_row(result) for result in results),
        ("Requests are those of all tenants together, tokens included.",),
    )


def _row(result: Result) -> tuple[str, ...]:
    setup, noticed = result.setup, result.noticed
    return (
        f"{setup.for_each_tenant * setup.tenants:,}",
        str(setup.tenants),
        str(setup.triggerers),
        "50 (default)" if setup.requests_per_10s is None else f"{setup.requests_per_10s:g}",
        f"{100 * max(one.cpu / one.wall for one in result.triggerers):.0f} %",
        f"{max(one.megabytes for one in result.triggerers):.0f}",
        f"{1000 * max(one.stall for one in result.triggerers):.0f}",
        f"{sum(tally.total for tally in result.tenants):,}",
        str(result.busiest),
        f"{result.refused:,}",
        f"{percentile(noticed, 0.5):.1f}",
        f"{percentile(noticed, 0.95):.1f}",
        f"{noticed[-1]:.1f}",
    )


def _bars(results: Sequence[Result]) -> list[Bar]:
    # The run that goes beyond the limit on purpose shows why the budget must be divided.
    divided = [one for one in results if not _is_overbooked(one.setup)]
    voids = [void for one in results for void in one.voids]
    late = max(percentile(one.noticed, 0.95) for one in divided)
    busiest, refused = max(one.busiest for one in divided), sum(one.refused for one in divided)
    return [
        Bar("every end is reported as it was", "all", voids[0] if voids else "all", not voids),
        Bar("requests to a tenant in 10 s, budget divided", f"≤ {LIMIT}", str(busiest), busiest <= LIMIT),
        Bar("responses 429, budget divided", "0", str(refused), refused == 0),
        Bar("95 % of the ends are noticed", f"≤ {_IN_TIME:g} s", f"{late:.1f} s", late <= _IN_TIME),
    ]


def _is_overbooked(setup: Setup) -> bool:
    return setup.triggerers * (setup.requests_per_10s or 50) > LIMIT
