"""The DAGs of the crash cases that only an Airflow with Celery has."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

USUAL: dict[str, Any] = {"deferrable": True, "poll_interval": 6.0, "retries": 3}
CASES: dict[str, dict[str, Any]] = {
    "celery_worker_lost": {"sailpoint_conn_id": "sailpoint_v2025", "retry_delay": timedelta(seconds=1)},
    # A try that nobody could send to a worker counts, so the next one waits until the broker may be back.
    "broker_restarted": {"retry_delay": timedelta(seconds=20)},
    "broker_restarted_queued": {"retry_delay": timedelta(seconds=1), "queue": "late"},
    "scheduler_lost": {"sailpoint_conn_id": "sailpoint_v2026", "retry_delay": timedelta(seconds=1)},
}

for dag_id, settings in CASES.items():
    with DAG(dag_id, schedule=None, is_paused_upon_creation=False):
        SailPointAccountAggregationOperator(
            task_id="aggregate", **{"source_name": dag_id, **USUAL, **settings}
        )

folder = SailPointDropFolder(
    os.environ["CRASH_DROP_FOLDER"], source_name="dropped_file", complete="renamed", scan_interval=2
)

with DAG("dropped_file", schedule=[folder.asset()], is_paused_upon_creation=False, max_active_runs=1):
    SailPointAccountAggregationOperator.partial(
        task_id="load", retry_delay=timedelta(seconds=1), **USUAL
    ).expand(drop=folder.take())
