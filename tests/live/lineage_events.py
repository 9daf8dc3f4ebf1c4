"""The events that OpenLineage's file transport writes in a real Airflow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.airflow_api import DagRun


@dataclass(frozen=True)
class LineageEvents:
    """Events in one file, one a line.

    :param path: the file; it need not be there yet.
    """

    path: Path

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """Airflow's settings that let OpenLineage write there."""
        transport = {"type": "file", "log_file_path": str(self.path), "append": True}
        return {"openlineage": {"transport": json.dumps(transport), "namespace": "live"}}

    def of(self, run: DagRun, task_id: str) -> list[dict[str, Any]]:
        """Return the events of a task in a run, oldest first."""
        if not self.path.exists():
            return []
        events = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        return [
            event
            for event in events
            if event["job"]["name"] == f"{run.dag_id}.{task_id}"
            and event["run"]["facets"]["airflow"]["dagRun"]["run_id"] == run.run_id
        ]
