"""An upload verifies certificates, uses proxies and waits for its response as every other call does."""

from __future__ import annotations

import hashlib

import pytest

from sailpoint_provider.exceptions import TenantUnavailableError
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, ONCE, asked, tenant_at, write_csv
from tests.unit.client.recording_servers import RecordingProxy
from tests.unit.client.slow_server import SlowServer
from tests.unit.isc.isc_cases import load_accounts


def start_of(path):
    return load_accounts(API_VERSIONS["v1"], HR, find_csv(path))


@pytest.fixture
def path(tmp_path):
    return write_csv(tmp_path, rows=20_000)


def arrived(control, path):
    (request,) = asked(control, "load_accounts")
    return request["file"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_upload_goes_over_tls(world, tls_simulator, certificates, path):
    tenant = tenant_at(tls_simulator.url, extra={"verify": str(certificates.authority)})
    world.send(tenant, start_of(path))
    assert arrived(tls_simulator.control, path)


def test_an_upload_goes_through_a_proxy(world, tls_simulator, certificates, path):
    with RecordingProxy() as proxy:
        extra = {"verify": str(certificates.authority), "proxies": proxy.url}
        world.send(tenant_at(tls_simulator.url, extra=extra), start_of(path))
    assert arrived(tls_simulator.control, path)
    assert [one.method for one in proxy.received] == ["CONNECT", "CONNECT"]


def test_an_upload_is_not_sent_to_a_host_that_nobody_vouches_for(world, tls_simulator, certificates, path):
    trusting = tenant_at(tls_simulator.url, extra={"verify": str(certificates.authority)})
    token = world.send(trusting, endpoints.token(trusting))
    assert token.value
    doubting = tenant_at(tls_simulator.url)
    with pytest.raises(TenantUnavailableError, match="is not trusted") as failure:
        world.send(doubting, start_of(path), ONCE)
    assert (failure.value.sent, failure.value.final) == (False, True)
    assert asked(tls_simulator.control, "load_accounts") == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_never_comes_is_given_up(world, certificates, path, scheme):
    secure = scheme == "https"
    extra = {"upload_timeout": 0.3} | ({"verify": str(certificates.authority)} if secure else {})
    with (
        SlowServer(stops=True, certificates=certificates if secure else None) as server,
        pytest.raises(TenantUnavailableError, match="may have been started") as failure,
    ):
        world.send(tenant_at(server.url, extra=extra), start_of(path), ONCE)
    assert failure.value.sent
