"""
What one process measures for :mod:`tests.benchmarks.parsing.section`, written to standard output as JSON.

``import NAME`` measures what importing a package's modules adds to a loaded Airflow, ``make`` how long its
operators take to construct.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES = {
    "sailpoint": [
        f"sailpoint_provider.{part}"
        for part in (
            "operators.aggregation",
            "sensors.aggregation",
            "triggers.aggregation",
            "hooks.sailpoint",
        )
    ],
    "dbt-cloud": [
        f"airflow.providers.dbt.cloud.{part}.dbt" for part in ("operators", "sensors", "triggers", "hooks")
    ],
    "airbyte": [
        f"airflow.providers.airbyte.{part}.airbyte" for part in ("operators", "sensors", "triggers", "hooks")
    ],
}
OPERATORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "BashOperator": ("airflow.providers.standard.operators.bash", "BashOperator", {"bash_command": "true"}),
    "ours": (
        "sailpoint_provider.operators.aggregation",
        "SailPointAccountAggregationOperator",
        {"source_name": "HR", "file": "/data/hr.csv"},
    ),
    "DbtCloudRunJobOperator": (
        "airflow.providers.dbt.cloud.operators.dbt",
        "DbtCloudRunJobOperator",
        {"job_id": 1},
    ),
    "AirbyteTriggerSyncOperator": (
        "airflow.providers.airbyte.operators.airbyte",
        "AirbyteTriggerSyncOperator",
        {"connection_id": "1"},
    ),
}
INSTANCES = 500
ROUNDS = 15
_WARM_UP = 2
_SLICES = 10
_BASE_NAMES = (
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseHook",
    "BaseOperator",
    "BaseSensorOperator",
    "PokeReturnValue",
    "conf",
)


def import_added(package: str) -> dict[str, float] | None:
    """Return milliseconds and modules that a package adds, None where it is not installed."""
    for module in ("airflow.sdk", "airflow.triggers.base"):
        import_module(module)
    names = import_module("airflow.providers.common.compat.sdk")
    for name in _BASE_NAMES:
        getattr(names, name)
    before = set(sys.modules)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        for module in MODULES[package]:
            import_module(module)
    except ModuleNotFoundError:
        return None
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    added = set(sys.modules) - before
    tops = {module: module.partition(".")[0] for module in added}
    third_party = [
        module
        for module, top in tops.items()
        if top not in sys.stdlib_module_names and top not in ("airflow", "sailpoint_provider")
    ]
    return {
        "wall_ms": wall * 1e3,
        "cpu_ms": cpu * 1e3,
        "modules": len(added),
        "third_party": len(third_party),
    }


def construction() -> dict[str, list[float]]:
    """
    Return milliseconds of CPU for so many operators of each kind in DAGs, round by round.

    Each round is cut into slices in which the kinds take turns, so that trouble on the machine meets all.
    """
    kinds = {}
    for kind, (module, name, arguments) in OPERATORS.items():
        try:
            kinds[kind] = (getattr(import_module(module), name), arguments)
        except ModuleNotFoundError:
            continue
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    # What Airflow holds anyway would be searched for garbage again and again, for whoever comes by.
    gc.collect()
    gc.freeze()
    for turn in range(_WARM_UP + ROUNDS):
        sums = dict.fromkeys(kinds, 0.0)
        for at in range(_SLICES):
            for kind in kinds if at % 2 else reversed(kinds):
                sums[kind] += _construct(*kinds[kind])
        if turn >= _WARM_UP:
            for kind, milliseconds in sums.items():
                taken[kind].append(milliseconds)
    return taken


def _construct(operator: Callable[..., Any], arguments: dict[str, Any]) -> float:
    from airflow.sdk import DAG

    gc.collect()
    with DAG("parse", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None):
        began = time.process_time()
        for number in range(INSTANCES // _SLICES):
            operator(task_id=f"task_{number}", **arguments)
        return (time.process_time() - began) * 1e3


if __name__ == "__main__":
    result = import_added(sys.argv[2]) if sys.argv[1] == "import" else construction()
    print(json.dumps(result))
