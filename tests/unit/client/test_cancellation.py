"""A cancelled task of an event loop leaves the others working, and nothing open."""

import asyncio
import contextlib
import gc
import threading
import time

import pytest

from sailpoint_provider.client.shared_client import shared_async_client
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, opened_by, write_csv
from tests.unit.isc.isc_cases import load_accounts

V1 = API_VERSIONS["v1"]
CALL = endpoints.source(V1, HR)


def open_sockets(loop):
    """Return the connections that the event loop still holds."""
    return [one for one in gc.get_objects() if issubclass(type(one), asyncio.Transport) and one._loop is loop]


@pytest.mark.usefixtures("no_leaks")
def test_the_cancellation_of_one_leaves_the_others_working(tenant, control):
    control.fault("delay", path="sources/v1/", times=6, delay_seconds=0.3)

    async def use():
        async with shared_async_client(tenant) as transport:
            return (await transport.send(CALL)).id

    async def within():
        tasks = [asyncio.create_task(use()) for _ in range(6)]
        await asyncio.sleep(0.15)
        for task in tasks[:3]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(within())
    assert all(isinstance(one, asyncio.CancelledError) for one in found[:3])
    assert found[3:] == [HR] * 3


def test_the_cancellation_of_the_one_that_fetches_the_token_leaves_the_others_working(tenant, control):
    control.fault("delay", path="oauth", times=1, delay_seconds=0.3)

    async def within():
        async with shared_async_client(tenant) as transport:
            tasks = [asyncio.create_task(transport.send(CALL)) for _ in range(4)]
            await asyncio.sleep(0.1)
            tasks[0].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(within())
    assert isinstance(found[0], asyncio.CancelledError)
    assert [source.id for source in found[1:]] == [HR] * 3


@pytest.mark.usefixtures("no_leaks")
@pytest.mark.parametrize("ending", ["error", "cancellation"])
def test_the_session_is_closed_however_its_use_ends(tenant, control, ending):
    control.fault("timeout" if ending == "cancellation" else "answer", path="sources", status=404)
    used = []

    async def use():
        async with shared_async_client(tenant) as transport:
            used.append(transport)
            await transport.send(CALL)

    async def within():
        with contextlib.suppress(Exception, TimeoutError):
            await asyncio.wait_for(use(), 0.3)
        await asyncio.sleep(0.05)
        return open_sockets(asyncio.get_running_loop())

    assert [one for one in asyncio.run(within()) if not one.is_closing()] == []
    assert used[0]._session is None


@pytest.mark.usefixtures("no_leaks")
def test_a_cancelled_upload_starts_nothing_and_closes_its_file(tenant, control, tmp_path):
    upload, opened, is_read = find_csv(write_csv(tmp_path, rows=20_000)), [], threading.Event()

    class Slow:
        def __init__(self):
            self.file = upload.open()
            opened.append(self.file)

        def read(self, size=-1):
            is_read.set()
            time.sleep(0.02)
            return self.file.read(min(size, 20_000))

        def close(self):
            self.file.close()

    async def within():
        async with shared_async_client(tenant) as transport:
            task = asyncio.create_task(transport.send(load_accounts(V1, HR, opened_by(upload, Slow))))
            assert await asyncio.to_thread(is_read.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(within())
    assert [file.closed for file in opened] == [True]
    assert control.runs() == []


def test_a_file_that_is_opened_while_the_task_is_cancelled_is_closed(tenant, tmp_path):
    upload, opened = find_csv(write_csv(tmp_path)), []

    def open_slowly():
        time.sleep(0.3)
        opened.append(upload.open())
        return opened[-1]

    async def within():
        async with shared_async_client(tenant) as transport:
            await transport.send(CALL)
            call = load_accounts(V1, HR, opened_by(upload, open_slowly))
            task = asyncio.create_task(transport.send(call))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.4)

    asyncio.run(within())
    closed = [file.closed for file in opened]
    for file in opened:
        file.close()
    assert closed == [True]
