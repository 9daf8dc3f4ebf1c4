"""Where the crash cases happen: a real Airflow on PostgreSQL, and a tenant under control."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from sailpoint_provider.simulator.control import SimulatorControl
from tests.live.airflow_api import log_lines
from tests.live.airflow_home import AirflowHome
from tests.live.airflow_processes import start_airflow, start_component
from tests.live.crashes.upload_gate import UploadGate
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT, start_simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.airflow_api import AirflowApi, DagRun, TaskInstance
    from tests.live.simulator_process import SimulatedTenant

DAGS_FOLDER = Path(__file__).resolve().parent / "dags"
READ_SECONDS = 120.0
TRIGGERERS = ("triggerer", "second-triggerer")
# No aggregation ends by itself: each case ends its own.
LONG_SECONDS = 86400.0
# Crashes are noticed sooner than usual, but not so soon that a busy machine looks like a crash.
SETTINGS = {
    "core": {"parallelism": "8"},
    "scheduler": {
        "task_instance_heartbeat_timeout": "30",
        "task_instance_heartbeat_timeout_detection_interval": "3",
        "trigger_timeout_check_interval": "3",
    },
    "triggerer": {"triggerer_health_check_threshold": "20"},
}


@dataclass
class CrashPlace:
    """The Airflow, the tenant, and what the cases have begun there.

    :param schedulers: names of the processes that are schedulers.
    :param triggerers: names of the triggerers in the order of their starts; not all run from the beginning.
    """

    home: AirflowHome
    api: AirflowApi
    tenant: SimulatedTenant
    processes: Processes
    gate: UploadGate
    folder: Path
    schedulers: tuple[str, ...] = ("scheduler",)
    triggerers: tuple[str, ...] = TRIGGERERS
    dag_runs: dict[str, DagRun] = field(default_factory=dict)
    source_ids: dict[str, str] = field(default_factory=dict)

    @property
    def control(self) -> SimulatorControl:
        """The control API of the tenant."""
        return SimulatorControl(self.tenant.url)

    def create_source(self, name: str, type: str = "direct", **settings: Any) -> None:
        """Create a source of which no aggregation ends by itself."""
        usual = {"collect_seconds": LONG_SECONDS} | ({"accounts": 10} if type == "direct" else {})
        self.source_ids[name] = self.control.create_source(name, type, **usual | settings)["id"]

    def trigger(self, dag_id: str, conf: dict[str, object] | None = None) -> None:
        """Start the DAG's only run."""
        self.dag_runs[dag_id] = self.api.trigger(dag_id, conf)

    def tasks(self, dag_id: str) -> list[TaskInstance]:
        """Return the tasks of the DAG's run as they stand now."""
        return self.api.task_instances(self.dag_runs[dag_id])

    def task(self, dag_id: str) -> TaskInstance:
        """Return the only task of the DAG's run as it stands now."""
        (task,) = self.tasks(dag_id)
        return task

    @property
    def log_homes(self) -> tuple[AirflowHome, ...]:
        """The homes in which tasks and triggers leave their logs."""
        return (self.home,)

    def log_texts(self, dag_id: str) -> list[str]:
        """Return what the logs of all tries of the DAG's tasks say, one text for each line.

        The files are read, because Airflow's API does not know a try that the scheduler itself ended.
        """
        run = self.dag_runs[dag_id].run_id
        lines = []
        for home in self.log_homes:
            folder = home.folder / "logs" / f"dag_id={dag_id}" / f"run_id={run}"
            for path in sorted(folder.rglob("attempt=*.log*")):
                lines += log_lines(_entries(path))
        return [f"{line.text} {line.error}".strip() for line in lines]

    def aggregations(self, source_name: str) -> list[dict[str, Any]]:
        """Return the aggregations that the tenant started, oldest first; refused starts are none."""
        return [run for run in self.control.runs(self.source_ids[source_name]) if not run["refused"]]

    def finish(self, source_name: str) -> None:
        """End what runs of the source, well."""
        for run in self.aggregations(source_name):
            if run["outcome"] is None:
                self.control.finish(run["id"])

    @property
    def task_hosts(self) -> tuple[str, ...]:
        """The names of the processes whose descendants run the tasks."""
        return self.schedulers

    def workers(self, task: TaskInstance) -> list[psutil.Process]:
        """Return the processes that run a try of a task: the supervisor and the task's own."""
        found = []
        for host in self.task_hosts:
            if self.processes.runs(host):
                found += self.workers_of(host, task)
        return found

    def workers_of(self, host: str, task: TaskInstance) -> list[psutil.Process]:
        """Return those of them that descend from one process."""
        found = []
        for process in psutil.Process(self.processes.pid(host)).children(recursive=True):
            with suppress(psutil.Error):
                if any(task.id in word for word in process.cmdline()):
                    found.append(process)
        return found

    def kill_workers(self, task: TaskInstance) -> None:
        """Kill what runs a try of a task, without a warning."""
        for process in self.workers(task):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)

    def start_component(self, component: str, name: str = "") -> None:
        """Start a component of Airflow, once more or another of its kind."""
        start_component(self.home, self.processes, component, name)

    def triggerer(self, job: int) -> str:
        """Return the name of the triggerer that has a job."""
        return self.triggerers[self.api.live_triggerers().index(job)]

    def store_file(self, name: str, content: bytes) -> str:
        """Put a file where every worker can read it, and return its path or URL."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def await_dags(self, *dag_ids: str) -> None:
        """Wait until Airflow has read these DAGs.

        :raises RuntimeError: it cannot read one.
        """
        wanted = set(dag_ids)
        self.processes.wait_until(
            lambda: wanted <= self.api.dag_ids() or bool(self.api.import_errors()),
            "the DAGs of the crash cases",
            timeout=READ_SECONDS,
        )
        if errors := self.api.import_errors():
            raise RuntimeError("Airflow could not read the DAGs of the crash cases:\n" + "\n".join(errors))


@contextmanager
def crash_place(database_url: str, folder: Path) -> Iterator[CrashPlace]:
    """Start the tenant and an Airflow with the DAGs of the cases, and stop them in the end.

    :param database_url: an empty PostgreSQL database.
    :param folder: gets Airflow's home and all logs.
    """
    with Processes(folder / "logs") as processes:
        tenant = start_simulator(processes)
        SimulatorControl(tenant.url).rate_limit(100_000)
        with UploadGate(tenant.url) as gate:
            home = crash_home(folder / "home", DAGS_FOLDER, tenant, gate, database_url)
            api = start_airflow(home, processes)
            place = CrashPlace(home, api, tenant, processes, gate, folder)
            place.await_dags("many_waits", "out_of_time")
            yield place


def crash_home(
    folder: Path, dags_folder: Path, tenant: SimulatedTenant, gate: UploadGate, database_url: str
) -> AirflowHome:
    """Return the home of an Airflow for the cases, which is not created yet."""
    return AirflowHome(
        folder,
        dags_folder,
        connections={
            # The many waits of one triggerer must not wait for the request budget.
            "sailpoint_default": tenant.connection()
            | {"extra": {"api_version": "v1", "requests_per_10s": 1000}},
            # Each case's faults match only the API version of its connection.
            "sailpoint_v2025": tenant.connection() | {"extra": {"api_version": "v2025"}},
            "sailpoint_v2026": tenant.connection() | {"extra": {"api_version": "v2026"}},
            "sailpoint_gate": tenant.connection() | {"host": gate.url},
        },
        # What is installed may be the package of another folder.
        variables={"PYTHONPATH": str(PROJECT)},
        settings=SETTINGS,
        database_url=database_url,
    )


def _entries(log: Path) -> Iterator[object]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            # The last line may not be whole yet.
            with suppress(json.JSONDecodeError):
                yield json.loads(line)
