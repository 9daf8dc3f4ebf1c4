"""The DAG of the benchmark of drops: each run notes which drops it finds, and when its task began."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from airflow.sdk import DAG, task

from sailpoint_provider.assets.drops import SailPointDropFolder

FOLDER = os.environ["DROP_BENCHMARK_FOLDER"]
STARTED = Path(os.environ["DROP_BENCHMARK_STARTED"])

folder = SailPointDropFolder(FOLDER, source_id_in_name=True, complete="renamed")

with DAG("drop_started", schedule=[folder.asset()], max_active_runs=16, is_paused_upon_creation=False):

    @task
    def begin(run_id: str | None = None) -> None:
        """Note the drops. A run takes what is there; Airflow may hold back the event of some of it."""
        at = time.monotonic()
        names = [path.name for path in Path(FOLDER).glob("*.csv")]
        draft = STARTED / f".{run_id}.part"
        draft.write_text(json.dumps({"at": at, "names": names}), encoding="utf-8")
        draft.rename(STARTED / f"{len(list(STARTED.iterdir())):05d}-{at}.json")

    begin()
