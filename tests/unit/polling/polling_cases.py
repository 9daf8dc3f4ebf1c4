"""Many aggregations that run until the test ends them, and waits for them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from contextlib import asynccontextmanager

from sailpoint_provider.client import tenant_state
from sailpoint_provider.client.async_client import AsyncClient
from sailpoint_provider.client.shared_client import shared_async_client
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch
from sailpoint_provider.polling.poller import Poller
from tests.unit.client.client_cases import tenant_at
from tests.unit.isc.isc_cases import load_accounts

LOG = logging.getLogger("tests.waits")
POLL = 0.1
NEVER = 1e9
LISTS = ("list_task_status", "list_pending_tasks")
_number = itertools.count()


def started(control, count, **settings):
    """Start so many aggregations that never end by themselves, each of a source of its own."""
    control.rate_limit(1_000_000)
    plan = {"collect_seconds": NEVER, "process_seconds": 0.0, "upstream": 20} | settings
    sources = [control.create_source(f"Crowd {next(_number)}", "direct", **plan)["id"] for _ in range(count)]

    async def start_all():
        transport = AsyncClient(tenant_at(control.base_url))
        try:
            starts = (transport.send(load_accounts(API_VERSIONS["v1"], source)) for source in sources)
            return [task.id for task in await asyncio.gather(*starts)]
        finally:
            await transport.close()

    ids = asyncio.run(start_all())
    tenant_state._states.clear()
    control.clear_requests()
    return ids


def wait_for(
    transport,
    aggregation_id,
    *,
    poll=POLL,
    log=LOG,
    first_pause=0.0,
    least_seconds=0.0,
    kind=ACCOUNT_AGGREGATION,
    **deadlines,
):
    """Wait for one aggregation, as a trigger does; return a task."""
    watch = Watch(
        aggregation_id,
        transport.tenant.api_version,
        deadlines=Deadlines(**{"tolerate_outage": 30.0} | deadlines),
        clock=time.time,
        log=log,
        kind=kind,
    )
    end = transport.companion(Poller).end_of(
        watch, Backoff(poll), first_pause=first_pause, least_seconds=least_seconds
    )
    return asyncio.create_task(end)


def on_a_loop(deed):
    """Run a test's deed, which must not take for ever."""

    async def within():
        async with asyncio.timeout(40):
            return await deed()

    return asyncio.run(within())


@asynccontextmanager
async def crowd(tenant, ids, **settings):
    """Wait for all of these; yield the transport and the waits, which are cancelled in the end."""
    async with shared_async_client(tenant) as transport:
        waits = [wait_for(transport, one, **settings) for one in ids]
        try:
            yield transport, waits
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def until(condition):
    """Wait until something has come true."""
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it comes true elsewhere
            await asyncio.sleep(0.03)


def counted(control, *names):
    """Return how many requests of these kinds were received."""
    return sum(request["call"] in names for request in control.requests())


async def finished(control, ids, outcome="success"):
    """End these aggregations."""

    def finish_all():
        for one in ids:
            control.finish(one, outcome)

    await asyncio.to_thread(finish_all)


async def several_sweeps(control, count=2):
    """Let so many more lists be asked for."""
    already = counted(control, *LISTS)
    await until(lambda: counted(control, *LISTS) >= already + count)
