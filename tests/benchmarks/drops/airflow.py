"""From a dropped file to the start of a task, on a real Airflow with scheduler and triggerer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.airflow_home import READ_ONCE, AirflowHome
from tests.live.airflow_processes import start_airflow
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

DAG_ID = "drop_started"
_SECONDS = 180.0


def task_delays(folder: Path, drop: Callable[[Path], tuple[str, float]], number: int) -> list[float]:
    """
    Drop files, and return the seconds from each to the start of the task of its run.

    :param folder: an empty folder.
    :param drop: waits a moment, drops a file into a folder, and returns its name and the monotonic time.
    """
    watched, started = folder / "watched", folder / "started"
    for one in (watched, watched / "loaded", started):
        one.mkdir(parents=True)
    home = AirflowHome(
        folder / "home",
        Path(__file__).parent / "dags",
        variables={
            "DROP_BENCHMARK_FOLDER": str(watched),
            "DROP_BENCHMARK_STARTED": str(started),
            # What is installed may be the package of another folder.
            "PYTHONPATH": str(PROJECT),
        },
        settings=READ_ONCE,
    )
    with Processes(folder / "logs") as processes:
        api = start_airflow(home, processes)
        processes.wait_until(lambda: DAG_ID in api.dag_ids(), "the DAG", timeout=_SECONDS)
        api.unpause(DAG_ID)
        drop(watched)  # the first run imports everything, and shows that the watcher runs
        processes.wait_until(lambda: len(_starts(started)) == 1, "the first run", timeout=_SECONDS)
        dropped = dict(drop(watched) for _ in range(number))
        processes.wait_until(
            lambda: dropped.keys() <= _starts(started).keys(), "a run for every file", timeout=_SECONDS
        )
        time.sleep(1.0)
        starts = _starts(started)
    return [starts[name] - at for name, at in dropped.items()]


def _starts(folder: Path) -> dict[str, float]:
    """Return when the first task that found each drop began."""
    starts: dict[str, float] = {}
    for path in sorted(folder.glob("*.json")):
        noted = json.loads(path.read_text(encoding="utf-8"))
        for name in noted["names"]:
            starts[name] = min(noted["at"], starts.get(name, noted["at"]))
    return starts
