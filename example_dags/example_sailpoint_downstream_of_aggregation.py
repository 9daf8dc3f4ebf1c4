"""Run a DAG after a load: one that another DAG made, or one that started elsewhere.

``example_sailpoint_load_with_outlet`` loads a source and names the asset of the source as its outlet.
``example_sailpoint_after_load`` is scheduled on that asset. ``example_sailpoint_after_any_aggregation`` runs
after every account aggregation of the tenant that ends well, also those that ISC's own schedule or an
administrator started. Both learn from the event what was loaded, without an XCom.

A restart of the triggerer can repeat an event, so what follows must be repeatable. Set
``SAILPOINT_EXAMPLE_TENANT`` to the host of your tenant's API, as in the connection.
"""

from __future__ import annotations

import logging
import os

from airflow.sdk import DAG, get_current_context, task

from sailpoint_provider.assets.aggregations import ended_aggregations_asset, triggering_loads
from sailpoint_provider.assets.sources import source_asset
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

TENANT = os.environ.get("SAILPOINT_EXAMPLE_TENANT", "http://127.0.0.1:8787")
SOURCE_ID = os.environ.get("SAILPOINT_EXAMPLE_OUTLET_SOURCE_ID", "2c918085000000000000000000000a04")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))

log = logging.getLogger(__name__)

source = source_asset(TENANT, SOURCE_ID)
any_aggregation = ended_aggregations_asset(
    states=["succeeded", "succeeded_with_warnings"], poll_interval=POLL_INTERVAL
)


@task
def report() -> list[str]:
    """Log what was loaded, and return the IDs of the aggregations."""
    loads = triggering_loads(get_current_context())
    for load in loads:
        log.info("%s: %s of %s, %s", load["state"], load["kind"], load["source_name"], load["accounts"])
    return [str(load["aggregation_id"]) for load in loads]


with DAG(
    dag_id="example_sailpoint_load_with_outlet",
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["sailpoint"],
):
    SailPointAccountAggregationOperator(
        task_id="load",
        source_id=SOURCE_ID,
        deferrable=True,
        poll_interval=POLL_INTERVAL,
        outlets=[source],
    )

with DAG(dag_id="example_sailpoint_after_load", schedule=[source], doc_md=__doc__, tags=["sailpoint"]):
    report()

with DAG(
    dag_id="example_sailpoint_after_any_aggregation",
    schedule=[any_aggregation],
    doc_md=__doc__,
    tags=["sailpoint"],
):
    report()
