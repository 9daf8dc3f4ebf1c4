"""What both commands of chaos need before they begin and when they report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.live.processes import NOT_INHERITED
from tests.live.simulator_process import PROJECT

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path


def prepare_environment(folder: Path) -> None:
    """Remove the caller's Airflow and proxy settings from the environment, which the processes inherit."""
    for name in [name for name in os.environ if name.upper().startswith(NOT_INHERITED)]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONPATH": str(PROJECT),
        "no_proxy": "*",
    }


def print_table(title: str, counter: Counter[str]) -> None:
    """Print a counter, the most frequent first."""
    print_list(title, dict(sorted(counter.items(), key=lambda item: (-item[1], item[0]))))


def print_list(title: str, numbers: dict[str, int]) -> None:
    """Print numbers with their names, in the given order."""
    print(f"\n{title}")
    for name, number in numbers.items():
        print(f"  {number:6}  {name}")
