from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import requests

from sailpoint_provider.simulator.pytest_fixture import (  # noqa: F401
    sailpoint_simulator,
    sailpoint_simulator_server,
)

if TYPE_CHECKING:
    from sailpoint_provider.simulator.server import SimulatorServer

PATHS = {
    "v1": ("sources/v1", "account-aggregations/v1", "task-status/v1", "accounts/v1"),
    **{
        api_version: tuple(
            f"{api_version}/{name}" for name in ("sources", "account-aggregations", "task-status", "accounts")
        )
        for api_version in ("v2026", "v2025", "v2024", "beta")
    },
}


@dataclass
class Api:
    """A plain client for one API version of the simulated tenant."""

    server: SimulatorServer
    api_version: str = "v1"
    client_id: str = "simulator-client"
    secret: str = "simulator-secret"
    session: requests.Session = field(default_factory=requests.Session)

    def login(self) -> Api:
        answer = self.token()
        assert answer.status_code == 200, answer.text
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def token(self, **changed):
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.secret,
        }
        return self.session.post(f"{self.server.url}/oauth/token", data=form | changed, timeout=10)

    def call(self, method, path, **options):
        return self.session.request(
            method, f"{self.server.url}/{path}", timeout=options.pop("timeout", 60), **options
        )

    def start(self, source_id, csv=None, **parts):
        files = {name: (None, value) for name, value in parts.items()}
        if csv is not None:
            files["file"] = ("accounts.csv", csv, "text/csv")
        if not files:
            files = {"disableOptimization": (None, "false")}
        return self.call("POST", f"{PATHS[self.api_version][0]}/{source_id}/load-accounts", files=files)

    def started(self, source_id, csv=None, **parts):
        answer = self.start(source_id, csv, **parts)
        assert answer.status_code == 202, answer.text
        assert answer.json()["task"]["completionStatus"] is None
        return answer.json()["task"]["id"]

    def status(self, task_id):
        return self.call("GET", f"{PATHS[self.api_version][1]}/{task_id}/status")

    def task(self, task_id):
        return self.call("GET", f"{PATHS[self.api_version][2]}/{task_id}")

    def patch(self, task_id, operations, media_type="application/json-patch+json"):
        content = operations if isinstance(operations, bytes) else json.dumps(operations).encode()
        return self.call(
            "PATCH",
            f"{PATHS[self.api_version][2]}/{task_id}",
            data=content,
            headers={"Content-Type": media_type},
        )

    def tasks(self, **query):
        return self.call("GET", PATHS[self.api_version][2], params=query)

    def sources(self, **query):
        return self.call("GET", PATHS[self.api_version][0], params=query)

    def accounts(self, **query):
        return self.call("GET", PATHS[self.api_version][3], params=query)

    def schemas(self, source_id, **query):
        return self.call("GET", f"{PATHS[self.api_version][0]}/{source_id}/schemas", params=query)

    def header_row(self, source_id):
        return self.call("GET", f"{PATHS[self.api_version][0]}/{source_id}/schemas/accounts")


@pytest.fixture
def api(sailpoint_simulator):  # noqa: F811
    return Api(sailpoint_simulator).login()


@pytest.fixture
def control(sailpoint_simulator):  # noqa: F811
    return sailpoint_simulator.control


@pytest.fixture
def people(control):
    """A small delimited-file source whose aggregation ends only when the test ends it."""
    return control.create_source("People", header=["id", "name"], collect_seconds=1e6, process_seconds=1e6)[
        "id"
    ]
