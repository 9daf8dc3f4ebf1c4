"""SailPoint's Python SDK 1.4, made for the yearly API versions, follows an aggregation from login to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.conftest import HERE, SDK1

if TYPE_CHECKING:
    from tests.clients.conftest import CheckStory, Follow

pytestmark = pytest.mark.skipif(
    not (SDK1 / ".installed").exists(),
    reason="SailPoint's Python SDK 1.4 is not in .sdk1: 'make test-clients' could not install it",
)


@pytest.mark.parametrize("api_version", ["v2025", "v2024", "beta"])
def test_the_sdk_follows_an_aggregation(follow: Follow, check_story: CheckStory, api_version: str) -> None:
    check_story(follow([SDK1 / "bin" / "python", HERE / "sdk1_client.py"], api_version), api_version)
