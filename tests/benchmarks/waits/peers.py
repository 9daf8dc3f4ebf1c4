"""The three triggers that are compared: how each is created and connected, and how it reports success."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tests.benchmarks.waits.jobs import ACCOUNT, airbyte_job, dbt_run, isc_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POLL_INTERVAL = 5.0
"""For all three; by default, their operators poll every 60 s (dbt Cloud, Airbyte) and every 30 s (ours)."""

CONN_ID = "benchmark"
_DAY = 86400.0


@dataclass(frozen=True)
class Peer:
    """
    One of the triggers.

    :param title: what it is called in the results.
    :param short: the same where there is little room.
    :param package: the package that it comes from.
    :param classpath: module and class, as a triggerer loads it.
    :param arguments: the arguments for one job, as the package's own operator gives them.
    :param connection: the Airflow connection to a server on that port of 127.0.0.1.
    :param is_success: whether an event's payload says that the job ended well.
    """

    title: str
    short: str
    package: str
    classpath: str
    arguments: Callable[[int], Mapping[str, Any]]
    connection: Callable[[int], Mapping[str, Any]]
    is_success: Callable[[Any], bool]

    def environment(self, port: int) -> dict[str, str]:
        """Return the environment variable that holds the connection."""
        return {f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(self.connection(port))}

    def trigger_class(self) -> Any:
        """Load the trigger, without what it would load later."""
        module, _, name = self.classpath.rpartition(".")
        return getattr(import_module(module), name)


def _says_success(payload: Any) -> bool:
    return bool(payload["status"] == "success")


def _says_succeeded(payload: Any) -> bool:
    from sailpoint_provider.isc.wait.events import read_event

    return bool(read_event(payload).state == "succeeded")


PEERS = {
    "ours": Peer(
        title="SailPoint (this package)",
        short="this package",
        package="airflow-provider-sailpoint",
        classpath="sailpoint_provider.triggers.aggregation.SailPointAccountAggregationTrigger",
        arguments=lambda number: {
            "aggregation_id": isc_task(number),
            "sailpoint_conn_id": CONN_ID,
            "poll_interval": POLL_INTERVAL,
            "deadlines": {"deadline": time.time() + _DAY, "begun": time.time()},
        },
        connection=lambda port: {
            "conn_type": "sailpoint",
            "host": f"https://127.0.0.1:{port}",
            "login": "benchmark-client",
            "password": "benchmark-secret",
        },
        is_success=_says_succeeded,
    ),
    "dbt": Peer(
        title="dbt Cloud",
        short="dbt Cloud",
        package="apache-airflow-providers-dbt-cloud",
        classpath="airflow.providers.dbt.cloud.triggers.dbt.DbtCloudRunJobTrigger",
        arguments=lambda number: {
            "conn_id": CONN_ID,
            "run_id": dbt_run(number),
            "end_time": time.time() + 7 * _DAY,
            "poll_interval": POLL_INTERVAL,
            "account_id": ACCOUNT,
            "hook_params": {},
        },
        connection=lambda port: {
            "conn_type": "dbt_cloud",
            "host": f"127.0.0.1:{port}",
            "login": str(ACCOUNT),
            "password": "benchmark-token",
        },
        is_success=_says_success,
    ),
    "airbyte": Peer(
        title="Airbyte",
        short="Airbyte",
        package="apache-airflow-providers-airbyte",
        classpath="airflow.providers.airbyte.triggers.airbyte.AirbyteSyncTrigger",
        arguments=lambda number: {
            "job_id": airbyte_job(number),
            "conn_id": CONN_ID,
            "end_time": time.time() + 7 * _DAY,
            "poll_interval": POLL_INTERVAL,
        },
        connection=lambda port: {
            "conn_type": "airbyte",
            "host": f"https://127.0.0.1:{port}/v1",
            "login": "benchmark-client",
            "password": "benchmark-secret",
            "schema": "v1/applications/token",
        },
        is_success=_says_success,
    ),
}
