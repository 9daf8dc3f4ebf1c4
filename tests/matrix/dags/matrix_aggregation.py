"""One deferrable aggregation, run in this process by ``dag.test()``, its outcome printed as the last line."""

from __future__ import annotations

import json
import os
from datetime import datetime

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
            }
        )
    )
