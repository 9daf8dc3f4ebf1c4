"""What a poller logs and where, what a bug in it does, and what is left of it when all have gone."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import time
import weakref

import pytest

from sailpoint_provider.client import shared_client
from sailpoint_provider.client.shared_client import shared_async_client
from sailpoint_provider.isc.kinds import UNCORRELATED_ACCOUNTS
from sailpoint_provider.isc.wait import watch as watch_module
from sailpoint_provider.isc.wait.batch_poll import BatchPoller
from sailpoint_provider.polling import poller
from sailpoint_provider.polling.poller import Poller
from tests.unit.polling.polling_cases import (
    LISTS,
    POLL,
    counted,
    crowd,
    finished,
    on_a_loop,
    several_sweeps,
    started,
    until,
    wait_for,
)

pytestmark = pytest.mark.usefixtures("quick_retries")


def test_a_bug_in_a_sweep_fails_the_waits_instead_of_hanging_them(control, tenant, caplog, monkeypatch):
    ids = started(control, 30)
    batch_poll = BatchPoller.batch_poll

    async def deed():
        async with shared_async_client(tenant) as transport:
            monkeypatch.setattr(BatchPoller, "batch_poll", broken)
            waits = [wait_for(transport, one) for one in ids]
            ends = await asyncio.gather(*waits, return_exceptions=True)
            assert {type(end) for end in ends} == {KeyError}
            monkeypatch.setattr(BatchPoller, "batch_poll", batch_poll)
            await finished(control, ids)
            again = [wait_for(transport, one) for one in ids]
            return await asyncio.gather(*again)

    def broken(self, wanted, types):
        raise KeyError("a bug")

    assert set(on_a_loop(deed)) == {"succeeded"}
    (record,) = [record for record in caplog.records if record.name == poller.log.name]
    assert record.exc_info[0] is KeyError


def test_a_bug_in_one_poll_fails_that_wait_only(control, tenant, monkeypatch):
    ids = started(control, 5)
    look = watch_module.Watch.poll

    def sometimes_broken(self, **how):
        if self.aggregation_id == ids[0]:
            raise KeyError("a bug")
        return look(self, **how)

    monkeypatch.setattr(watch_module.Watch, "poll", sometimes_broken)

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            with pytest.raises(KeyError):
                await waits[0]
            await finished(control, ids)
            return await asyncio.gather(*waits[1:])

    assert set(on_a_loop(deed)) == {"succeeded"}


def test_progress_is_logged_in_each_waits_own_log_and_context(control, tenant, caplog):
    caplog.set_level(logging.INFO)
    ids = started(control, 30, collect_seconds=0.0, process_seconds=1e9)
    whose = contextvars.ContextVar("whose", default=None)
    seen = []

    class Noted(logging.Handler):
        def emit(self, record):
            seen.append((record.name, whose.get(), record.levelno, record.getMessage()))

    handler = Noted()
    logging.getLogger().addHandler(handler)

    async def deed():
        async with shared_async_client(tenant) as transport:
            waits = []
            for number, one in enumerate(ids):
                whose.set(number)
                waits.append(wait_for(transport, one, log=logging.getLogger(f"tests.waits.{number}")))
            whose.set("the last")
            await until(lambda: {name for name, *_ in seen} >= {f"tests.waits.{n}" for n in range(30)})
            await until(lambda: any("/20 accounts" in line for *_, line in seen))
            control.fault("answer", path="task-status/v1$", status=403)
            await until(lambda: any(name == poller.log.name for name, *_ in seen))
            control.clear_faults()
            await finished(control, ids)
            return await asyncio.gather(*waits)

    try:
        assert set(on_a_loop(deed)) == {"succeeded"}
    finally:
        logging.getLogger().removeHandler(handler)
    for name, context, level, _ in seen:
        if name.startswith("tests.waits."):
            assert name == f"tests.waits.{context}"
        elif name == poller.log.name:
            assert context is None
            assert level == logging.WARNING


def test_a_refused_status_endpoint_is_warned_of_once_in_a_crowd(control, tenant, caplog):
    ids = started(control, 30)
    control.client("simulator-client", user=False)

    async def deed():
        # On a slow machine the first round would begin before there is a crowd.
        async with crowd(tenant, ids, first_pause=0.3) as (_, waits):
            await until(lambda: counted(control, "get_aggregation_status") >= 1)
            await several_sweeps(control, 6)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
    assert sum("No progress: " in line for line in caplog.messages) == 1
    assert counted(control, "get_aggregation_status") == 1


@pytest.mark.usefixtures("no_leaks")
@pytest.mark.parametrize("count", [5, 30])
def test_the_last_to_leave_closes_everything(control, tenant, count):
    ids = started(control, count)

    loops = []

    async def deed():
        loop = asyncio.get_running_loop()
        loops.append(weakref.ref(loop))
        async with crowd(tenant, ids) as (transport, _):
            await until(lambda: counted(control, "get_task_status", *LISTS) >= 5)
            session, poller = transport._session, transport.companion(Poller)
        assert session.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not shared_client._clients[loop]
        assert (poller._waits.count, list(poller._waits)) == (0, [])

    on_a_loop(deed)
    gc.collect()
    assert loops[0]() is None


def test_a_transport_that_others_keep_open_polls_no_more_once_nobody_waits(control, tenant):
    ids = started(control, 30)

    async def deed():
        async with shared_async_client(tenant):
            async with crowd(tenant, ids) as (_, waits):
                await several_sweeps(control)
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
                await until(lambda: asyncio.all_tasks(loop) == {this})
            async with crowd(tenant, ids) as (_, waits):
                await finished(control, ids)
                return await asyncio.gather(*waits)

    async def within():
        nonlocal loop, this
        loop, this = asyncio.get_running_loop(), asyncio.current_task()
        return await deed()

    loop = this = None
    assert set(on_a_loop(within)) == {"succeeded"}


def test_a_cancelled_crowd_is_gone_at_once(control, tenant):
    ids = started(control, 30)

    async def deed():
        control.fault("delay", path="task-status", delay_seconds=30)
        async with crowd(tenant, ids, poll=POLL) as (_, waits):
            await asyncio.sleep(0)
            began = time.monotonic()
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return time.monotonic() - began

    assert on_a_loop(deed) < 5


def test_a_load_without_progress_does_not_end_that_of_the_others(control, tenant):
    ids = started(control, 30)

    async def deed():
        async with crowd(tenant, ids, first_pause=0.3) as (transport, waits):
            other = wait_for(transport, ids[0], kind=UNCORRELATED_ACCOUNTS, first_pause=0.3)
            await until(lambda: counted(control, "get_aggregation_status") >= 30)
            await finished(control, ids)
            return await asyncio.gather(other, *waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
