"""Defaults with callbacks for every task of a DAG."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from sailpoint_provider.exceptions import AggregationFailedError
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor

if TYPE_CHECKING:
    from airflow.sdk import Context


def explain(context: Context) -> None:
    error = context.get("exception")
    if isinstance(error, AggregationFailedError) and error.result is not None:
        print(error.result["state"], error.tracking_id)


DEFAULTS: dict[str, Any] = {
    "sailpoint_conn_id": "sailpoint_default",
    "on_failure_callback": explain,
    "retries": 2,
    "poll_interval": timedelta(minutes=1),
}

with DAG("default_args", schedule=None, default_args=DEFAULTS):
    start = SailPointAccountAggregationOperator(
        task_id="start", source_id="2c918085000000000000000000000a01", wait_for_completion=False
    )
    end = SailPointAccountAggregationSensor(
        task_id="end", aggregation_id="{{ ti.xcom_pull('start', key='aggregation_id') }}", soft_fail=True
    )
    start >> end
