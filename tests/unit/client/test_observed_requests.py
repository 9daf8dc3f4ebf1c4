"""What a client tells about its requests, for metrics: each one once, with its status and its wait."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest

from sailpoint_provider.client.async_client import AsyncClient
from sailpoint_provider.client.blocking import BlockingClient
from sailpoint_provider.client.shared_client import shared_async_client
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import FAST, HR, tenant_at

GOOD = endpoints.source(API_VERSIONS["v1"], HR)


class Seen(NamedTuple):
    """What a client tells about one request."""

    status: int | None
    waited: float


def noting(seen):
    return lambda status, waited: seen.append(Seen(status, waited))


def blocking(tenant, seen, calls=1):
    with BlockingClient(tenant, FAST, noting(seen)) as client:
        for _ in range(calls):
            client.send(GOOD)


def on_a_loop(tenant, seen, calls=1):
    async def within():
        client = AsyncClient(tenant, FAST, noting(seen))
        try:
            for _ in range(calls):
                await client.send(GOOD)
        finally:
            await client.close()

    asyncio.run(within())


WORLDS = pytest.mark.parametrize("send", [blocking, on_a_loop])


@WORLDS
def test_a_call_is_reported_with_the_token_request_before_it(tenant, send):
    seen = []
    send(tenant, seen, calls=2)
    assert [one.status for one in seen] == [200, 200, 200]
    assert [one.waited for one in seen] == [0.0, 0.0, 0.0]


@WORLDS
def test_every_attempt_is_reported_as_the_tenant_received_it(tenant, control, send):
    control.fault("rate_limit", path="sources", retry_after=0, times=2)
    seen = []
    send(tenant, seen)
    assert [one.status for one in seen] == [200, 429, 429, 200]
    assert len(control.requests()) == len(seen)


@WORLDS
def test_a_request_without_a_response_is_reported_too(tenant, control, send):
    # aiohttp itself repeats a request on a kept connection once.
    control.fault("reset", path="sources", times=2)
    seen = []
    send(tenant, seen)
    token, *broken, good = (one.status for one in seen)
    assert (token, good, set(broken)) == (200, 200, {None})


@WORLDS
def test_the_wait_for_the_budget_is_reported(sailpoint_simulator, send):
    tenant = tenant_at(sailpoint_simulator.url, extra={"requests_per_10s": 20})
    seen = []
    send(tenant, seen, calls=5)
    waited = [one.waited for one in seen]
    assert waited[:4] == [0.0] * 4
    assert all(0.3 < seconds < 1.0 for seconds in waited[4:])


@WORLDS
def test_an_error_status_is_reported(tenant, control, send):
    control.fault("answer", path="sources", status=403)
    seen = []
    with pytest.raises(SailPointError):
        send(tenant, seen)
    assert [one.status for one in seen] == [200, 403]


def test_users_of_a_shared_client_are_distinguished_by_the_first(tenant):
    first, second = [], []

    async def within():
        async with (
            shared_async_client(tenant, noting(first)) as client,
            shared_async_client(tenant, noting(second)) as same,
        ):
            assert client is same
            await same.send(GOOD)

    asyncio.run(within())
    assert (len(first), second) == (2, [])
