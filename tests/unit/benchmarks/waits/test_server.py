"""The server of the benchmark on waits answers as the three services do, and counts what it is asked."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest

from sailpoint_provider.isc.api.models import read_account_aggregation_status, read_task_status
from tests.benchmarks.waits.jobs import ACCOUNT, Series, airbyte_job, dbt_run, isc_task
from tests.benchmarks.waits.server import WaitServer

TOKEN = {"Authorization": "Bearer something"}
HOUR = 3600.0
RUNNING = 'type eq "CLOUD_ACCOUNT_AGGREGATION" and completionStatus isnull'


def series_of(count):
    """Return jobs of which about half have ended, the next one not for a while."""
    return Series(count, time.time() - 60.0 - HOUR * count / 2, seconds=60.0, spread=HOUR * count)


@asynccontextmanager
async def served(series=None):
    server = WaitServer(delay=0.0)
    server.begin(series or series_of(4))
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(server, "127.0.0.1", 0)
    try:
        base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with aiohttp.ClientSession(base, headers=TOKEN) as client:
            yield server, client
    finally:
        listening.close()
        await server.shutdown(1.0)


async def json_of(client, path, **query):
    async with client.get(path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


def test_ends_are_spread_evenly_and_not_in_order():
    series = Series(1000, begun=0.0, seconds=30.0, spread=5.0)
    ends = [series.end(number) for number in range(1000)]
    assert ends != sorted(ends)
    for at, end in enumerate(sorted(ends)):
        assert end == pytest.approx(30.0 + 5.0 * at / 1000, abs=0.02)


def test_all_three_get_the_same_ends():
    async def story():
        series = series_of(4)
        over = [series.end(number) <= time.time() for number in range(4)]
        assert len(set(over)) == 2
        async with served(series) as (_, client):
            for number, is_over in enumerate(over):
                id = isc_task(number)
                task = read_task_status(await json_of(client, f"/task-status/v1/{id}"))
                assert (task.id, task.completion_status) == (id, "SUCCESS" if is_over else None)
                status = read_account_aggregation_status(
                    await json_of(client, f"/account-aggregations/v1/{id}/status")
                )
                assert status.status == ("COMPLETED" if is_over else "ACCOUNTS_COLLECTED")
                run = await json_of(client, f"/api/v2/accounts/{ACCOUNT}/runs/{dbt_run(number)}/")
                assert (run["data"]["id"], run["data"]["status"]) == (dbt_run(number), 10 if is_over else 3)
                job = await json_of(client, f"/v1/jobs/{airbyte_job(number)}")
                assert (job["jobId"], job["status"]) == (
                    airbyte_job(number),
                    "succeeded" if is_over else "running",
                )

    asyncio.run(story())


def test_the_list_of_running_tasks_comes_in_pages():
    async def story():
        series = series_of(1200)
        running = [isc_task(number) for number in range(1200) if series.end(number) > time.time()]
        assert 500 < len(running) < 700
        async with served(series) as (_, client):
            listed = []
            for offset in range(0, 750, 250):
                query = {"filters": RUNNING, "limit": 250, "offset": offset, "sorters": "created"}
                listed += [one["id"] for one in await json_of(client, "/task-status/v1", **query)]
                assert len(listed) == min(offset + 250, len(running))
            assert listed == running
            assert [one["id"] for one in await json_of(client, "/task-status/v1", limit=1)] == [
                isc_task(1199)
            ]

    asyncio.run(story())


def test_the_list_finds_tasks_by_their_ids_whether_they_run_or_not():
    async def story():
        series = series_of(8)
        async with served(series) as (_, client):
            named = ", ".join(f'"{isc_task(number)}"' for number in range(2, 6))
            found = await json_of(client, "/task-status/v1", filters=f"id in ({named})", sorters="created")
            assert [(one["id"], one["completionStatus"] is None) for one in found] == [
                (isc_task(number), series.end(number) > time.time()) for number in range(2, 6)
            ]

    asyncio.run(story())


@pytest.mark.parametrize(
    "query",
    [
        {"filters": 'target.id eq "1"'},
        {"filters": 'id sw "1"'},
        {"filters": 'completionStatus isnull or id eq "1"'},
        {"sorters": "launched"},
        {"limit": "251"},
        {"limit": "-1"},
        {"page": "2"},
    ],
)
def test_a_list_is_refused_what_isc_does_not_know(query):
    async def story():
        async with served() as (_, client), client.get("/task-status/v1", params=query) as answer:
            assert answer.status == 400

    asyncio.run(story())


def test_isc_refuses_the_hundred_and_first_request_and_dbt_is_only_counted():
    async def story():
        async with served() as (server, client):
            for path in (f"/api/v2/accounts/{ACCOUNT}/runs/{dbt_run(0)}/", f"/task-status/v1/{isc_task(0)}"):
                for _ in range(60):
                    async with client.get(path) as answer:
                        last = answer
            assert last.status == 429
            assert 0 < int(last.headers["Retry-After"]) <= 10
            tally = server.counting.tally()
            assert (tally.refused, tally.would_refuse) == (20, 20)
            assert tally.requests == {"dbt run": 60, "task status": 60}
            assert tally.busiest == 120
            assert (tally.opened, tally.most_open) == (1, 1)

    asyncio.run(story())


def test_a_request_without_a_token_is_refused_and_a_token_is_given():
    async def story():
        async with served() as (_, client):
            async with client.get(f"/task-status/v1/{isc_task(0)}", headers={"Authorization": ""}) as answer:
                assert answer.status == 401
            async with client.post("/oauth/token") as answer:
                grant = await answer.json()
            assert grant["expires_in"] > 0

    asyncio.run(story())
