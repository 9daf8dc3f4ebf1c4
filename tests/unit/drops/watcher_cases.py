"""Watchers that run, and the events that they have yielded."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from sailpoint_provider.triggers.drops import SailPointDropWatcherTrigger

SCAN = 0.05


class Watcher:
    """A trigger that runs, and the events that it has yielded."""

    def __init__(self, rules):
        self.events = []
        self.trigger = SailPointDropWatcherTrigger(folder=json.loads(json.dumps(rules.to_json())))

    async def run(self):
        async for event in self.trigger.run():
            self.events.append(event.payload)

    @property
    def names(self):
        return [event["name"] for event in self.events]

    async def has(self, count):
        async with asyncio.timeout(20):
            while len(self.events) < count:  # noqa: ASYNC110 - a thread lists the folder
                await asyncio.sleep(0.01)

    async def stays_quiet(self, seconds=8 * SCAN):
        before = list(self.events)
        await asyncio.sleep(seconds)
        assert self.events == before


@asynccontextmanager
async def watching_for(*folders):
    watchers = [Watcher(rules) for rules in folders]
    tasks = [asyncio.create_task(one.run()) for one in watchers]
    try:
        yield watchers[0] if len(watchers) == 1 else watchers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def rules_of(folder, **changed):
    return folder.rules(**{"scan_interval": SCAN} | changed)
