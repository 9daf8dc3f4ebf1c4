"""Many triggers that start at once: one connection, one token, few requests, and each its own event."""

from __future__ import annotations

import asyncio
import time

import pytest
from airflow.providers.common.compat import connection as compat_connection

from sailpoint_provider.client import tenant_state
from sailpoint_provider.exceptions import AggregationFailedError, InvalidInputError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.events import read_event
from sailpoint_provider.triggers import aggregation
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from tests.unit.airflow_cases import NEVER, SPEED, connect

LISTS = ("list_task_status", "list_pending_tasks")


def running(tenant, count):
    """Start so many aggregations that never end by themselves."""
    plan = {"collect_seconds": NEVER * SPEED, "process_seconds": 0.0}
    sources = [
        tenant.control.create_source(f"Crowd {number}", "direct", **plan)["id"] for number in range(count)
    ]

    async def start_all():
        hook = SailPointHook()
        return [task.id for task in await asyncio.gather(*(hook.aload_accounts(one) for one in sources))]

    ids = asyncio.run(start_all())
    tenant.control.revoke_tokens()
    tenant_state._states.clear()
    tenant.control.clear_requests()
    return ids


def waiting(ids, **changed):
    usual = {"poll_interval": 0.5, "deadlines": Deadlines(time.time() + 60)}
    return [
        asyncio.create_task(
            anext(SailPointAccountAggregationTrigger(aggregation_id=one, **usual | changed).run())
        )
        for one in ids
    ]


async def until(condition):
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it comes true elsewhere
            await asyncio.sleep(0.01)


@pytest.fixture
def readings(monkeypatch):
    """Count how often Airflow is asked for a connection."""
    asked, read = [], compat_connection.get_async_connection

    async def counted(conn_id, **kwargs):
        asked.append(conn_id)
        return await read(conn_id, **kwargs)

    monkeypatch.setattr(compat_connection, "get_async_connection", counted)
    return asked


def test_two_hundred_triggers_that_start_at_once_do_not_stampede(tenant, readings):
    ids = running(tenant, 200)
    readings.clear()

    async def together():
        waits = waiting(ids)
        await until(lambda: any(call in LISTS for call in tenant.calls()))
        first_requests = tenant.calls()
        await asyncio.to_thread(lambda: [tenant.control.finish(one) for one in ids])
        return first_requests, [event.payload for event in await asyncio.gather(*waits)]

    first_requests, events = asyncio.run(together())
    assert [event["aggregation_id"] for event in events] == ids
    assert {read_event(event).state for event in events} == {"succeeded"}
    assert len(readings) == 1
    assert tenant.calls().count("token") == 1
    assert len(first_requests) < 20
    assert "get_task_status" not in first_requests


def test_a_wrong_connection_among_many_concerns_its_own_triggers_only(tenant, readings, monkeypatch):
    ids = running(tenant, 30)
    readings.clear()
    connect(monkeypatch, "broken", host="not a host", login="a", password="b")
    monkeypatch.setattr(aggregation, "_CONNECTION_SECONDS", 0.0)

    async def together():
        lost = waiting(ids, sailpoint_conn_id="broken") + waiting(ids, sailpoint_conn_id="missing")
        waits = waiting(ids)
        errors = [event.payload for event in await asyncio.gather(*lost)]
        await asyncio.to_thread(lambda: [tenant.control.finish(one) for one in ids])
        return errors, [event.payload for event in await asyncio.gather(*waits)]

    errors, events = asyncio.run(together())
    for event in errors:
        with pytest.raises(InvalidInputError):
            read_event(event).ended_aggregation()
    assert {read_event(event).state for event in events} == {"succeeded"}
    assert sorted(readings) == ["broken", "missing", "sailpoint_default"]


def test_the_waits_of_hooks_share_the_poller_and_bring_whole_results(tenant, readings):
    ids = running(tenant, 30)
    readings.clear()

    async def together():
        waits = [
            asyncio.create_task(SailPointHook().async_wait_for_account_aggregation(one, poll_interval=0.2))
            for one in ids
        ]
        await until(lambda: any(call in LISTS for call in tenant.calls()))
        await asyncio.to_thread(
            lambda: [tenant.control.finish(one, "error" if one == ids[0] else None) for one in ids]
        )
        return await asyncio.gather(*waits, return_exceptions=True)

    failed, *results = asyncio.run(together())
    assert isinstance(failed, AggregationFailedError)
    assert failed.result["state"] == "failed"
    assert [result["aggregation_id"] for result in results] == ids[1:]
    assert all(
        result["status"] == "COMPLETED" and result["accounts"]["scanned"] is not None for result in results
    )
    assert len(readings) == 1
