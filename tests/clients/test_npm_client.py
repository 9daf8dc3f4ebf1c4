"""SailPoint's npm client follows an aggregation from login to end."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.clients.conftest import HERE, NODE

if TYPE_CHECKING:
    from sailpoint_provider.simulator.server import SimulatorServer
    from tests.clients.conftest import CheckStory, Follow

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed"),
    pytest.mark.skipif(
        not (NODE / ".installed").exists(),
        reason="SailPoint's npm client is not in .node: 'make test-clients' could not install it",
    ),
]


@pytest.mark.parametrize("api_version", ["v2024", "beta"])
def test_the_npm_client_follows_an_aggregation(
    follow: Follow, check_story: CheckStory, sailpoint_simulator: SimulatorServer, api_version: str
) -> None:
    check_story(follow(["node", HERE / "npm_client.cjs"], api_version), api_version)
    token = sailpoint_simulator.control.requests()[0]
    assert (token["call"], token["user_agent"].partition("/")[0]) == ("token", "axios")
