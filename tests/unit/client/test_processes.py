"""Two processes that share a credential at a small rate limit: they converge, and none starves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

import sailpoint_provider
from tests.unit.polling.polling_cases import started

pytestmark = pytest.mark.real_time

ROOT = str(Path(sailpoint_provider.__file__).parents[1])

# ISC counts in windows of 10 s, here they are 1 s long, and so is what the budget takes for one.
_CHILD = """
import asyncio, json, logging, sys, time
from sailpoint_provider.client import request_budget
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.tenant.config import Tenant
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch
from sailpoint_provider.polling.poller import Poller
from sailpoint_provider.client import tenant_state
from sailpoint_provider.client.shared_client import shared_async_client

request_budget._WINDOW = 1.0
request_budget._CALM_SECONDS = 6.0
tenant_state._DEFAULT_PAUSE = 0.2
wanted = json.load(sys.stdin)
tenant = Tenant.from_connection_fields(
    host=wanted["url"], login="simulator-client", password="simulator-secret",
    extra={"requests_per_10s": wanted["requests_per_10s"]},
)
seen = {}


class Seen(Watch):
    __slots__ = ()

    def apply_record(self, task, **how):
        seen.setdefault(self.aggregation_id, []).append(time.time())
        return super().apply_record(task, **how)


async def main():
    async with shared_async_client(tenant) as transport:
        waits = []
        for one in wanted["ids"]:
            watch = Seen(
                one, tenant.api_version, deadlines=Deadlines(wanted["until"]), clock=time.time, log=LOG,
            )
            waits.append(transport.companion(Poller).end_of(watch, Backoff(wanted["poll_interval"])))
        await asyncio.gather(*waits, return_exceptions=True)


LOG = logging.getLogger("child")
LOG.addHandler(logging.NullHandler())
LOG.propagate = False
asyncio.run(main())
print(json.dumps({"seen": seen}))
"""

_POLL = 0.5
_SECONDS = 20.0
_SETTLED = 5.0


@pytest.fixture
def limited(control):
    """Give 120 running aggregations at a tenant that takes 6 requests in a second."""
    ids = started(control, 120)
    control.rate_limit(6, 1.0)
    return ids


def test_two_processes_at_one_small_limit_converge_and_both_are_served(control, limited):
    began = time.time()
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": ROOT},
        )
        for _ in range(2)
    ]
    wanted = {
        "url": control.base_url,
        "requests_per_10s": 200,
        "poll_interval": _POLL,
        "until": began + _SECONDS,
    }
    try:
        for number, child in enumerate(children):
            child.stdin.write(json.dumps(wanted | {"ids": limited[number * 60 : number * 60 + 60]}).encode())
            child.stdin.close()
        told = []
        for child in children:
            told.append(json.loads(child.stdout.read()))
            assert child.wait(30) == 0
    finally:
        for child in children:
            child.kill()
            child.stdout.close()
            child.wait()
    asked = [request for request in control.requests() if request["call"] != "token"]
    later = [request for request in asked if moment_of(request) > began + _SETTLED]
    assert any(request["status"] == 429 for request in asked)
    assert len(later) > 10
    assert sum(request["status"] == 429 for request in later) < 0.05 * len(later)
    for child in told:
        assert len(child["seen"]) == 60
        for times in child["seen"].values():
            # The budget does not allow for 3 poll intervals here.
            assert max(later - earlier for earlier, later in pairwise([*times, began + _SECONDS])) < 5.0


def moment_of(request):
    return datetime.fromisoformat(request["received"]).timestamp()
