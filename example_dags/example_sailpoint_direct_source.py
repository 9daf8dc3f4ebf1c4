"""Start an aggregation of a direct source without waiting, do something else, and wait for it later.

A direct source is read by Identity Security Cloud itself, so there is no file. The operator ends as soon as
the aggregation has been started; the sensor waits for it, deferred, and hands on the same result that a
waiting operator would have.

It runs when it is triggered; give it a ``schedule`` of your own.
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
    """Start, do other work, wait, use the result."""
    start = SailPointAccountAggregationOperator(
        task_id="start",
        source_name="{{ params.source_name }}",
        wait_for_completion=False,
    )

    @task
    def other_work(aggregation_id: str) -> None:
        """Stand for whatever need not wait for the aggregation."""
        log.info("Aggregation %s runs in the tenant; no worker waits for it.", aggregation_id)

    wait = SailPointAccountAggregationSensor(
        task_id="wait",
        aggregation_id=start.output["aggregation_id"],
        deferrable=True,
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(hours=6).total_seconds(),
    )

    @task
    def use_result(aggregation: dict[str, Any]) -> None:
        """Say how the aggregation ended."""
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
