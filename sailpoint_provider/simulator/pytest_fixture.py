"""Pytest fixtures: ``pytest_plugins = ["sailpoint_provider.simulator.pytest_fixture"]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sailpoint_provider.simulator.server import SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURE_SPEED = 20.0


@pytest.fixture(scope="session")
def sailpoint_simulator_server() -> Iterator[SimulatorServer]:
    """Serve one tenant for the whole session; override it in a conftest for another speed or for TLS."""
    with SimulatorServer(speed=FIXTURE_SPEED) as server:
        yield server


@pytest.fixture
def sailpoint_simulator(sailpoint_simulator_server: SimulatorServer) -> SimulatorServer:
    """Provide a fresh tenant: sources, runs, faults, shapes and clients are reset."""
    sailpoint_simulator_server.control.reset()
    return sailpoint_simulator_server
