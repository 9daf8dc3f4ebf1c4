"""
Runs the waits of one trigger class on one event loop, in a process of its own, and reports what they took.

``python -m tests.benchmarks.waits.runner PEER COUNT [memory]``; the connection and the authority to trust
come by the environment, the series of jobs by the standard input, the result goes to the standard output as
JSON.

The trigger's module is imported before the clock starts, as a triggerer does it; what a trigger imports
later is counted. Each trigger is iterated to its end in a task of its own, as a triggerer does it, with the
same variables bound for the log. Airflow's own logging is set up as in the process in which a triggerer
runs its triggers, by the same function: structlog, from INFO on, one JSON object a line, unbuffered,
without masking (the triggerer's supervisor does that, in another process). Here the lines go to a file that
is counted in the end, so that nobody's log calls can be lost or free. The triggerer's greenback portal,
which makes every step of every trigger a little dearer, is left out for all.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from tests.benchmarks.loop_stalls import Stalls, StallWatch
from tests.benchmarks.waits.jobs import Series
from tests.benchmarks.waits.peers import PEERS, Peer

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTLED_SECONDS = 13.0
"""When memory is read: every wait has looked once or twice by then, and none has ended."""

LIMIT_SECONDS = 480.0
"""A run that lasts longer is broken off, and void."""


@dataclass(frozen=True)
class Outcome:
    """
    What the waits of one run took.

    :param wall: seconds from the start of the triggers to the last event.
    :param cpu: processor seconds of the process meanwhile.
    :param stalls: how long the loop stood still.
    :param noticed: seconds from a job's end to the event, one for each wait; infinite for none.
    :param void: an event that reported something other than success, or which ends are missing; None for
        neither.
    :param log_lines: how many lines the triggers and their libraries logged.
    """

    wall: float
    cpu: float
    stalls: Stalls
    noticed: tuple[float, ...]
    void: str | None
    log_lines: int


def log_to(path: Path) -> None:
    """Set up logging as in the process in which a triggerer runs its triggers."""
    from airflow.sdk.log import configure_logging

    configure_logging(
        json_output=True,
        log_level="INFO",
        output=path.open("wb", buffering=0),
        sending_to_supervisor=True,
    )


async def wait_for_one(trigger: Any, number: int) -> tuple[float, Any]:
    """Iterate over a trigger's events as a triggerer does; return when the first came, and what it says."""
    structlog.contextvars.bind_contextvars(
        trigger_id=number,
        ti_id=str(number),
        dag_id="benchmark",
        task_id="wait",
        run_id="benchmark",
        try_number=1,
        map_index=number,
    )
    first: tuple[float, Any] | None = None
    async for event in trigger.run():
        first = first or (time.time(), event.payload)
    if first is None:
        raise RuntimeError(f"The trigger of job {number} ended without an event.")
    return first


async def run_waits(peer: Peer, series: Series, triggers: Sequence[Any], watch: StallWatch) -> Outcome:
    """Run all waits to their ends."""
    await asyncio.sleep(series.begun - time.time())
    begun, cpu = time.monotonic(), time.process_time()
    watch.begin()
    waits = [asyncio.create_task(wait_for_one(one, number)) for number, one in enumerate(triggers)]
    _, without_end = await asyncio.wait(waits, timeout=LIMIT_SECONDS)
    watch.end()
    cpu, wall = time.process_time() - cpu, time.monotonic() - begun
    for one in without_end:
        one.cancel()
    events = [(math.inf, None) if one in without_end else one.result() for one in waits]
    return Outcome(
        wall=wall,
        cpu=cpu,
        stalls=watch.stalls(),
        noticed=tuple(moment - series.end(number) for number, (moment, _) in enumerate(events)),
        void=f"{len(without_end)} waits saw no end within {LIMIT_SECONDS:.0f} s"
        if without_end
        else next((text for _, payload in events if (text := failure(peer, payload)) is not None), None),
        log_lines=0,
    )


def failure(peer: Peer, payload: Any) -> str | None:
    """Return what an event reports, unless it reports success."""
    try:
        return None if peer.is_success(payload) else str(payload)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


async def weigh_waits(peer: Peer, series: Series) -> float:
    """
    Return the resident bytes that one wait holds while it waits.

    One wait comes first and stays, so that what a process loads once is not put down to the others.
    """
    trigger_class = peer.trigger_class()
    await asyncio.sleep(series.begun - time.time())
    waits = [asyncio.create_task(wait_for_one(trigger_class(**peer.arguments(0)), 0))]
    await asyncio.sleep(SETTLED_SECONDS / 2)
    before = resident()
    waits += [
        asyncio.create_task(wait_for_one(trigger_class(**peer.arguments(number)), number))
        for number in range(1, series.count)
    ]
    await asyncio.sleep(SETTLED_SECONDS)
    each = (resident() - before) / (series.count - 1)
    ended = [one for one in waits if one.done()]
    for one in waits:
        one.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    if ended:
        raise RuntimeError(f"{len(ended)} waits ended before their memory was read.")
    return each


def resident(*, collect: bool = True) -> int:
    """
    Return the resident bytes of this process.

    :param collect: whether to collect garbage before; that stops the event loop for a moment.
    """
    if collect:
        gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def measure_waits(peer: Peer, count: int, log: Path) -> Outcome:
    """Get ready, wait for the series to be told, and run it."""
    trigger_class = peer.trigger_class()
    triggers = [trigger_class(**peer.arguments(number)) for number in range(count)]
    series = told_series()
    watch = StallWatch()
    with asyncio.Runner(loop_factory=watch.loop) as runner:
        outcome = runner.run(run_waits(peer, series, triggers, watch))
    return replace(outcome, log_lines=log.read_bytes().count(b"\n"))


def told_series() -> Series:
    """Say that everything is ready, and return the series of jobs to wait for."""
    print(json.dumps({"ready": True}), flush=True)
    return Series(**json.loads(sys.stdin.readline()))


def main(name: str, count: int, *, memory: bool) -> None:
    """Run and report."""
    peer = PEERS[name]
    peer.trigger_class()
    with tempfile.TemporaryDirectory(prefix="benchmark_log_") as folder:
        log = Path(folder) / "triggers.log"
        log_to(log)
        if memory:
            result: object = {"bytes_per_wait": asyncio.run(weigh_waits(peer, told_series()))}
        else:
            result = asdict(measure_waits(peer, count, log))
    print(json.dumps(result), flush=True)
    # Threads of a client that still wait for an answer hold up nobody.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), memory="memory" in sys.argv[3:])
