"""Spreads the tests over workers: those that share something heavy run on one worker, and begin first."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_ONE_AIRFLOW = ("crowd/test_triggerer.py", "test_bounds.py", "test_dag_test.py")
_ONE_FIXTURE = ("test_sdk.py", "test_imports.py", "test_parse_time.py", "test_object_storage.py")


class ByWeight(LoadScopeScheduling):
    """Gives each worker the cases of one test, or all tests that share what is heavy to start twice."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.endswith(_ONE_AIRFLOW + _ONE_FIXTURE):
            return file
        if "live/" in file:
            return "file drop"
        if "[s3" in nodeid:
            return "S3 server"
        return nodeid.partition("[")[0]


# xdist's own groups have no effect with this pytest: it no longer lets a plugin rename a test.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByWeight(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that have to take real time, while others keep the processors busy."""
    items.sort(key=lambda item: item.get_closest_marker("real_time") is None)
