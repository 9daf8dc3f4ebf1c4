"""A call that is answered without end disturbs no wait on the same event loop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
from dataclasses import replace

import pytest

from sailpoint_provider.client.async_client import AsyncClient
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch
from sailpoint_provider.polling.poller import Poller
from tests.unit.client import hostile_server as hostile
from tests.unit.client.client_cases import ONCE, tenant_at
from tests.unit.client.hostile_server import HostileServer

pytestmark = pytest.mark.real_time

V1 = API_VERSIONS["v1"]
HEALTHY = [f"{number:032x}" for number in range(1, 21)]
BAD = "b" * 32
RUN_SECONDS = 1.0
IN_TIME = 4.0
LONGEST_STALL = 0.15
"""In processor time of the event loop's thread, because servers and other tests take turns with it."""


@pytest.fixture(autouse=True)
def no_garbage_collection():
    """Keep what other tests left behind from being looked through in the middle of a measurement."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Aggregations:
    """Answers for twenty aggregations that end after a second."""

    def __init__(self):
        self._begun = time.monotonic()

    def __call__(self, target):
        if BAD in target:
            return None
        aggregation_id = next(one for one in HEALTHY if one in target)
        has_ended = time.monotonic() - self._begun > RUN_SECONDS
        if target.endswith("/status"):
            return json.dumps({"status": "COMPLETED" if has_ended else "STARTED"}).encode()
        return json.dumps(
            {"id": aggregation_id, "completionStatus": "SUCCESS" if has_ended else None}
        ).encode()


async def longest_stall(is_over):
    """Return the longest time that something took between two turns of the event loop."""
    longest = 0.0
    while not is_over.is_set():
        begun = time.thread_time()
        await asyncio.sleep(0.005)
        longest = max(longest, time.thread_time() - begun)
    return longest


async def ends(transport, aggregation_id):
    watch = Watch(
        aggregation_id,
        V1,
        deadlines=Deadlines(time.time() + 60),
        clock=time.time,
        log=logging.getLogger(__name__),
    )
    return await transport.companion(Poller).end_of(watch, Backoff(0.5))


async def side_by_side(url):
    """Wait for twenty aggregations while one call after the other is answered without end."""
    transport = AsyncClient(tenant_at(url), ONCE)
    was_given_up = asyncio.Event()

    async def bad_calls():
        while True:
            try:
                await transport.send(replace(endpoints.task_status(V1, BAD), time_limit=2.0))
            except SailPointError:
                was_given_up.set()

    is_over = asyncio.Event()
    try:
        measuring = asyncio.create_task(longest_stall(is_over))
        asking = asyncio.create_task(bad_calls())
        begun = time.monotonic()
        states = await asyncio.gather(*(ends(transport, one) for one in HEALTHY))
        seconds = time.monotonic() - begun
        await was_given_up.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        is_over.set()
        return states, seconds, await measuring
    finally:
        await transport.close()


@pytest.mark.parametrize("deed", hostile.DEEDS, ids=lambda deed: deed.__name__)
def test_twenty_waits_end_in_time_beside_it(deed):
    hostile.bomb()
    with HostileServer(deed, Aggregations()) as server:
        states, seconds, stall = asyncio.run(side_by_side(server.url))
    assert states == ["succeeded"] * len(HEALTHY)
    assert seconds < IN_TIME
    assert stall < LONGEST_STALL


def test_a_big_page_is_read_without_a_stall():
    record = {"completionStatus": "SUCCESS", "messages": [{"type": "INFO", "key": "k" * 60}] * 800}
    page = json.dumps([record | {"id": f"{number:032x}"} for number in range(250)]).encode()
    assert len(page) > 10 * hostile.MIB
    call = endpoints.task_statuses(V1.path("task-status"), limit=250, offset=0)

    async def read(url):
        transport, is_over = AsyncClient(tenant_at(url), ONCE), asyncio.Event()
        try:
            measuring = asyncio.create_task(longest_stall(is_over))
            records = await transport.send(call)
            is_over.set()
            return len(records), await measuring
        finally:
            await transport.close()

    with HostileServer(None, lambda target: page) as server:
        count, stall = asyncio.run(read(server.url))
    assert count == 250
    assert stall < LONGEST_STALL
