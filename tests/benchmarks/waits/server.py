"""
One server for all three clients, over TLS, as a process of its own.

It speaks as much of Identity Security Cloud, dbt Cloud and Airbyte as a wait asks for. The answers have the
shape and the weight of real ones, and are written before the clock starts. Each run has a process of it to
itself. It is steered through its standard input and output, one JSON object a line, so that every connection
and every request that it counts is the client's.
"""

from __future__ import annotations

import asyncio
import json
import math
import ssl
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from sailpoint_provider.simulator.api.filters import Field, IllegalFilter, fields, parse
from tests.benchmarks.waits.jobs import ACCOUNT, Job, Series, airbyte_job, dbt_run
from tests.benchmarks.waits.tally import Counting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from sailpoint_provider.simulator.api.filters import Comparison

PAGE = 250
_TOKEN_LIFETIME = {"isc": 749, "airbyte": 900}
_BACKLOG = 4096
"""A thousand clients connect at once; none of them may have to knock twice."""

_FIELDS = fields(id="eq in", sourceId="eq in", type="eq in", launcher="eq in") | {
    "completionStatus": Field(frozenset({"eq", "in", "isnull"}))
}
_LIST_PARAMETERS = frozenset({"filters", "limit", "offset", "sorters"})
_JSON = {"Content-Type": "application/json"}


class WaitServer(web.Server):
    """
    Answers the three clients and counts what they do.

    :param delay: seconds before each answer.
    """

    def __init__(self, delay: float) -> None:
        super().__init__(self._answer)
        self.counting = Counting()
        self.series = Series(0, 0.0, 0.0, 0.0)
        self._delay = delay
        self._jobs: list[Job] = []
        self._by_path: dict[str, tuple[str, Job]] = {}

    def begin(self, series: Series) -> None:
        """Take over a series of jobs."""
        self.series = series
        self._jobs = [Job(series, number) for number in range(series.count)]
        for number, job in enumerate(self._jobs):
            self._by_path |= {
                f"/task-status/v1/{job.isc_id}": ("task status", job),
                f"/account-aggregations/v1/{job.isc_id}/status": ("aggregation status", job),
                f"/api/v2/accounts/{ACCOUNT}/runs/{dbt_run(number)}/": ("dbt run", job),
                f"/v1/jobs/{airbyte_job(number)}": ("airbyte job", job),
            }

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count a connection whose TLS handshake is done."""
        super().connection_made(handler, transport)
        self.counting.connected()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Count a connection that ended."""
        super().connection_lost(handler, exc)
        self.counting.disconnected()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        answer = self._counted(request)
        if self._delay:
            await asyncio.sleep(self._delay)
        return answer

    def _counted(self, request: web.BaseRequest) -> web.Response:
        path, now = request.path, time.time()
        if path in ("/oauth/token", "/v1/applications/token"):
            self.counting.requested("token", now)
            return _token("isc" if path == "/oauth/token" else "airbyte")
        kind, job = self._by_path.get(path, ("task status list", None))
        self.counting.requested(kind, now)
        seconds = self.counting.over_limit(now)
        if seconds is not None and path.startswith(("/task-status/", "/account-aggregations/")):
            self.counting.refused += 1
            body = b'{"message":" Rate Limit Exceeded "}'
            return web.Response(
                status=429, body=body, headers=_JSON | {"Retry-After": str(math.ceil(seconds))}
            )
        if not request.headers.get("Authorization"):
            return _refusal(401, "JWT validation failed: JWT is expired")
        if job is not None:
            return web.Response(body=_record(kind, job, now), headers=_JSON)
        return self._list(request, now) if path == "/task-status/v1" else _refusal(404, "Not found")

    def _list(self, request: web.BaseRequest, now: float) -> web.Response:
        query = request.query
        if unknown := set(query) - _LIST_PARAMETERS:
            return _refusal(400, f"Unknown parameters: {', '.join(sorted(unknown))}")
        order, limit, offset = (
            query.get("sorters", "-created"),
            query.get("limit", "250"),
            query.get("offset", "0"),
        )
        if order not in ("created", "-created"):
            return _refusal(400, f'Sorting by "{order}" is not supported')
        if not (limit.isdecimal() and offset.isdecimal() and int(limit) <= PAGE):
            return _refusal(400, f'"limit" and "offset" must be whole numbers, "limit" at most {PAGE}')
        try:
            comparisons = parse(query.get("filters", ""), _FIELDS)
        except IllegalFilter as error:
            return _refusal(400, str(error))
        found = list(_matching(self._jobs, comparisons, now))
        if order == "-created":
            found.reverse()
        page = found[int(offset) : int(offset) + int(limit)]
        body = b"[" + b",".join(job.task_status(now) for job in page) + b"]"
        return web.Response(body=body, headers=_JSON)


def _matching(jobs: list[Job], comparisons: list[Comparison], now: float) -> Iterable[Job]:
    for job in jobs:
        facts = {
            "id": job.isc_id,
            "type": "CLOUD_ACCOUNT_AGGREGATION",
            "launcher": "System",
            "completionStatus": "SUCCESS" if now >= job.end else None,
            "sourceId": job.source_id,
        }
        if all(comparison.holds(facts[comparison.field]) for comparison in comparisons):
            yield job


def _record(kind: str, job: Job, now: float) -> bytes:
    match kind:
        case "task status":
            return job.task_status(now)
        case "aggregation status":
            return job.aggregation_status(now)
        case "dbt run":
            return job.dbt(now)
    return job.airbyte(now)


def _token(service: str) -> web.Response:
    grant = {
        "access_token": f"{service}-" + "x" * 900,
        "token_type": "bearer",
        "expires_in": _TOKEN_LIFETIME[service],
        "scope": "sp:scopes:all",
    }
    return web.Response(body=json.dumps(grant).encode(), headers=_JSON)


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(
        status=status, body=json.dumps({"messages": [{"text": text}]}).encode(), headers=_JSON
    )


async def serve(certificate: str, delay: float) -> None:
    """Serve until the standard input ends; each line of it is a series to begin, or ``{}`` for the counts."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = WaitServer(delay)
    listening = await loop.create_server(server, "127.0.0.1", 0, ssl=context, backlog=_BACKLOG)
    say({"port": listening.sockets[0].getsockname()[1]})
    async for line in lines_of_standard_input():
        if order := json.loads(line):
            server.begin(Series(**order))
        say(asdict(server.counting.tally()))
    listening.close()


async def lines_of_standard_input() -> AsyncIterator[bytes]:
    """Yield the lines of the standard input without blocking the loop, until it ends."""
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while line := await orders.readline():
        yield line


def say(answer: object) -> None:
    """Write one JSON object to the standard output."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], float(sys.argv[2])))
