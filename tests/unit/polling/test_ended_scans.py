"""The scans that watchers of one tenant share, over real HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from sailpoint_provider.client.shared_client import shared_async_client
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.wait.ended import EndedLoads
from sailpoint_provider.polling.ended_scans import EndedScans
from tests.unit.polling.polling_cases import LISTS, counted, on_a_loop

TYPE = "CLOUD_ACCOUNT_AGGREGATION"
DIRECTORY = "2c918085000000000000000000000a03"
MAINFRAME = "2c918085000000000000000000000a04"


def loads(*source_ids):
    return EndedLoads((TYPE,), source_ids or None, look_back=timedelta(hours=1))


async def ended_by(control, source_id):
    run = await asyncio.to_thread(control.start, source_id)
    await asyncio.to_thread(control.finish, run["id"])
    return run["id"]


async def looked(scans, watcher, pause=0.05):
    return [record.id for record in watcher.new_ends(await scans.next(watcher.request(), pause))]


def test_watchers_that_wait_together_share_one_scan(control, tenant):
    async def deed():
        async with shared_async_client(tenant) as client:
            scans, watchers = client.companion(EndedScans), [loads() for _ in range(50)]
            watchers += [loads(DIRECTORY), loads(MAINFRAME)]
            ended = await ended_by(control, DIRECTORY)
            await asyncio.gather(*(looked(scans, one) for one in watchers))
            control.clear_requests()
            other = await ended_by(control, MAINFRAME)
            found = await asyncio.gather(*(looked(scans, one) for one in watchers))
            assert found[:50] == [[other]] * 50
            assert found[50:] == [[], [other]]
            assert ended != other
            assert counted(control, *LISTS) == 1

    on_a_loop(deed)


def test_the_shortest_interval_serves_the_others_too(control, tenant):
    async def deed():
        async with shared_async_client(tenant) as client:
            scans, slow, quick = client.companion(EndedScans), loads(), loads()
            await ended_by(control, DIRECTORY)
            waiting = asyncio.create_task(looked(scans, slow, pause=1000))
            await asyncio.sleep(0.05)
            await looked(scans, quick, pause=0.01)
            assert len(await asyncio.wait_for(waiting, 5)) == 1

    on_a_loop(deed)


def test_an_error_reaches_every_watcher_and_the_next_scan_is_tried(control, tenant):
    async def deed():
        async with shared_async_client(tenant) as client:
            scans, watchers = client.companion(EndedScans), [loads(), loads()]
            control.fault("answer", path="task-status", status=500)
            results = await asyncio.gather(*(looked(scans, one) for one in watchers), return_exceptions=True)
            assert all(isinstance(one, SailPointError) for one in results)
            control.clear_faults()
            ended = await ended_by(control, DIRECTORY)
            assert await looked(scans, watchers[0]) == [ended]

    on_a_loop(deed)


@pytest.mark.usefixtures("no_leaks")
def test_a_watcher_that_leaves_disturbs_nobody(control, tenant):
    async def deed():
        async with shared_async_client(tenant) as client:
            scans, leaving, staying = client.companion(EndedScans), loads(), loads()
            tasks = [asyncio.create_task(looked(scans, one, pause=0.3)) for one in (leaving, staying)]
            await asyncio.sleep(0.05)
            tasks[0].cancel()
            ended = await ended_by(control, DIRECTORY)
            assert await tasks[1] == [ended]
            with pytest.raises(asyncio.CancelledError):
                await tasks[0]
        await asyncio.sleep(0)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    on_a_loop(deed)
