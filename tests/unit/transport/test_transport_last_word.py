"""The last word at a kill takes no longer than it may, whatever answers."""

import time
from datetime import UTC, datetime

import hostile_server as hostile
import pytest
import requests
from hostile_server import HostileServer
from transport_cases import ONCE, Blocking, tenant_at

from sailpoint_provider.isc import calls
from sailpoint_provider.isc.generations import GENERATIONS
from sailpoint_provider.transport.blocking import send_last_word
from sailpoint_provider.transport.failures import HeadTooLongError

V1 = GENERATIONS["v1"]
CALL = calls.clear_task_record(V1, "a" * 32, now=datetime.now(tz=UTC))
SECONDS = 1.0


@pytest.mark.parametrize("deed", hostile.DEEDS, ids=lambda deed: deed.__name__)
def test_it_ends_in_time(deed):
    def healthy(target):
        return b"[]" if "sources" in target else None

    with HostileServer(deed, healthy) as server:
        tenant = tenant_at(server.url)
        Blocking.send(tenant, calls.sources(V1), ONCE)  # brings a token into memory
        begun = time.monotonic()
        try:
            answer = send_last_word(tenant, CALL, SECONDS)
        except (requests.RequestException, HeadTooLongError):
            answer = None
        assert time.monotonic() - begun < SECONDS + 0.7
    assert answer is None or answer.status == 200
