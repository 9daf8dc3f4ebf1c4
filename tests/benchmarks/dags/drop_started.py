"""The DAG of the benchmark of drops: each run notes which drops started it, and when its task began."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from sailpoint_provider.assets.drops import SailPointDropFolder

FOLDER = os.environ["DROP_BENCHMARK_FOLDER"]
STARTED = Path(os.environ["DROP_BENCHMARK_STARTED"])

folder = SailPointDropFolder(FOLDER, source_id_in_name=True, complete="renamed")

with DAG("drop_started", schedule=[folder.asset()], max_active_runs=16, is_paused_upon_creation=False):

    @task
    def begin(run_id: str | None = None, triggering_asset_events: Any = None) -> None:
        """Note the drops."""
        at = time.monotonic()
        events = [event for group in triggering_asset_events.values() for event in group]
        names = [event.extra["payload"]["name"] for event in events]
        draft = STARTED / f".{run_id}.part"
        draft.write_text(json.dumps({"at": at, "names": names}), encoding="utf-8")
        draft.rename(STARTED / f"{len(list(STARTED.iterdir())):05d}-{at}.json")

    begin()
