"""What all unit tests share: a simulated tenant, and an environment that cannot change their outcome."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

# Airflow reads these when it is first imported. Each test process gets a home of its own, because Airflow
# writes its settings there.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow_of_unit_tests_")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from sailpoint_provider.client import tenant_state
from sailpoint_provider.simulator.pytest_fixture import sailpoint_simulator, sailpoint_simulator_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

__all__ = ["sailpoint_simulator", "sailpoint_simulator_server"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


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
