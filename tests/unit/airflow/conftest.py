"""Fixtures of the tests of the Airflow classes: a tenant behind a connection, and short pauses."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sailpoint_provider.client import async_client, blocking
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.identity_refresh import SailPointIdentityRefreshOperator
from sailpoint_provider.operators.source_check import SailPointSourceCheckOperator
from sailpoint_provider.operators.uncorrelated import SailPointUncorrelatedAccountsOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.simulator.server import SimulatorServer
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from tests.unit.airflow.airflow_cases import SPEED, ConnectedTenant

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET = f"secret-{uuid4().hex}"
"""One for all tests: Airflow compiles its pattern of secrets to mask anew for each that it has not seen."""


@pytest.fixture(scope="session")
def tenant_server() -> Iterator[SimulatorServer]:
    """Serve one tenant for all tests."""
    with SimulatorServer(speed=SPEED) as server:
        yield server


@pytest.fixture
def tenant(tenant_server: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> ConnectedTenant:
    """Give a fresh tenant, its own client, and the default connection that names both."""
    tenant_server.control.reset()
    tenant_server.control.rate_limit(1_000_000)
    fresh = ConnectedTenant(tenant_server, monkeypatch, f"client-{uuid4().hex}", _SECRET)
    fresh.client(scopes=["sp:scopes:all"])
    fresh.connect()
    return fresh


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry a failed call once, almost immediately."""
    quick = partial(RetryPolicy, attempts=2, first_pause=0.01)
    for transport in (blocking, async_client):
        monkeypatch.setattr(transport, "RetryPolicy", quick)


@pytest.fixture(autouse=True)
def quick_reconciliation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search soon and briefly for a start that got no response."""
    monkeypatch.setattr(reconcile, "RECONCILE_SECONDS", 0.1)
    monkeypatch.setattr(reconcile, "RECONCILE_PAUSE", 0.02)


@pytest.fixture
def memory_store() -> Iterator[MemoryFileSystem]:
    """Give an empty in-memory file system, and let ``memory://`` mean it."""
    from airflow.sdk.io import attach

    store = MemoryFileSystem()
    attach("memory", fs=store)
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """
    Record what is logged, from DEBUG on.

    From Airflow 3.1 on ``self.log`` goes past the standard library, so a plain logger takes its place.
    """
    caplog.set_level(logging.DEBUG)
    for kind in (
        SailPointHook,
        SailPointAccountAggregationOperator,
        SailPointEntitlementAggregationOperator,
        SailPointIdentityRefreshOperator,
        SailPointSourceCheckOperator,
        SailPointUncorrelatedAccountsOperator,
        SailPointAccountAggregationSensor,
        SailPointAccountAggregationTrigger,
    ):
        monkeypatch.setattr(kind, "log", logging.getLogger(f"tests.{kind.__name__}"))
    return caplog
