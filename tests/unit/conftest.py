"""What all unit tests share: the simulated tenant, and an environment that cannot change their outcome."""

from __future__ import annotations

import pytest

from sailpoint_provider.client import tenant_state
from sailpoint_provider.simulator.pytest_fixture import sailpoint_simulator, sailpoint_simulator_server

__all__ = ["sailpoint_simulator", "sailpoint_simulator_server"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away proxies and certificate authorities that the machine may name."""
    for name in (*_PROXIES, *(name.lower() for name in _PROXIES), *_AUTHORITIES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def fresh_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget tokens and request budgets, so that no test inherits another one's."""
    monkeypatch.setattr(tenant_state, "_states", {})
