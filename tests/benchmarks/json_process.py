"""Processes of a benchmark that are controlled by lines of JSON, and answer with such lines."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

T = TypeVar("T")

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
"""How long a process gets to start, or to answer at once."""

_LONGEST_LINE = 2**24


class RunError(RuntimeError):
    """A process of a run failed, or did not come to an end."""


async def all_of(tasks: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all of it at once; where one fails, give the others up."""
    async with asyncio.TaskGroup() as group:
        begun = [group.create_task(task) for task in tasks]
    return [one.result() for one in begun]


class JsonProcess:
    """A process that reads JSON objects from its standard input line by line, and answers in the same way."""

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

    async def send(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def receive(self, seconds: float) -> dict[str, Any]:
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
