"""Reading connections for an event loop: once for many, fresh for seconds, and nothing kept of a failure."""

from __future__ import annotations

import asyncio
import gc
import threading
from itertools import count

import pytest

from sailpoint_provider.hooks import connection_cache as cache_module
from sailpoint_provider.hooks.connection_cache import ConnectionCache, connection_cache


class Reader:
    """Reads a connection when it is let, and counts how often it is asked to."""

    def __init__(self, answers=None):
        self.answers = answers or (f"tenant {number}" for number in count())
        self.let = asyncio.Event()
        self.reads = 0

    async def __call__(self):
        self.reads += 1
        await self.let.wait()
        answer = next(self.answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def turns(number=5):
    """Let everything go on that can."""
    for _ in range(number):
        await asyncio.sleep(0)


def callers(cache, read, number, key="key"):
    return [asyncio.create_task(cache.tenant(key, read)) for _ in range(number)]


def test_one_reading_serves_all_who_want_the_same_at_once():
    async def within():
        cache, read = ConnectionCache(), Reader()
        waiting = callers(cache, read, 500)
        await turns()
        assert not any(caller.done() for caller in waiting)
        read.let.set()
        assert set(await asyncio.gather(*waiting)) == {"tenant 0"}
        return read.reads

    assert asyncio.run(within()) == 1


def test_a_reading_is_fresh_for_seconds_and_no_longer(monkeypatch):
    async def within():
        cache, read = ConnectionCache(), Reader()
        read.let.set()
        found = [await cache.tenant("key", read) for _ in range(3)]
        loop, passed = asyncio.get_running_loop(), cache_module._FRESH_SECONDS
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + passed)
        return [*found, await cache.tenant("key", read), await cache.tenant("key", read)]

    assert asyncio.run(within()) == ["tenant 0"] * 3 + ["tenant 1"] * 2


def test_a_failure_reaches_all_and_is_not_kept():
    async def within():
        cache, read = ConnectionCache(), Reader(iter([LookupError("no such connection"), "tenant"]))
        waiting = callers(cache, read, 30)
        await turns()
        read.let.set()
        errors = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(error) for error in errors} == {LookupError}
        assert await cache.tenant("key", read) == "tenant"
        return read.reads

    assert asyncio.run(within()) == 2


@pytest.mark.parametrize("gone", [0, 7, 29])
def test_a_caller_who_leaves_takes_nobody_along(gone):
    async def within():
        cache, read = ConnectionCache(), Reader()
        waiting = callers(cache, read, 30)
        await turns()
        waiting[gone].cancel()
        await turns()
        read.let.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(ends.pop(gone), asyncio.CancelledError)
        assert set(ends) == {"tenant 0"}

    asyncio.run(within())


def test_a_failure_after_all_have_left_is_forgotten():
    async def within():
        cache, read = ConnectionCache(), Reader(iter([LookupError("no such connection"), "tenant"]))
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        waiting = callers(cache, read, 3)
        await turns()
        for caller in waiting:
            caller.cancel()
        read.let.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        await turns()
        assert await cache.tenant("key", read) == "tenant"
        gc.collect()
        return complaints

    assert asyncio.run(within()) == []


@pytest.mark.parametrize("is_fresh", [False, True])
def test_many_are_served_a_few_at_a_time_so_that_the_loop_goes_on(is_fresh):
    async def within():
        cache, read = ConnectionCache(), Reader()
        if is_fresh:
            read.let.set()
            await cache.tenant("key", read)
        waiting = callers(cache, read, 200)
        await turns(2)
        read.let.set()
        most = before = 0
        while before < len(waiting):
            await asyncio.sleep(0)
            served = sum(caller.done() for caller in waiting)
            most, before = max(most, served - before), served
        return most

    assert asyncio.run(within()) <= cache_module._SERVED_PER_TURN


def test_one_who_comes_while_others_are_served_is_served_too():
    async def within():
        cache, read = ConnectionCache(), Reader()
        waiting = callers(cache, read, 100)
        await turns()
        read.let.set()
        await waiting[0]
        late = callers(cache, read, 10)
        assert set(await asyncio.gather(*waiting, *late)) == {"tenant 0"}
        assert cache._lines == {}
        return read.reads

    assert asyncio.run(within()) == 1


def test_another_connection_waits_for_nobody():
    async def within():
        cache, slow, quick = ConnectionCache(), Reader(), Reader(iter(["quick"]))
        waiting = callers(cache, slow, 3, key="slow")
        await turns()
        quick.let.set()
        assert await cache.tenant("quick", quick) == "quick"
        assert not any(caller.done() for caller in waiting)
        slow.let.set()
        await asyncio.gather(*waiting)

    asyncio.run(within())


def test_a_reading_that_is_cancelled_cancels_those_who_wait_for_it():
    async def within():
        cache, read = ConnectionCache(), Reader()
        waiting = callers(cache, read, 3)
        await turns()
        (reading,) = cache._readings
        reading.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert all(caller.cancelled() for caller in waiting)
        read.let.set()
        return await cache.tenant("key", read)

    assert asyncio.run(within()) == "tenant 0"


def test_event_loops_do_not_share_and_nothing_survives_one():
    found, both = [], threading.Barrier(2)

    async def within():
        cache, read = connection_cache(), Reader()
        assert connection_cache() is cache
        read.let.set()
        await asyncio.to_thread(both.wait, 10)
        await cache.tenant("key", read)
        await asyncio.to_thread(both.wait, 10)
        found.append((id(cache), read.reads))

    gc.collect()
    before = len(cache_module._caches)
    threads = [threading.Thread(target=asyncio.run, args=(within(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({cache for cache, _ in found}) == 2
    assert [reads for _, reads in found] == [1, 1]
    gc.collect()
    assert len(cache_module._caches) <= before
