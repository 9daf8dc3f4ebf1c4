"""One deferrable aggregation, run in this process by ``dag.test()``, its outcome printed as the last line."""

from __future__ import annotations

import json
import os
from datetime import datetime
from importlib import import_module
from typing import Any

from airflow.sdk import DAG

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

with DAG(dag_id="matrix_aggregation", schedule=None, start_date=datetime(2025, 1, 1)) as dag:
    SailPointAccountAggregationOperator(
        task_id="aggregate",
        source_name="HR Delimited File",
        file=os.environ.get("MATRIX_FILE", "accounts.csv"),
        deferrable=True,
        poll_interval=1.0,
    )


def links_of(task_instance: Any) -> dict[str, str]:
    """Return the links of a task as the API server reads them: from the stored DAG and the XComs."""
    serialized = import_module("airflow.serialization.serialized_objects")
    serialization = getattr(serialized, "DagSerialization", None) or serialized.SerializedDAG
    served = serialization.from_dict(serialization.to_dict(dag)).get_task(task_instance.task_id)
    return {name: served.get_extra_links(task_instance, name) for name in served.extra_links}


if __name__ == "__main__":
    run = dag.test()
    (aggregate,) = run.get_task_instances()
    print(
        "\n"
        + json.dumps(
            {
                "state": run.state,
                "aggregation": aggregate.xcom_pull(task_ids="aggregate"),
                "aggregation_id": aggregate.xcom_pull(task_ids="aggregate", key="aggregation_id"),
                "links": links_of(aggregate),
            }
        )
    )
