"""Aggregate several sources: in order if the order matters, otherwise side by side.

The first DAG aggregates each source only after the previous aggregation has really ended. The second maps one
task over a list of sources, and limits with a pool how many of them run at once. Create that pool with
``--include-deferred``; otherwise a deferred task frees its slot, and all of them run at once::

    airflow pools set --include-deferred sailpoint 2 "Concurrent aggregations"

Then name it in the environment: ``SAILPOINT_EXAMPLE_POOL=sailpoint``.

The DAGs have no schedule: trigger them, or set ``schedule``.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from airflow.sdk import DAG, chain, task

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

SOURCE_NAMES = os.environ.get("SAILPOINT_EXAMPLE_SOURCES", "Directory,Mainframe via Virtual Appliance").split(
    ","
)
POOL = os.environ.get("SAILPOINT_EXAMPLE_POOL", "default_pool")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))

log = logging.getLogger(__name__)


@task
def use_results(aggregations: list[dict[str, Any]]) -> None:
    """Log how the aggregation of each source ended."""
    for aggregation in aggregations:
        log.info("%s: %s, %s", aggregation["source_name"], aggregation["state"], aggregation["accounts"])


with DAG(
    dag_id="example_sailpoint_sources_in_order",
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["sailpoint"],
):
    in_order = [
        SailPointAccountAggregationOperator(
            task_id=f"aggregate_{number}",
            source_name=source_name,
            deferrable=True,
            poll_interval=POLL_INTERVAL,
        )
        for number, source_name in enumerate(SOURCE_NAMES, start=1)
    ]
    chain(*in_order)
    use_results([aggregate.output for aggregate in in_order])


with DAG(
    dag_id="example_sailpoint_sources_in_pool",
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["sailpoint"],
):
    together = SailPointAccountAggregationOperator.partial(
        task_id="aggregate",
        deferrable=True,
        poll_interval=POLL_INTERVAL,
        pool=POOL,
    ).expand(source_name=SOURCE_NAMES)
    use_results(together.output)
