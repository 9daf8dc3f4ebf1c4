from __future__ import annotations

import gc
import warnings
from functools import partial
from types import SimpleNamespace

import pytest

from sailpoint_provider.client import async_client, call_flow, tenant_state
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.simulator.server import SimulatorServer
from tests.unit.client.certificates import make_certificates
from tests.unit.client.client_cases import Blocking, EventLoop, tenant_at

OURS = ("socket", "transport", "client session", "connector", ".csv")


@pytest.fixture(params=[Blocking, EventLoop], ids=lambda world: world.name)
def world(request):
    """Run each test with the blocking client and with the async client."""
    return request.param


@pytest.fixture
def control(sailpoint_simulator):
    return sailpoint_simulator.control


@pytest.fixture
def tenant(sailpoint_simulator):
    return tenant_at(sailpoint_simulator.url)


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    """Remove the random part of pauses."""
    for module in (call_flow, tenant_state):
        monkeypatch.setattr(module, "random", SimpleNamespace(random=lambda: 0.0))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def tls_server(certificates):
    """Serve a tenant over TLS, with a certificate from a private CA."""
    with SimulatorServer(speed=20.0, tls=(str(certificates.chain), str(certificates.key))) as server:
        yield server


@pytest.fixture
def tls_simulator(tls_server):
    tls_server.control.reset()
    return tls_server


@pytest.fixture
def no_leaks():
    """Fail if a socket, a session or a file was left for the garbage collector to close."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    told = [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)]
    assert [text for text in told if any(word in text for word in OURS)] == []


@pytest.fixture
def quick_retries(monkeypatch):
    """Retry a failed call once, almost immediately."""
    monkeypatch.setattr(async_client, "RetryPolicy", partial(RetryPolicy, attempts=2, first_pause=0.01))
