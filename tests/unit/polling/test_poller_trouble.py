"""Trouble in a crowd of waits: refusals, outages, rate limits, unknown ids, wrong secrets."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime

import pytest

from sailpoint_provider.exceptions import (
    AuthenticationError,
    ProtocolError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.api import summaries
from sailpoint_provider.isc.api.endpoints import PAGE_SIZE
from sailpoint_provider.isc.wait import deadlines
from sailpoint_provider.polling import poller
from sailpoint_provider.polling.poller import Poller
from tests.unit.client.client_cases import tenant_at
from tests.unit.polling.polling_cases import (
    LISTS,
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

LIST_PATHS = {"v1": "task-status/v1$", "beta": "task-status(/pending-tasks)?$"}


def warnings_of(caplog, name=None):
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and name in (None, record.name)
    ]


@pytest.mark.parametrize("api_version", sorted(LIST_PATHS))
@pytest.mark.parametrize("status", [400, 403, 404])
def test_where_filters_are_refused_all_are_looked_at_alone_and_it_is_said_once(
    control, caplog, api_version, status
):
    ids = started(control, 40)
    control.fault("answer", path=LIST_PATHS[api_version], status=status)

    async def deed():
        tenant = tenant_at(control.base_url, api_version=api_version)
        async with crowd(tenant, ids) as (_, waits):
            await until(lambda: counted(control, "get_task_status") >= 3 * len(ids))
            control_lists = counted(control, *LISTS)
            await finished(control, ids)
            assert set(await asyncio.gather(*waits)) == {"succeeded"}
            assert counted(control, *LISTS) == control_lists

    on_a_loop(deed)
    said = warnings_of(caplog)
    assert len(said) == len(set(said)) == 2
    assert all("does not answer" in line for line in said)


def test_a_list_that_fails_once_is_neither_given_up_nor_blamed_for_leaving_out(control, tenant, caplog):
    ids = started(control, 40)
    control.fault("answer", path=LIST_PATHS["v1"], status=500, nth=1)

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            await several_sweeps(control, 8)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
    assert warnings_of(caplog) == []


def test_an_outage_is_sat_out_by_all_and_not_warned_of_all_the_time(control, tenant, caplog, monkeypatch):
    ids = started(control, 30)
    monkeypatch.setattr(poller, "_SECONDS_PER_LINE", 0.4 / len(ids))

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            await several_sweeps(control)
            began = time.monotonic()
            control.fault("answer", status=503)
            await until(lambda: len(warnings_of(caplog, "tests.waits")) >= 2 * len(ids))
            control.clear_faults()
            lasted = time.monotonic() - began
            assert not any(wait.done() for wait in waits)
            await finished(control, ids)
            return await asyncio.gather(*waits), lasted

    states, lasted = on_a_loop(deed)
    assert set(states) == {"succeeded"}
    # One more than fit into the time, for waits that are told of it at other moments than it began and ended.
    assert len(warnings_of(caplog, "tests.waits")) <= len(ids) * (lasted / 0.4 + 1)
    assert warnings_of(caplog, poller.log.name) == []


def test_an_outage_that_is_longer_than_tolerated_ends_those_who_tolerate_less(control, tenant):
    ids = started(control, 30)

    async def deed():
        async with crowd(tenant, ids[:25]) as (transport, waits):
            hasty = [wait_for(transport, one, tolerate_outage=0.3) for one in ids[25:]]
            await several_sweeps(control)
            control.fault("answer", path="task-status|account-aggregations", status=503)
            ends = await asyncio.gather(*hasty, return_exceptions=True)
            assert {type(end) for end in ends} == {TenantUnavailableError}
            assert all("tolerate_outage" in str(end) for end in ends)
            control.clear_faults()
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}


def test_an_outage_closes_no_way_though_two_wait_for_the_same(control, tenant, caplog):
    ids = started(control, 30)

    async def deed():
        async with crowd(tenant, [*ids, ids[0]]) as (_, waits):
            await several_sweeps(control)
            control.fault("answer", path="task-status|account-aggregations", status=503)
            await several_sweeps(control, 6)
            control.clear_faults()
            await several_sweeps(control)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
    assert warnings_of(caplog, poller.log.name) == []


def test_a_rate_limit_pauses_the_crowd_and_all_end(control, tenant):
    ids = started(control, 30)

    async def deed():
        async with crowd(tenant, ids) as (transport, waits):
            await several_sweeps(control)
            control.fault("rate_limit", times=1, retry_after=1)
            await until(lambda: any(request["status"] == 429 for request in control.requests()))
            await asyncio.to_thread(finish_now)
            states = await asyncio.gather(*waits)
            return states, transport.budget.closures

    def finish_now():
        for one in ids:
            control.finish(one)

    states, closures = on_a_loop(deed)
    assert set(states) == {"succeeded"}
    assert closures == 1
    times = [request["received"] for request in control.requests()]
    limited = next(number for number, one in enumerate(control.requests()) if one["status"] == 429)
    assert all(seconds_between(times[limited], later) > 0.9 for later in times[limited + 2 :])


def test_a_page_that_is_limited_is_reported_and_sat_out(control, tenant, caplog, monkeypatch):
    ids = started(control, PAGE_SIZE + 5)
    monkeypatch.setattr(poller, "_SECONDS_PER_LINE", 0.0)

    async def deed():
        async with crowd(tenant, ids, poll=0.3) as (_, waits):
            await several_sweeps(control)
            control.fault("rate_limit", path="task-status/v1$", times=1, retry_after=0)
            await until(lambda: any(request["status"] == 429 for request in control.requests()))
            await several_sweeps(control)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
    assert 0 < len(warnings_of(caplog, "tests.waits")) <= len(ids)


def seconds_between(earlier, later):
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


@pytest.mark.parametrize("api_version", ["v1", "beta"])
def test_unknown_ids_in_a_crowd_end_after_their_grace_while_others_go_on(control, monkeypatch, api_version):
    monkeypatch.setattr(deadlines, "UNKNOWN_GRACE_SECONDS", 0.4)
    ids = started(control, 30)
    strange = ["0" * 32, "f" * 32]

    async def deed():
        tenant = tenant_at(control.base_url, api_version=api_version)
        async with crowd(tenant, ids) as (transport, waits):
            unknown = [wait_for(transport, one) for one in strange]
            ends = await asyncio.gather(*unknown, return_exceptions=True)
            assert {type(end) for end in ends} == {UnknownAggregationError}
            assert not any(wait.done() for wait in waits)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}


def test_a_completed_run_without_a_result_ends_after_its_grace_while_others_go_on(
    control, tenant, monkeypatch
):
    monkeypatch.setattr(deadlines, "NO_RESULT_GRACE_SECONDS", 0.4)
    ids = started(control, 30)
    control.fault("answer", path=f"{ids[0]}/status", status=200, body={"status": "COMPLETED"})

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            with pytest.raises(ProtocolError, match="COMPLETED"):
                await waits[0]
            assert not any(wait.done() for wait in waits[1:])
            await finished(control, ids)
            return await asyncio.gather(*waits[1:])

    assert set(on_a_loop(deed)) == {"succeeded"}


@pytest.mark.parametrize("said", ["CANCELLED", "TERMINATED"])
def test_an_end_that_only_the_status_endpoint_shows_ends_a_wait_in_a_crowd_too(control, tenant, said):
    ids = started(control, 30)
    control.fault("answer", path=f"{ids[0]}/status", status=200, body={"status": said})

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            assert await waits[0] == said.lower()
            assert not any(wait.done() for wait in waits[1:])

    on_a_loop(deed)


def test_a_record_that_both_lists_leave_out_is_looked_at_alone_and_ends(control, tenant, monkeypatch):
    ids = started(control, 30)
    read = summaries.read_task_summaries
    monkeypatch.setattr(
        summaries, "read_task_summaries", lambda answer: [one for one in read(answer) if one.id != ids[0]]
    )

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            await several_sweeps(control, 3)
            await until(lambda: counted(control, "get_task_status") >= 2)
            assert {
                request["path"].rpartition("/")[2]
                for request in control.requests()
                if request["call"] == "get_task_status"
            } == {ids[0]}
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}


def test_secrets_of_one_client_have_pollers_of_their_own_and_one_budget(control, tenant):
    ids = started(control, 60)
    wrong = tenant_at(control.base_url, password="of-yesterday")

    async def deed():
        async with crowd(tenant, ids[:30]) as (right_one, waits), crowd(wrong, ids[30:]) as (other, lost):
            assert right_one is not other
            assert right_one.companion(Poller) is not other.companion(Poller)
            assert right_one.budget is other.budget
            ends = await asyncio.gather(*lost, return_exceptions=True)
            assert {type(end) for end in ends} == {AuthenticationError}
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}


def test_tokens_that_are_revoked_under_a_crowd_are_renewed_once(control, tenant):
    ids = started(control, 60)

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            await several_sweeps(control)
            control.revoke_tokens()
            await several_sweeps(control)
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
    assert counted(control, "token") == 2


@pytest.mark.parametrize("kind", ["html", "not_json", "other_shape", "reset", "cut_body"])
def test_garbage_in_a_crowd_is_sat_out(control, tenant, kind, caplog):
    ids = started(control, 30)

    async def deed():
        async with crowd(tenant, ids) as (_, waits):
            await several_sweeps(control)
            control.clear_requests()
            control.fault(kind, path="task-status|account-aggregations")
            await until(lambda: len(control.requests()) >= 10)
            control.clear_faults()
            await finished(control, ids)
            return await asyncio.gather(*waits)

    assert set(on_a_loop(deed)) == {"succeeded"}
    # Empty records are an answer, if a strange one.
    assert kind == "other_shape" or warnings_of(caplog, poller.log.name) == []
