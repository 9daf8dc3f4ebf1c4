"""What all unit tests share: a simulated tenant, and an environment that cannot change their outcome."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

# Airflow reads these when it is first imported. Each test process gets a home of its own, because Airflow
# writes its settings there.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow_of_unit_tests_")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from sailpoint_provider.client import tenant_state
from sailpoint_provider.simulator.pytest_fixture import sailpoint_simulator, sailpoint_simulator_server
from sailpoint_provider.simulator.server import SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from fsspec.implementations.memory import MemoryFileSystem

    from tests.unit.airflow_cases import ConnectedTenant

__all__ = ["sailpoint_simulator", "sailpoint_simulator_server"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SECRET = f"secret-{uuid4().hex}"
"""One for all tests: Airflow compiles its pattern of secrets to mask anew for each that it has not seen."""


def pytest_collection_finish() -> None:
    """Leave what is imported out of the garbage collections of the tests, which would take a second each."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Remove the Airflow home of this process."""
    shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies and certificate authorities that the machine may set."""
    for name in (*_PROXIES, *(name.lower() for name in _PROXIES), *_AUTHORITIES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def fresh_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget tokens and request budgets, so that no test inherits those of another."""
    monkeypatch.setattr(tenant_state, "_states", {})
    monkeypatch.setattr(tenant_state, "_budgets", {})


@pytest.fixture(scope="session")
def databases() -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """Keep the databases of :func:`one_database`, by their settings."""
    made: dict[str, duckdb.DuckDBPyConnection] = {}
    yield made
    for database in made.values():
        database.close()


@pytest.fixture
def one_database(databases: dict[str, duckdb.DuckDBPyConnection], monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each check of a file a connection of its own to one database, because making one takes 40 ms."""
    duckdb = pytest.importorskip("duckdb")
    connect = duckdb.connect

    def connection(path: str, *, config: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        shared = {name: value for name, value in config.items() if name != "temp_directory"}
        key = repr((path, shared))
        if key not in databases:
            databases[key] = connect(path, config=shared)
        return databases[key].cursor()

    monkeypatch.setattr(duckdb, "connect", connection)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Serve S3."""
    moto = pytest.importorskip("moto.server", reason="the S3 server of the tests is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3_clients(s3_url: str) -> tuple[Any, Any]:
    """Return two clients of the S3 server, one of which updates no cache of the other; making one is slow."""
    import s3fs

    options = {"key": "k", "secret": "s", "endpoint_url": s3_url}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        ours, other = (s3fs.S3FileSystem(**options, skip_instance_cache=True) for _ in range(2))
        for client in (ours, other):
            client.connect()
    return ours, other


# The fixtures for the Airflow classes import these themselves, because many tests need no Airflow.
@pytest.fixture(scope="session")
def tenant_server() -> Iterator[SimulatorServer]:
    """Serve one tenant for all tests of the Airflow classes."""
    from tests.unit.airflow_cases import SPEED

    with SimulatorServer(speed=SPEED) as server:
        yield server


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry a failed call once, almost immediately."""
    from sailpoint_provider.client import async_client, blocking
    from sailpoint_provider.isc.policy import RetryPolicy

    quick = partial(RetryPolicy, attempts=2, first_pause=0.01)
    for transport in (blocking, async_client):
        monkeypatch.setattr(transport, "RetryPolicy", quick)


@pytest.fixture
def quick_reconciliation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search soon and briefly for a start that got no response."""
    from sailpoint_provider.isc.start import reconcile

    monkeypatch.setattr(reconcile, "RECONCILE_SECONDS", 0.1)
    monkeypatch.setattr(reconcile, "RECONCILE_PAUSE", 0.02)


@pytest.fixture
def tenant(
    tenant_server: SimulatorServer,
    monkeypatch: pytest.MonkeyPatch,
    quick_retries: None,
    quick_reconciliation: None,
) -> ConnectedTenant:
    """Give a fresh tenant, its own client, and the default connection that names both."""
    from tests.unit.airflow_cases import ConnectedTenant

    tenant_server.control.reset()
    tenant_server.control.rate_limit(1_000_000)
    fresh = ConnectedTenant(tenant_server, monkeypatch, f"client-{uuid4().hex}", _SECRET)
    fresh.client(scopes=["sp:scopes:all"])
    fresh.connect()
    return fresh


@pytest.fixture
def memory_store() -> Iterator[MemoryFileSystem]:
    """Give an empty in-memory file system, and let ``memory://`` mean it."""
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

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
    from tests.unit.airflow_cases import LOGGING_CLASSES

    caplog.set_level(logging.DEBUG)
    for kind in LOGGING_CLASSES:
        monkeypatch.setattr(kind, "log", logging.getLogger(f"tests.{kind.__name__}"))
    return caplog
