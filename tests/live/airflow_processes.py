"""A real Airflow on this machine: api-server, scheduler, dag processor and triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.airflow_api import AirflowApi

if TYPE_CHECKING:
    from tests.live.airflow_home import AirflowHome
    from tests.live.processes import Processes

START_SECONDS = 120.0
# Nobody reads logs through the log servers here, and they would listen on every address of this machine.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
MONITORED = ("metadatabase", "scheduler", "triggerer", "dag_processor")


def start_airflow(home: AirflowHome, processes: Processes) -> AirflowApi:
    """Make the home new, start the four processes, wait until all are healthy, and return a client."""
    home.create(processes)
    environment = home.environment()
    for name, words in COMPONENTS.items():
        processes.start(
            name, home.command(*words), environment, home.folder, serves_others=name == "api-server"
        )
    api = AirflowApi(home.url)
    processes.wait_until(lambda: _is_healthy(api), "Airflow to become healthy", timeout=START_SECONDS)
    return api


def _is_healthy(api: AirflowApi) -> bool:
    health = api.health()
    return all(health.get(component) == "healthy" for component in MONITORED)
