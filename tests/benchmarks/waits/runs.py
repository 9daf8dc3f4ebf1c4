"""Starts servers and runners, lets them run side by side, and collects what came of it."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.benchmarks.json_process import START_SECONDS, JsonProcess, RunError, all_of
from tests.benchmarks.loop_stalls import Stalls
from tests.benchmarks.waits.peers import PEERS
from tests.benchmarks.waits.runner import Outcome
from tests.benchmarks.waits.tally import Tally
from tests.live.processes import clean_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

JOB_SECONDS = 30.0
SPREAD_SECONDS = 5.0
_MEMORY_JOB_SECONDS = 120.0
_RUN_SECONDS = 540.0


@dataclass(frozen=True)
class Plan:
    """
    One run.

    :param peer: key of :data:`~tests.benchmarks.waits.peers.PEERS`.
    :param count: how many waits.
    :param delay: seconds that the server takes for each answer.
    :param offset: seconds after the others of its batch at which it begins.
    """

    peer: str
    count: int
    delay: float = 0.0
    offset: float = 0.0


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    plan: Plan
    outcome: Outcome
    tally: Tally


class Bench:
    """
    Where runs take place: a folder with a certificate authority and an empty home for Airflow.

    :param folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        import trustme  # only the extra 'bench' has it

        self._folder = folder
        self.authority, self.certificate = folder / "ca.pem", folder / "server.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(self.certificate)

    async def run_together(self, plans: Sequence[Plan]) -> list[Result]:
        """Let runs begin together once all are ready, and return their results in the same order."""
        async with self._pairs(plans, memory=False) as pairs:
            begin = _soon(plans)
            return await all_of(pair.run(begin) for pair in pairs)

    async def weigh_together(self, plans: Sequence[Plan]) -> list[float]:
        """Return the bytes per wait of each plan."""
        async with self._pairs(plans, memory=True) as pairs:
            begin = _soon(plans)
            return await all_of(pair.weigh(begin) for pair in pairs)

    @asynccontextmanager
    async def _pairs(self, plans: Sequence[Plan], *, memory: bool) -> AsyncIterator[list[_Pair]]:
        pairs = [_Pair(plan) for plan in plans]
        try:
            await all_of(pair.start(self, memory=memory) for pair in pairs)
            yield pairs
        finally:
            await all_of(pair.stop() for pair in pairs)

    def environment(self, connections: Mapping[str, str]) -> dict[str, str]:
        """
        Return the environment of a runner.

        :param connections: Airflow connections, as environment variables.
        """
        return clean_environment() | {
            "AIRFLOW_HOME": str(self._folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # Modules are compiled once, as where a package is installed.
            "PYTHONDONTWRITEBYTECODE": "",
            "SSL_CERT_FILE": str(self.authority),
            "REQUESTS_CA_BUNDLE": str(self.authority),
            **connections,
        }


def _soon(plans: Sequence[Plan]) -> float:
    """Return when to begin, with the time that the servers need to write their records."""
    return time.time() + 1.0 + sum(plan.count for plan in plans) / 2000


class _Pair:
    """A server and the runner that it serves."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._processes: list[JsonProcess] = []

    async def start(self, bench: Bench, *, memory: bool) -> None:
        plan = self._plan
        server = await self._started(
            "tests.benchmarks.waits.server", [str(bench.certificate), str(plan.delay)], clean_environment()
        )
        port = int((await server.receive(START_SECONDS))["port"])
        arguments = [plan.peer, str(plan.count), *(["memory"] if memory else [])]
        runner = await self._started(
            "tests.benchmarks.waits.runner", arguments, bench.environment(PEERS[plan.peer].environment(port))
        )
        await runner.receive(START_SECONDS)

    async def run(self, begin: float) -> Result:
        server, _ = self._processes
        answer = await self._answered(begin, JOB_SECONDS)
        await server.send({})
        tally = await server.receive(START_SECONDS)
        outcome = Outcome(
            **{**answer, "stalls": Stalls(**answer["stalls"]), "noticed": tuple(answer["noticed"])}
        )
        return Result(self._plan, outcome, Tally(**tally))

    async def weigh(self, begin: float) -> float:
        return float((await self._answered(begin, _MEMORY_JOB_SECONDS))["bytes_per_wait"])

    async def _answered(self, begin: float, seconds: float) -> dict[str, Any]:
        server, runner = self._processes
        series = {
            "count": self._plan.count,
            "begun": begin + self._plan.offset,
            "seconds": seconds,
            "spread": SPREAD_SECONDS,
        }
        await server.send(series)
        await server.receive(START_SECONDS)
        if time.time() > series["begun"]:
            raise RunError("The server was not ready in time.")
        await runner.send(series)
        return await runner.receive(_RUN_SECONDS)

    async def stop(self) -> None:
        for process in self._processes:
            await process.stop()

    async def _started(self, module: str, arguments: list[str], environment: dict[str, str]) -> JsonProcess:
        process = await JsonProcess.start(module, arguments, environment)
        self._processes.append(process)
        return process
