"""
Watches drop folders on one event loop, in a process of its own, and reports what that took.

``python -m tests.benchmarks.drops.runner events`` prints a JSON line for each event of the folders that the
standard input describes, one JSON object a line, until the standard input ends. ``… idle SECONDS`` waits
until every folder has reported its oldest file, then measures so many seconds in which nothing happens.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.local import LocalPlace
from sailpoint_provider.triggers.drops import SailPointDropWatcherTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

_SETTLED_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0


async def _watch(folder: dict[str, Any], reported: Callable[[dict[str, Any]], None]) -> None:
    async for event in SailPointDropWatcherTrigger(folder=folder).run():
        reported(event.payload)


async def _events(folders: list[dict[str, Any]]) -> None:
    def reported(drop: dict[str, Any]) -> None:
        print(json.dumps({"name": drop["name"], "at": time.monotonic()}), flush=True)

    async with asyncio.TaskGroup() as group:
        watchers = [group.create_task(_watch(folder, reported)) for folder in folders]
        print(json.dumps({"ready": True}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for watcher in watchers:
            watcher.cancel()


async def _idle(folders: list[dict[str, Any]], seconds: float) -> dict[str, float]:
    calls = _count_calls()
    left, all_reported = len(folders), asyncio.Event()

    def reported(_: dict[str, Any]) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            all_reported.set()

    async with asyncio.TaskGroup() as group:
        watchers = [group.create_task(_watch(folder, reported)) for folder in folders]
        begun = time.monotonic()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await all_reported.wait()
        first = time.monotonic() - begun
        await asyncio.sleep(_SETTLED_SECONDS)
        before, cpu, begun = calls.copy(), time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, wall = time.process_time() - cpu, time.monotonic() - begun
        counted = calls - before
        for watcher in watchers:
            watcher.cancel()
    minutes = wall / 60.0
    return {
        "first_seconds": first,
        "cpu_per_minute": cpu / minutes,
        "listings_per_minute": counted["scan"] / minutes,
        "glances_per_minute": counted["glance"] / minutes,
    }


def _count_calls() -> Counter[str]:
    calls: Counter[str] = Counter()
    for name in ("scan", "glance"):
        right = getattr(LocalPlace, name)

        def counted(*arguments: Any, _name: str = name, _right: Any = right, **options: Any) -> Any:
            calls[_name] += 1
            return _right(*arguments, **options)

        setattr(LocalPlace, name, counted)
    return calls


def main(mode: str, *arguments: str) -> None:
    """Measure."""
    described = iter(sys.stdin.readline, "\n")
    folders = [json.loads(line) for line in described if line]
    if mode == "events":
        asyncio.run(_events(folders))
    else:
        print(json.dumps(asyncio.run(_idle(folders, float(arguments[0])))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
