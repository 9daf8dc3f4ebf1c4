"""A real Airflow on this machine: api-server, scheduler, dag processor and triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.airflow_api import AirflowApi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.live.airflow_home import AirflowHome
    from tests.live.processes import Processes

START_SECONDS = 300.0
# The log servers would listen on every address of this machine, and nothing here reads logs through them.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
CELERY_WORKER = "celery-worker"
"""A component that only an Airflow with Celery has."""

COMMANDS = COMPONENTS | {CELERY_WORKER: ("celery", "worker", "--skip-serve-logs")}
MONITORED = ("metadatabase", "scheduler", "triggerer", "dag_processor")


def start_airflow(home: AirflowHome, processes: Processes) -> AirflowApi:
    """Recreate the home, start the four processes, wait until all are healthy, and return a client."""
    home.create(processes)
    for component in COMPONENTS:
        start_component(home, processes, component)
    return healthy_airflow(home, processes)


def healthy_airflow(home: AirflowHome, processes: Processes) -> AirflowApi:
    """Wait until all kinds of components that have been started are healthy, and return a client."""
    api = AirflowApi(home.url)
    processes.wait_until(lambda: _is_healthy(api), "Airflow to become healthy", timeout=START_SECONDS)
    return api


def start_component(
    home: AirflowHome, processes: Processes, component: str, name: str = "", options: Sequence[str] = ()
) -> None:
    """Start one of Airflow's components, once more or another of its kind.

    :param name: what to call it, by default as its kind.
    :param options: further words of its command.
    """
    processes.start(
        name or component,
        home.command(*COMMANDS[component], *options),
        home.environment(),
        home.folder,
        serves_others=component == "api-server",
    )


def _is_healthy(api: AirflowApi) -> bool:
    health = api.health()
    return all(health.get(component) == "healthy" for component in MONITORED)
