"""
One triggerer of the sizing runs: its waits for several tenants on one event loop, in a process of its own.

``python -m tests.benchmarks.sizing.runner``; the connections come by the environment, the
:class:`Share` and the series of aggregations by the standard input, the result goes to the standard output
as JSON. Triggers, log and stalls are those of :mod:`tests.benchmarks.waits.runner`.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.loop_stalls import StallWatch
from tests.benchmarks.waits.peers import PEERS
from tests.benchmarks.waits.runner import failure, log_to, resident, told_series, wait_for_one

if TYPE_CHECKING:
    from tests.benchmarks.waits.jobs import Series

OURS = PEERS["ours"]
LIMIT_SECONDS = 480.0


@dataclass(frozen=True)
class Share:
    """
    The waits of one triggerer.

    :param tenants: their number; connection ``tenant_0`` is the first.
    :param first: number of the first aggregation of each tenant that it waits for.
    :param step: it waits for every so many of them.
    :param count: number of aggregations of each tenant.
    :param poll_interval: ``poll_interval`` of each wait, in seconds.
    """

    tenants: int
    first: int
    step: int
    count: int
    poll_interval: float

    def waits(self) -> list[tuple[int, int]]:
        """Return tenant and number of each aggregation."""
        return [
            (tenant, number)
            for number in range(self.first, self.count, self.step)
            for tenant in range(self.tenants)
        ]


@dataclass(frozen=True)
class Measured:
    """
    What the waits of one triggerer took.

    :param waits: how many.
    :param wall: seconds from the start of the triggers to the last event.
    :param cpu: processor seconds of the process meanwhile.
    :param stall: how long the loop stood still at most, in seconds, without garbage collection.
    :param megabytes: resident memory beyond that of the loaded triggers, while all of them wait, in MiB.
    :param noticed: seconds from an aggregation's end to the event, one for each wait; infinite for none.
    :param void: an event that reported something other than success; None for none.
    """

    waits: int
    wall: float
    cpu: float
    stall: float
    megabytes: float
    noticed: tuple[float, ...]
    void: str | None


def trigger_of(share: Share, tenant: int, number: int) -> Any:
    """Create the trigger of a wait."""
    arguments = dict(OURS.arguments(number))
    arguments |= {"sailpoint_conn_id": f"tenant_{tenant}", "poll_interval": share.poll_interval}
    return OURS.trigger_class()(**arguments)


async def run_share(share: Share, series: Series, watch: StallWatch) -> Measured:
    """Run all waits to their ends."""
    waits = share.waits()
    triggers = [trigger_of(share, tenant, number) for tenant, number in waits]
    before = resident()
    await asyncio.sleep(max(0.0, series.begun - time.time()))
    begun, cpu = time.monotonic(), time.process_time()
    watch.begin()
    tasks = [asyncio.create_task(wait_for_one(one, at)) for at, one in enumerate(triggers)]
    weighing = asyncio.create_task(_weigh(series.seconds * 0.8))
    _, without_end = await asyncio.wait(tasks, timeout=LIMIT_SECONDS)
    watch.end()
    cpu, wall = time.process_time() - cpu, time.monotonic() - begun
    for one in without_end:
        one.cancel()
    events = [(math.inf, None) if one in without_end else one.result() for one in tasks]
    payloads = [payload for one, (_, payload) in zip(tasks, events, strict=True) if one not in without_end]
    return Measured(
        waits=len(waits),
        wall=wall,
        cpu=cpu,
        stall=watch.stalls().longest_apart,
        megabytes=(await weighing - before) / 2**20,
        noticed=tuple(
            moment - series.end(number) for (moment, _), (_, number) in zip(events, waits, strict=True)
        ),
        void=next((text for payload in payloads if (text := failure(OURS, payload)) is not None), None),
    )


async def _weigh(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return resident(collect=False)


def main() -> None:
    """Get ready, wait for the series to be told, run it, and report."""
    share = Share(**json.loads(sys.stdin.readline()))
    OURS.trigger_class()
    with tempfile.TemporaryDirectory(prefix="sizing_log_") as folder:
        log_to(Path(folder) / "triggers.log")
        series = told_series()
        watch = StallWatch()
        with asyncio.Runner(loop_factory=watch.loop) as runner:
            measured = runner.run(run_share(share, series, watch))
    print(json.dumps(asdict(measured)), flush=True)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
