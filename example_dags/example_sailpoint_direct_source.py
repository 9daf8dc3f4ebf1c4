"""Start an aggregation of a direct source, do other work, and wait for the aggregation later.

Identity Security Cloud reads a direct source itself, so there is no file. The operator succeeds as soon as
the aggregation has started. The sensor then waits for it in the triggerer, and returns the same result as an
operator that waits.

The DAG has no schedule: trigger it, or set ``schedule``.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor

SOURCE_NAME = os.environ.get("SAILPOINT_EXAMPLE_DIRECT_SOURCE", "Directory")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))

log = logging.getLogger(__name__)


@dag(
    schedule=None,
    max_active_runs=1,
    params={"source_name": Param(SOURCE_NAME, type="string", description="The direct source to aggregate")},
    doc_md=__doc__,
    tags=["sailpoint"],
)
def example_sailpoint_direct_source() -> None:
    """Start the aggregation, do other work, wait, and use the result."""
    start = SailPointAccountAggregationOperator(
        task_id="start",
        source_name="{{ params.source_name }}",
        wait_for_completion=False,
    )

    @task
    def other_work(aggregation_id: str) -> None:
        """Do whatever does not depend on the aggregation."""
        log.info("Aggregation %s is running in the tenant; no worker waits for it.", aggregation_id)

    wait = SailPointAccountAggregationSensor(
        task_id="wait",
        aggregation_id=start.output["aggregation_id"],
        deferrable=True,
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(hours=6).total_seconds(),
    )

    @task
    def use_result(aggregation: dict[str, Any]) -> None:
        """Log how the aggregation ended."""
        log.info(
            "%s of %s: %s after %s s, %s.",
            aggregation["aggregation_id"],
            aggregation["source_name"],
            aggregation["state"],
            aggregation["duration_seconds"],
            aggregation["accounts"],
        )

    other_work(start.output["aggregation_id"])
    use_result(wait.output)


example_sailpoint_direct_source()
