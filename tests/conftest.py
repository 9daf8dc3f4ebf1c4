"""Spreads the tests over workers: those that share an Airflow run on one worker, and begin first."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class ByAirflow(LoadScopeScheduling):
    """Gives each worker one test at a time, or all that share a process too heavy to start twice."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.endswith(("test_live_crowd.py", "test_bounds.py", "test_dag_test.py")):
            return file
        return "file drop" if "live/" in file else nodeid


# xdist's own groups have no effect with this pytest: it no longer lets a plugin rename a test.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByAirflow(config, log)
