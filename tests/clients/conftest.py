"""A tenant for each test, and the environments that ``make test-clients`` sets up beside ``.venv``."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sailpoint_provider.simulator.pytest_fixture import sailpoint_simulator, sailpoint_simulator_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.simulator.server import SimulatorServer

    Follow = Callable[[list[str | Path], str], "Reading"]
    CheckStory = Callable[["Reading", str], None]

__all__ = ["sailpoint_simulator", "sailpoint_simulator_server"]

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
NODE, SDK1 = PROJECT / ".node", PROJECT / ".sdk1"
SECONDS = 120
CONTRACTORS = "2c918085000000000000000000000a02"
CSV = (
    "id,name,e-mail,company,endDate\n0001,Ada,ada@example.com,Acme,\n0002,Bo,bo@example.com,Acme,2027-01-31\n"
)


def environment_of(server: SimulatorServer) -> dict[str, str]:
    """Return environment variables that point SailPoint's clients at the tenant, past any proxy."""
    named = {"SAIL_BASE_URL": server.url, "SAIL_CLIENT_ID": server.client_id}
    return named | {
        "SAIL_CLIENT_SECRET": server.client_secret,
        "PATH": os.environ.get("PATH", os.defpath),
        "NODE_PATH": str(NODE / "node_modules"),
        "NO_PROXY": "*",
    }


@dataclass(frozen=True)
class Reading:
    """Everything that a client read about one aggregation."""

    found: list[dict[str, Any]]
    started: dict[str, Any]
    statuses: list[dict[str, Any]]
    record: dict[str, Any]
    listed: list[dict[str, Any]]


@pytest.fixture
def follow(sailpoint_simulator: SimulatorServer, tmp_path: Path) -> Follow:
    """Provide a function that runs a client's script for one API version and returns what it read."""

    def run(command: list[str | Path], api_version: str) -> Reading:
        ended = subprocess.run(
            [*command, api_version, CSV],
            cwd=tmp_path,
            env=environment_of(sailpoint_simulator),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return Reading(**json.loads(ended.stdout.splitlines()[-1]))

    return run


@pytest.fixture
def check_story(sailpoint_simulator: SimulatorServer) -> CheckStory:
    """Provide a function that compares what a client read with the tenant's own record."""

    def check(read: Reading, api_version: str) -> None:
        control = sailpoint_simulator.control
        (truth,) = control.runs()
        assert [source["id"] for source in read.found] == [CONTRACTORS]
        assert read.started["success"] is True
        assert read.started["task"]["id"] == truth["id"]
        assert read.statuses[0]["status"] in ("STARTED", "ACCOUNTS_COLLECTED")
        assert read.statuses[-1]["status"] == "COMPLETED"
        assert (read.statuses[-1]["totalAccounts"], read.statuses[-1]["processedAccounts"]) == (2, 2)
        assert (read.record["completionStatus"], read.record["attributes"]["created"]) == ("SUCCESS", 2)
        assert [task["id"] for task in read.listed] == [truth["id"]]
        assert truth["file"]["size"] == len(CSV)
        requests = control.requests()
        assert {request["api_version"] for request in requests} == {None, api_version}
        assert {request["status"] for request in requests} <= {200, 202}

    return check
