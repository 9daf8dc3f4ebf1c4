"""The built-in tenant as a process of its own."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.live.processes import clean_environment, free_port

if TYPE_CHECKING:
    from tests.live.processes import Processes

PROJECT = Path(__file__).resolve().parents[2]
CLIENT_ID = "simulator-client"
CLIENT_SECRET = "simulator-secret"
START_SECONDS = 30.0
TIMEOUT = 10.0


class SimulatedTenant:
    """A running simulator.

    :param url: its base URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return self._session.get(f"{self.url}/_simulator/health", timeout=TIMEOUT).ok
        except requests.RequestException:
            return False

    def runs(self) -> list[dict[str, Any]]:
        """Return every aggregation that the tenant was asked for, with the tenant's own truth."""
        answer = self._session.get(f"{self.url}/_simulator/runs", timeout=TIMEOUT)
        answer.raise_for_status()
        return list(answer.json())

    def accounts_held(self, source_name: str) -> int:
        """Return how many accounts a source holds."""
        return int(self._source(source_name)["accounts"])

    def source_id(self, source_name: str) -> str:
        """Return the ID of a source."""
        return str(self._source(source_name)["id"])

    def create_source(self, name: str, header: list[str]) -> None:
        """Create an empty source of delimited files."""
        body = {"name": name, "header": header}
        self._session.post(f"{self.url}/_simulator/sources", json=body, timeout=TIMEOUT).raise_for_status()

    def file_header(self, source_name: str) -> list[str]:
        """Return the columns that the file of a delimited source must have."""
        authorization = self._authorization()
        sources = self._session.get(
            f"{self.url}/sources/v1",
            params={"filters": f'name eq "{source_name}"'},
            headers=authorization,
            timeout=TIMEOUT,
        )
        sources.raise_for_status()
        (source,) = sources.json()
        schema = self._session.get(
            f"{self.url}/sources/v1/{source['id']}/schemas/accounts", headers=authorization, timeout=TIMEOUT
        )
        schema.raise_for_status()
        return next(csv.reader(schema.text.splitlines()))

    def start_aggregation(self, source_id: str) -> None:
        """Start an aggregation of a source that takes no file."""
        answer = self._session.post(
            f"{self.url}/sources/v1/{source_id}/load-accounts",
            files={"disableOptimization": (None, "false")},
            headers=self._authorization(),
            timeout=TIMEOUT,
        )
        answer.raise_for_status()

    def connection(self) -> dict[str, object]:
        """Return the Airflow connection to this tenant, in Airflow's JSON form."""
        return {
            "conn_type": "sailpoint",
            "host": self.url,
            "login": CLIENT_ID,
            "password": CLIENT_SECRET,
        }

    def _source(self, name: str) -> dict[str, Any]:
        answer = self._session.get(f"{self.url}/_simulator/sources", timeout=TIMEOUT)
        answer.raise_for_status()
        return next(source for source in answer.json() if source["name"] == name)

    def _authorization(self) -> dict[str, str]:
        token = self._session.post(
            f"{self.url}/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            },
            timeout=TIMEOUT,
        )
        token.raise_for_status()
        return {"Authorization": f"Bearer {token.json()['access_token']}"}


def start_simulator(
    processes: Processes, *, speed: float = 1.0, preferred_port: int | None = None
) -> SimulatedTenant:
    """Start a simulator and wait until it answers.

    :param speed: factor by which its aggregations run faster than real ones.
    """
    port = free_port(preferred_port)
    processes.start(
        "simulator",
        [
            *(sys.executable, "-m", "sailpoint_provider.simulator"),
            *("--host", "127.0.0.1", "--port", str(port), "--speed", str(speed)),
        ],
        clean_environment(),
        PROJECT,
        serves_others=True,
    )
    tenant = SimulatedTenant(f"http://127.0.0.1:{port}")
    processes.wait_until(tenant.is_up, "the simulator to answer", timeout=START_SECONDS, pause=0.1)
    return tenant
