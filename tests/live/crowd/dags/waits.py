"""The DAG of the crowd: a deferred wait for each aggregation in the conf of its run."""

from __future__ import annotations

from airflow.sdk import DAG

from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor

WAITS = 24
POLL_INTERVAL = 3.0

with DAG("crowd", schedule=None, is_paused_upon_creation=False, max_active_tasks=WAITS):
    SailPointAccountAggregationSensor.partial(
        task_id="wait", deferrable=True, poll_interval=POLL_INTERVAL
    ).expand(
        aggregation_id=[f"{{{{ dag_run.conf['aggregation_ids'][{number}] }}}}" for number in range(WAITS)]
    )
