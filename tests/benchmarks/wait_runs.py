"""Starts servers and runners, lets them run side by side, and collects what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import trustme

from tests.benchmarks.loop_stalls import Stalls
from tests.benchmarks.wait_peers import PEERS
from tests.benchmarks.wait_runner import Outcome
from tests.benchmarks.wait_tally import Tally
from tests.live.processes import clean_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence

T = TypeVar("T")

PROJECT = Path(__file__).resolve().parents[2]
JOB_SECONDS = 30.0
SPREAD_SECONDS = 5.0
_MEMORY_JOB_SECONDS = 120.0
_START_SECONDS = 120.0
_RUN_SECONDS = 540.0
_LONGEST_LINE = 2**24


class RunError(RuntimeError):
    """A process of a run failed, or did not come to an end."""


@dataclass(frozen=True)
class Plan:
    """
    One run.

    :param peer: key of :data:`~tests.benchmarks.wait_peers.PEERS`.
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
        self._folder = folder
        self.authority, self.certificate = folder / "ca.pem", folder / "server.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(self.certificate)

    async def run_together(self, plans: Sequence[Plan]) -> list[Result]:
        """Let runs begin together once all are ready, and return their results in the same order."""
        async with self._pairs(plans, memory=False) as pairs:
            begin = _soon(plans)
            return await _all(pair.run(begin) for pair in pairs)

    async def weigh_together(self, plans: Sequence[Plan]) -> list[float]:
        """Return the bytes per wait of each plan."""
        async with self._pairs(plans, memory=True) as pairs:
            begin = _soon(plans)
            return await _all(pair.weigh(begin) for pair in pairs)

    @asynccontextmanager
    async def _pairs(self, plans: Sequence[Plan], *, memory: bool) -> AsyncIterator[list[_Pair]]:
        pairs = [_Pair(plan) for plan in plans]
        try:
            await _all(pair.start(self, memory=memory) for pair in pairs)
            yield pairs
        finally:
            await _all(pair.stop() for pair in pairs)

    def environment(self, plan: Plan, port: int) -> dict[str, str]:
        """Return the environment of a runner."""
        return clean_environment() | {
            "AIRFLOW_HOME": str(self._folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # Modules are compiled once, as where a package is installed.
            "PYTHONDONTWRITEBYTECODE": "",
            "SSL_CERT_FILE": str(self.authority),
            "REQUESTS_CA_BUNDLE": str(self.authority),
            **PEERS[plan.peer].environment(port),
        }


async def _all(tasks: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all of it at once; where one fails, give the others up."""
    async with asyncio.TaskGroup() as group:
        begun = [group.create_task(task) for task in tasks]
    return [one.result() for one in begun]


def _soon(plans: Sequence[Plan]) -> float:
    """Return when to begin, with the time that the servers need to write their records."""
    return time.time() + 1.0 + sum(plan.count for plan in plans) / 2000


class _Pair:
    """A server and the runner that it serves."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._processes: list[_Process] = []

    async def start(self, bench: Bench, *, memory: bool) -> None:
        plan = self._plan
        server = await self._started(
            "tests.benchmarks.wait_server", [str(bench.certificate), str(plan.delay)], clean_environment()
        )
        port = int((await server.answer(_START_SECONDS))["port"])
        arguments = [plan.peer, str(plan.count), *(["memory"] if memory else [])]
        runner = await self._started("tests.benchmarks.wait_runner", arguments, bench.environment(plan, port))
        await runner.answer(_START_SECONDS)

    async def run(self, begin: float) -> Result:
        server, _ = self._processes
        answer = await self._answered(begin, JOB_SECONDS)
        await server.tell({})
        tally = await server.answer(_START_SECONDS)
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
        await server.tell(series)
        await server.answer(_START_SECONDS)
        if time.time() > series["begun"]:
            raise RunError("The server was not ready in time.")
        await runner.tell(series)
        return await runner.answer(_RUN_SECONDS)

    async def stop(self) -> None:
        for process in self._processes:
            await process.stop()

    async def _started(self, module: str, arguments: list[str], environment: dict[str, str]) -> _Process:
        process = await _Process.start(module, arguments, environment)
        self._processes.append(process)
        return process


class _Process:
    """A process that is told and tells JSON, one object a line."""

    def __init__(self, module: str, process: asyncio.subprocess.Process) -> None:
        self._module = module
        self._process = process

    @classmethod
    async def start(cls, module: str, arguments: list[str], environment: dict[str, str]) -> Self:
        command = [sys.executable, "-m", module, *arguments]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=PROJECT, stdin=pipe, stdout=pipe, limit=_LONGEST_LINE
        )
        return cls(module, process)

    async def tell(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise RunError(f"{self._module} said nothing for {seconds:.0f} s.") from None
        if not line:
            raise RunError(f"{self._module} ended with exit status {await self._process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def stop(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
