"""
Keeps two watchers of all folders alive, each in a forked process that is killed again and again.

``python -m tests.live.drop_chaos.watchers WORLD`` runs until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import time
from random import Random
from typing import TYPE_CHECKING

from sailpoint_provider.triggers.drops import SailPointDropWatcherTrigger
from tests.live.drop_chaos.breaks import break_on_purpose
from tests.live.drop_chaos.files import FOLDERS
from tests.live.drop_chaos.hooks import prepare
from tests.live.drop_chaos.mischief import DISK_POINTS, DropMischief, become
from tests.live.drop_chaos.world import World

if TYPE_CHECKING:
    from tests.live.drop_chaos.files import Folder

WATCHERS = 2
CRASH_CHANCE = 0.3
_LIVES_SECONDS = 8.0
_TICK = 0.1


async def _watch(world: World, folder: Folder, number: int) -> None:
    """Report the drops of one folder in one write each."""
    trigger = SailPointDropWatcherTrigger(folder=world.folder(folder).to_json())
    async for event in trigger.run():
        told = {"folder": folder.name, "payload": event.payload}
        path = world.path("events", f"watcher-{number}.reported")
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{json.dumps(told)}\n".encode())
        os.close(file)


async def _end_with(parent: int) -> None:
    """End this process if the one that forked it has ended."""
    while os.getppid() == parent:  # noqa: ASYNC110 # nothing signals it
        await asyncio.sleep(1.0)
    os._exit(0)


async def _watch_all(world: World, number: int) -> None:
    async with asyncio.TaskGroup() as group:
        for folder in FOLDERS:
            group.create_task(_watch(world, folder, number))
        group.create_task(_end_with(os.getppid()))


def _fork(world: World, number: int, life: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        mischief = DropMischief(world, f"watcher-{number}.{life}", world.weather)
        become(mischief)
        mischief.set_out(DISK_POINTS, CRASH_CHANCE, 200)
        asyncio.run(_watch_all(world, number))
    finally:
        os._exit(1)


def main(world_path: str) -> None:
    """Keep the watchers alive."""
    world = World.enter(world_path)
    break_on_purpose(world.broken)  # first, so that what a break replaces is watched and disturbed too
    prepare(world)
    rng = Random(f"{world.seed}:watchers")
    pids: dict[int, tuple[int, float]] = {}
    lives = 0
    try:
        while not select.select([sys.stdin], [], [], _TICK)[0]:
            for number in range(WATCHERS):
                pid, ends = pids.get(number, (0, 0.0))
                if pid and world.weather and time.monotonic() >= ends:
                    world.happened("killed", point="at any time", process=f"watcher-{number}")
                    os.kill(pid, signal.SIGKILL)
                    pids[number] = (pid, float("inf"))
                ended, status = os.waitpid(pid, os.WNOHANG) if pid else (-1, 0)
                if not ended:
                    continue
                if pid and not os.WIFSIGNALED(status):
                    world.happened("wrong", wrong=f"watcher {number}.{lives} ended by itself")
                lives += 1
                life = rng.expovariate(1 / _LIVES_SECONDS)
                pids[number] = (_fork(world, number, lives), time.monotonic() + life)
    finally:
        for pid, _ in pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1])
