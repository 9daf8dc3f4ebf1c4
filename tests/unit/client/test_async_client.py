"""One session for many on an event loop, and nothing left open."""

import asyncio
import gc
import threading
import time
from dataclasses import replace

import pytest

from sailpoint_provider.client import shared_client
from sailpoint_provider.client.blocking import BlockingClient
from sailpoint_provider.client.shared_client import shared_async_client
from sailpoint_provider.exceptions import TenantUnavailableError
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.flow import Sleep
from sailpoint_provider.isc.start.load import start
from tests.unit.client.client_cases import DIRECTORY, HR, asked, opened_by, tenant_at, write_csv
from tests.unit.isc.isc_cases import load_accounts

V1 = API_VERSIONS["v1"]
CALL = endpoints.source(V1, HR)


@pytest.mark.usefixtures("no_leaks")
def test_many_users_share_one_transport_and_the_last_closes_it(tenant, control):
    async def use(seen, number):
        async with shared_async_client(tenant) as transport:
            await asyncio.sleep(number * 0.005)
            await transport.send(CALL)
            seen.append((transport, transport._session))

    async def within():
        seen = []
        await asyncio.gather(*(use(seen, number) for number in range(20)))
        return seen

    seen = asyncio.run(within())
    assert len({id(transport) for transport, _ in seen}) == 1
    assert len({id(session) for _, session in seen}) == 1
    assert seen[0][1].closed
    assert seen[0][0].users == 0
    assert len(asked(control, "token")) == 1
    assert len(asked(control, "get_source")) == 20


def test_a_session_is_kept_while_anybody_uses_it(tenant):
    async def within():
        async with shared_async_client(tenant) as first:
            async with shared_async_client(tenant) as second:
                await second.send(CALL)
            assert second is first
            assert not first._session.closed
            await first.send(CALL)
        return first

    assert asyncio.run(within())._session is None


def test_a_new_user_after_the_last_gets_a_new_transport(tenant):
    async def within():
        found = []
        for _ in range(2):
            async with shared_async_client(tenant) as transport:
                assert (await transport.send(CALL)).id == HR
                found.append(transport)
        return found

    first, second = asyncio.run(within())
    assert first is not second


def test_tenants_that_differ_do_not_share(sailpoint_simulator):
    async def within():
        v1, beta = tenant_at(sailpoint_simulator.url), tenant_at(sailpoint_simulator.url, api_version="beta")
        async with shared_async_client(v1) as one, shared_async_client(beta) as other:
            return one is not other

    assert asyncio.run(within())


def test_each_event_loop_has_a_transport_of_its_own(tenant, control):
    found = []

    async def within():
        async with shared_async_client(tenant) as transport:
            await transport.send(CALL)
            await asyncio.sleep(0.05)
            found.append(transport)

    threads = [threading.Thread(target=asyncio.run, args=(within(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(set(map(id, found))) == 4
    assert len(asked(control, "get_source")) == 4


def test_nothing_is_remembered_of_an_event_loop_that_is_gone(tenant):
    async def within():
        async with shared_async_client(tenant) as transport:
            await transport.send(CALL)

    before = len(shared_client._clients)
    asyncio.run(within())
    gc.collect()
    assert len(shared_client._clients) <= before


def test_reading_a_slow_file_does_not_hold_up_the_event_loop(tenant, tmp_path):
    upload = find_csv(write_csv(tmp_path))

    class Slow:
        def __init__(self):
            time.sleep(0.2)
            self.file = upload.open()

        def read(self, size=-1):
            time.sleep(0.2)
            return self.file.read(size)

        def close(self):
            self.file.close()

    async def within():
        longest, running = 0.0, True

        async def tick():
            nonlocal longest
            while running:
                begun = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - begun)

        async with shared_async_client(tenant) as transport:
            await transport.send(CALL)
            ticking = asyncio.create_task(tick())
            await transport.send(load_accounts(V1, HR, opened_by(upload, Slow)))
            running = False
            await ticking
        return longest

    assert asyncio.run(within()) < 0.15


def test_pauses_of_procedures_are_slept(tenant, world):
    def flow():
        yield Sleep(0.1)
        source = yield CALL
        yield Sleep(0.1)
        return source.id

    begun = time.monotonic()
    assert world.run(tenant, flow()) == HR
    assert time.monotonic() - begun >= 0.2


def test_a_procedure_may_handle_an_error_and_go_on(tenant, world):
    def flow():
        try:
            yield endpoints.source(V1, "0" * 32)
        except Exception as error:
            return f"handled {type(error).__name__}"

    assert world.run(tenant, flow()) == "handled InvalidInputError"


@pytest.mark.usefixtures("no_leaks")
def test_the_blocking_transport_leaves_nothing_open(tenant, control):
    control.fault("reset", path="sources", times=1)
    with BlockingClient(tenant) as transport:
        with pytest.raises(TenantUnavailableError):
            transport.run(iter_once(endpoints.source(V1, HR)))
        transport.run(start(V1, DIRECTORY))
    transport.close()
    assert transport._session is None


def iter_once(call):
    """Carry out one call with a single attempt, as a procedure of an impatient caller."""
    return (yield replace(call, safe_to_repeat=False))
