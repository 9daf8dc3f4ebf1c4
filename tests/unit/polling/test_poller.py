"""The shared poller: few waits look for themselves, a crowd is looked at together, and all end."""

from __future__ import annotations

import asyncio
import logging
import random
import time

import pytest

from sailpoint_provider.exceptions import AggregationTimeoutError
from sailpoint_provider.isc.api.endpoints import PAGE_SIZE
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.polling.poller import CROWD, Poller
from tests.unit.client.client_cases import tenant_at
from tests.unit.polling.polling_cases import (
    LISTS,
    NEVER,
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

STATES = {
    "success": "succeeded",
    "warning": "succeeded_with_warnings",
    "error": "failed",
    "terminated": "terminated",
    "temperror": "failed",
}


@pytest.mark.usefixtures("no_leaks")
@pytest.mark.parametrize("api_version", sorted(API_VERSIONS))
def test_a_crowd_ends_each_with_its_own_state_for_few_requests(control, api_version):
    ids = started(control, 60)
    tenant = tenant_at(control.base_url, api_version=api_version)

    async def deed():
        async with crowd(tenant, ids) as (transport, waits):
            await several_sweeps(control)
            assert counted(control, "get_task_status") == 0
            session = transport._session
            for number, outcome in enumerate(STATES):
                await finished(control, ids[number::5], outcome)
            states = await asyncio.gather(*waits)
            assert transport._session is session
            return states, session.connector.limit

    states, connections = on_a_loop(deed)
    assert states == [list(STATES.values())[number % 5] for number in range(60)]
    assert connections <= 10
    assert counted(control, "token") == 1
    # Those at whose end the status endpoint hinted before a list told it.
    assert counted(control, "get_task_status") <= 60
    assert {request["api_version"] for request in control.requests()} == {None, api_version}


@pytest.mark.parametrize("api_version", ["v1", "beta"])
def test_a_crowd_of_more_than_one_page_ends_whole(control, api_version):
    ids = started(control, PAGE_SIZE + 5)
    tenant = tenant_at(control.base_url, api_version=api_version)

    async def deed():
        async with crowd(tenant, ids, poll=0.3) as (_, waits):
            await several_sweeps(control)
            assert counted(control, "get_task_status") == 0
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}


def test_few_waits_look_for_themselves(control, tenant):
    ids = started(control, CROWD)

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            await until(lambda: counted(control, "get_task_status") >= 3 * CROWD)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
    assert counted(control, *LISTS) == 0
    assert counted(control, "get_aggregation_status") >= CROWD


def test_a_group_becomes_a_crowd_and_a_group_again(control, tenant):
    ids = started(control, CROWD + 1)

    async def deed():
        async with crowd(tenant, ids[:CROWD]) as (transport, waits):
            await until(lambda: counted(control, "get_task_status") >= CROWD)
            assert counted(control, *LISTS) == 0
            one_more = wait_for(transport, ids[CROWD])
            await several_sweeps(control)
            await finished(control, ids[CROWD:])
            assert await one_more == "succeeded"
            await until(lambda: counted(control, "get_task_status") >= 2 * CROWD)
            control.clear_requests()
            await until(lambda: counted(control, "get_task_status") >= 2 * CROWD)
            assert counted(control, *LISTS) == 0
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}


def test_waits_come_and_go_during_batch_polls_and_disturb_nobody(control, tenant):
    ids = started(control, 60)
    chance = random.Random(7)

    async def deed():
        async with crowd(tenant, ids[:30], poll=0.05) as (transport, waits):
            passing = []
            for _ in range(150):
                passing.append(wait_for(transport, chance.choice(ids), poll=0.05))
                await asyncio.sleep(0.002)
                if len(passing) > 20:
                    passing.pop(chance.randrange(20)).cancel()
            await finished(control, ids)
            return await asyncio.gather(*waits), await asyncio.gather(*passing)

    stayed, came = on_a_loop(deed)
    assert set(stayed) == set(came) == {"succeeded"}


@pytest.mark.parametrize("count", [5, 30])
def test_two_may_wait_for_the_same_and_one_may_leave(control, tenant, count):
    ids = started(control, count)

    async def deed():
        async with crowd(tenant, ids) as (transport, waits):
            second, third = wait_for(transport, ids[0]), wait_for(transport, ids[0], poll=0.3)
            await until(lambda: counted(control, "get_task_status", *LISTS) >= 3)
            third.cancel()
            await finished(control, ids)
            assert await asyncio.gather(*waits, second) == ["succeeded"] * (count + 1)
            assert (await asyncio.gather(third, return_exceptions=True))[
                0
            ].__class__ is asyncio.CancelledError

    on_a_loop(deed)


@pytest.mark.parametrize("count", [5, 30])
@pytest.mark.parametrize("words", ["elapsed", "accounts"])
def test_a_log_that_raises_ends_its_own_wait_only(control, tenant, count, words):
    ids = started(control, count, collect_seconds=0.0, process_seconds=NEVER)

    class Broken(logging.Logger):
        def info(self, message, *args):
            if words in message % args:
                raise ArithmeticError("the disk is full")

    async def deed():
        async with crowd(tenant, ids[1:]) as (transport, waits):
            broken = wait_for(transport, ids[0], log=Broken("broken"))
            with pytest.raises(ArithmeticError):
                await broken
            assert not any(wait.done() for wait in waits)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}


@pytest.mark.parametrize("count", [5, 30])
def test_a_deadline_ends_its_own_wait_though_the_calls_hang(control, tenant, count):
    ids = started(control, count)

    async def deed():
        async with crowd(tenant, ids[1:], poll=0.3) as (transport, waits):
            await until(lambda: counted(control, "get_task_status", *LISTS) >= 1)
            control.fault("delay", path="task-status", times=count, delay_seconds=1.5)
            began = time.monotonic()
            hasty = wait_for(transport, ids[0], deadline=time.time() + 0.4)
            with pytest.raises(AggregationTimeoutError, match="still running"):
                await hasty
            took = time.monotonic() - began
            assert not any(wait.done() for wait in waits)
            await finished(control, ids)
            return await asyncio.gather(*waits), took

    states, took = on_a_loop(deed)
    assert set(states) == {"succeeded"}
    assert 0.39 < took < 1.4


@pytest.mark.parametrize("count", [5, 30])
def test_waits_that_start_after_their_deadline_look_once_and_give_up(control, tenant, count):
    ids = started(control, count)

    async def deed():
        late = {"deadline": time.time() - 60, "least_seconds": 30.0, "first_pause": 0.1}
        async with crowd(tenant, ids, **late) as (_, waits):
            await finished(control, ids[:2])
            return await asyncio.gather(*waits, return_exceptions=True)

    ends = on_a_loop(deed)
    assert ends[:2] == ["succeeded", "succeeded"]
    assert {type(end) for end in ends[2:]} == {AggregationTimeoutError}


def first_told(control, ids, settings, tenant, before=None):
    """Return how long a wait with a long first pause took to be told of an end that had been there."""

    async def deed():
        async with crowd(tenant, ids[1:], poll=0.05) as (transport, _):
            if before is not None:
                await before()
            await until(lambda: counted(control, *LISTS) >= 1)
            began = time.monotonic()
            assert await wait_for(transport, ids[0], **settings) in ("succeeded", "terminated")
            return time.monotonic() - began

    return on_a_loop(deed)


def test_an_end_that_a_list_shows_too_soon_is_reported_after_the_first_pause(control, tenant):
    ids = started(control, 30)
    control.finish(ids[0])
    assert first_told(control, ids, {"poll": 0.05, "first_pause": 0.5}, tenant) >= 0.5


def test_an_end_that_a_list_leaves_out_is_reported_after_the_first_pause(control, tenant):
    ids = started(control, 30)
    control.finish(ids[0])
    # The list by id is refused, and the list of running ones does not name what has ended.
    control.fault("answer", path="task-status/v1$", nth=1, status=403)
    assert first_told(control, ids, {"poll": 2.4, "first_pause": 0.5}, tenant) >= 0.5


def test_an_end_that_another_wait_for_the_same_makes_due_is_reported_after_the_first_pause(control, tenant):
    ids = started(control, 30)
    control.fault("answer", path="task-status/v1$", nth=1, status=403)

    async def deed():
        async with crowd(tenant, ids, poll=0.05) as (transport, waits):
            await several_sweeps(control)
            began = time.monotonic()
            second = wait_for(transport, ids[0], poll=0.5, first_pause=0.5)
            await finished(control, ids[:1])
            assert await waits[0] == await second == "succeeded"
            return time.monotonic() - began

    assert on_a_loop(deed) >= 0.5


def test_a_wait_that_another_poll_has_shown_running_is_not_polled_before_its_first_pause(control, tenant):
    ids = started(control, 30)

    async def deed():
        async with crowd(tenant, ids, poll=0.05) as (transport, _):
            await several_sweeps(control)
            task = wait_for(transport, ids[0], poll=0.05, first_pause=100.0)
            await several_sweeps(control, 4)
            (late,) = (
                one for one in transport.companion(Poller)._waits if one.begins > time.monotonic() + 50
            )
            assert late.due >= late.begins
            task.cancel()

    on_a_loop(deed)


def test_an_end_that_the_status_endpoint_hints_at_is_reported_after_the_first_pause(control, tenant):
    ids = started(control, 30)
    control.finish(ids[0])

    async def all_others_were_asked_for():
        await until(lambda: counted(control, "get_aggregation_status") >= 2 * len(ids))

    took = first_told(control, ids, {"poll": 1.0, "first_pause": 0.6}, tenant, all_others_were_asked_for)
    assert took >= 0.6
