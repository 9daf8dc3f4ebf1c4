"""The last request at a kill takes no longer than it may, whatever answers."""

import time
from datetime import UTC, datetime

import pytest
import requests

from sailpoint_provider.client.failures import HeadTooLongError
from sailpoint_provider.client.last_request import send_last_request
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client import hostile_server as hostile
from tests.unit.client.client_cases import ONCE, Blocking, tenant_at
from tests.unit.client.hostile_server import HostileServer

pytestmark = pytest.mark.real_time

V1 = API_VERSIONS["v1"]
CALL = endpoints.clear_task_record(V1, "a" * 32, now=datetime.now(tz=UTC))
SECONDS = 1.0


@pytest.mark.parametrize("deed", hostile.DEEDS, ids=lambda deed: deed.__name__)
def test_it_ends_in_time(deed):
    def healthy(target):
        return b"[]" if "sources" in target else None

    with HostileServer(deed, healthy) as server:
        tenant = tenant_at(server.url)
        Blocking.send(tenant, endpoints.sources(V1), ONCE)  # brings a token into memory
        begun = time.monotonic()
        try:
            status = send_last_request(tenant, CALL, SECONDS)
        except (requests.RequestException, HeadTooLongError):
            status = None
        assert time.monotonic() - begun < SECONDS + 0.7
    assert status in (None, 200)
