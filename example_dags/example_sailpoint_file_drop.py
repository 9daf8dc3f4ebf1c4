"""Wait for a file in a folder, load its accounts, and use the result.

Each run waits for one CSV and loads it; then the next run begins to wait. No wait holds a worker: the sensor
and the operator are both deferred to the triggerer.

The DAG needs two Airflow connections: ``sailpoint_default`` for the tenant, and ``fs_default`` of type File
(path) for the watched folder. Write each file under a temporary name, such as ``.accounts.csv.part``, and
rename it to ``….csv`` when it is complete. An incomplete file would remove every account whose row is still
missing.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.hooks.filesystem import FSHook
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import Param, dag, get_current_context, task

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

SOURCE_NAME = os.environ.get("SAILPOINT_EXAMPLE_FILE_SOURCE", "HR Delimited File")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))
WATCHED_FOLDER = "fs_default"

log = logging.getLogger(__name__)


@dag(
    schedule="@continuous",
    start_date=datetime(2025, 1, 1),
    max_active_runs=1,
    params={
        "source_name": Param(SOURCE_NAME, type="string", description="The delimited-file source to load")
    },
    doc_md=__doc__,
    tags=["sailpoint"],
)
def example_sailpoint_file_drop() -> None:
    """Wait for a file, load it, and use the result."""
    wait_for_file = FileSensor(
        task_id="wait_for_file",
        fs_conn_id=WATCHED_FOLDER,
        filepath="*.csv",
        deferrable=True,
        poke_interval=POLL_INTERVAL,
        timeout=timedelta(days=7).total_seconds(),
    )

    @task
    def claim_file() -> str:
        """Move the oldest file, so that the next drop cannot replace it while it is being loaded."""
        watched = Path(FSHook(WATCHED_FOLDER).get_path())
        claimed = watched / "claimed" / f"{get_current_context()['dag_run'].run_after:%Y%m%dT%H%M%S%f}.csv"
        # The name belongs to the run, so a retry finds the file that an earlier try moved.
        if not claimed.exists():
            oldest = min(watched.glob("*.csv"), key=lambda path: path.stat().st_mtime)
            claimed.parent.mkdir(exist_ok=True)
            oldest.rename(claimed)
            log.info("%s is now %s.", oldest.name, claimed)
        return str(claimed)

    @task
    def use_result(aggregation: dict[str, Any], file: str) -> str:
        """Log what changed, and move the file to the loaded ones; after a failure it stays where it is."""
        accounts = aggregation["accounts"]
        log.info(
            "%s: %s accounts created, %s updated, %s deleted, %s unchanged.",
            aggregation["source_name"],
            accounts["created"],
            accounts["updated"],
            accounts["deleted"],
            accounts["unchanged"],
        )
        loaded = Path(file).parents[1] / "loaded" / Path(file).name
        loaded.parent.mkdir(exist_ok=True)
        Path(file).rename(loaded)
        return str(loaded)

    claimed_file = claim_file()
    aggregate = SailPointAccountAggregationOperator(
        task_id="aggregate",
        source_name="{{ params.source_name }}",
        file=claimed_file,
        deferrable=True,
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(hours=6),
    )

    wait_for_file >> claimed_file
    use_result(aggregate.output, claimed_file)


example_sailpoint_file_drop()
