"""The DAGs of the crash cases; each loads the source that has the DAG's own id for a name."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

import sailpoint_provider
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

# A worker may have this file in a folder of its own.
PROJECT = Path(os.environ["PYTHONPATH"])
POLL_INTERVAL = 6.0
WAITS = 50
USUAL: dict[str, Any] = {
    "task_id": "aggregate",
    "deferrable": True,
    "poll_interval": POLL_INTERVAL,
    "retries": 3,
    "retry_delay": timedelta(seconds=1),
    # The many waits must not stand in anybody's way.
    "priority_weight": 100,
}
CASES: dict[str, dict[str, Any]] = {
    "killed_after_start": {"sailpoint_conn_id": "sailpoint_v2025"},
    "killed_before_answer": {"sailpoint_conn_id": "sailpoint_v2026"},
    "killed_in_upload": {"sailpoint_conn_id": "sailpoint_gate", "file": "{{ dag_run.conf['file'] }}"},
    "scheduler_stopped": {},
    "tenant_cut_off": {},
    "marked_failed": {},
    "marked_success": {},
    "cleared_while_deferred": {},
    "cleared_after_success": {},
    "two_at_once": {},
    "two_at_once_second": {"source_name": "two_at_once"},
    "out_of_time": {"execution_timeout": timedelta(seconds=25), "retries": 0},
}

if Path(sailpoint_provider.__file__).resolve().parents[1] != PROJECT:
    raise ImportError(f"The provider of {PROJECT} is to be tested, not {sailpoint_provider.__file__}.")

for dag_id, settings in CASES.items():
    with DAG(dag_id, schedule=None, is_paused_upon_creation=False):
        SailPointAccountAggregationOperator(**{"source_name": dag_id, **USUAL, **settings})

with DAG("many_waits", schedule=None, is_paused_upon_creation=False, max_active_tasks=WAITS):
    SailPointAccountAggregationOperator.partial(
        **USUAL | {"priority_weight": 1, "poll_interval": 15.0}
    ).expand(source_name=[f"many_waits_{number}" for number in range(WAITS)])
