"""The file-drop example on a real Airflow: started, fed with files, and followed to its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.control import SimulatorControl
from tests.live.airflow_home import AirflowHome
from tests.live.airflow_processes import start_airflow
from tests.live.processes import free_port
from tests.live.simulator_process import PROJECT, start_simulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.account_files import AccountFile
    from tests.live.airflow_api import AirflowApi, DagRun, TaskInstance
    from tests.live.processes import Processes
    from tests.live.simulator_process import SimulatedTenant

DAG_ID = "example_sailpoint_file_drop"
CONNECTION_ID = "sailpoint_default"
SOURCE_NAME = "HR Delimited File"
POLL_INTERVAL = 6.0
RUN_SECONDS = 180.0
NOT_BEGUN = frozenset({"waiting", "scheduled", "queued"})
LAST_LINES = 20
AIRFLOW_PORT = 8080
SIMULATOR_PORT = 8787


@dataclass(frozen=True)
class RunStory:
    """What happened in one run of the DAG.

    :param run: the run at its end.
    :param states: the states in which each task was seen, in order.
    :param aggregation: the result of the aggregation in XCom.
    """

    run: DagRun
    states: dict[str, list[str]]
    aggregation: dict[str, Any]


@dataclass
class FileDrop:
    """A running Airflow with the file-drop example, and its tenant."""

    home: AirflowHome
    api: AirflowApi
    tenant: SimulatedTenant
    watched: Path
    processes: Processes
    say: Callable[[str, str], None]
    header: list[str] = field(default_factory=list)
    runs_followed: int = 0

    @property
    def control(self) -> SimulatorControl:
        """The control API of the tenant."""
        return SimulatorControl(self.tenant.url)

    def load(self, file: AccountFile, name: str) -> RunStory:
        """Drop a file into the watched folder once the DAG waits for it, and follow the run to its end."""
        self._wait_for(lambda: len(self._runs()) > self.runs_followed, "the next run to begin")
        run = self._runs()[self.runs_followed]
        follower = RunFollower(self.api, run, self.say)
        self._wait_for(
            lambda: follower.look().ended or follower.state("wait_for_file") == "deferred",
            "the sensor to defer",
        )
        file.drop(self.watched, name, self.header)
        self.say("drop", f"{name} with {len(file.accounts):,} accounts is in the watched folder")
        ended = self._follow_to_end(follower)
        self.runs_followed += 1
        return RunStory(ended, follower.states, self.api.xcom(run, "aggregate"))

    def run_once(self, dag_id: str, *, last_wait: str = "") -> tuple[DagRun, dict[str, list[str]]]:
        """Trigger another example DAG, follow the run to its end, and return it with the states seen.

        :param last_wait: a task; once it is deferred, all aggregations end that run in the tenant.
        """
        self.api.unpause(dag_id)
        follower = RunFollower(self.api, self.api.trigger(dag_id), self.say)
        if last_wait:
            self._wait_for(
                lambda: follower.look().ended or follower.state(last_wait) == "deferred",
                f"'{last_wait}' to defer",
            )
            for run in self.tenant.runs():
                if run["outcome"] is None:
                    self.control.finish(run["id"])
        return self._follow_to_end(follower), follower.states

    def _follow_to_end(self, follower: RunFollower) -> DagRun:
        self._wait_for(lambda: follower.look().ended, "the run to end")
        run = follower.look()
        if run.state != "success":
            raise RuntimeError(f"The run {run.run_id} ended as {run.state}:\n{follower.errors()}")
        return run

    def _runs(self) -> list[DagRun]:
        return self.api.dag_runs(DAG_ID)

    def _wait_for(self, ready: Callable[[], bool], what: str) -> None:
        self.processes.wait_until(ready, what, timeout=RUN_SECONDS)


class RunFollower:
    """Prints each change of state and each log line of the provider in one run, as they appear."""

    def __init__(self, api: AirflowApi, run: DagRun, say: Callable[[str, str], None]) -> None:
        self.states: dict[str, list[str]] = {}
        self._api = api
        self._run = run
        self._say = say
        self._told: set[tuple[str, str, str]] = set()
        self._tasks: list[TaskInstance] = []

    def state(self, task_id: str) -> str:
        """Return the state in which a task was last seen."""
        return (self.states.get(task_id) or ["waiting"])[-1]

    def look(self) -> DagRun:
        """Print what is new, and return the run as it was before."""
        run = self._api.dag_run(self._run.dag_id, self._run.run_id)
        self._tasks = self._api.task_instances(self._run)
        for task in sorted(self._tasks, key=lambda task: task.start):
            if task.state == "running":
                self._tell_state(task)
            if task.try_number:
                self._tell_log(task)
            self._tell_state(task)
        return run

    def errors(self) -> str:
        """Return the last log lines of the failed tasks."""
        return "\n".join(
            f"    {task.label}: {line.level} {line.text} {line.error}".rstrip()
            for task in self._tasks
            if task.state == "failed"
            for line in self._api.log(self._run, task)[-LAST_LINES:]
        )

    def _tell_state(self, task: TaskInstance) -> None:
        seen = self.states.setdefault(task.label, [])
        if task.state in NOT_BEGUN or seen[-1:] == [task.state]:
            return
        seen.append(task.state)
        self._say(task.label, task.state)

    def _tell_log(self, task: TaskInstance) -> None:
        for line in self._api.log(self._run, task):
            is_new = (told := (task.label, line.timestamp, line.text)) not in self._told
            if is_new and "sailpoint" in line.logger.lower():
                self._told.add(told)
                self._say(task.label, f"  {line.text}")


def start_file_drop(
    processes: Processes,
    folder: Path,
    say: Callable[[str, str], None],
    *,
    speed: float = 1.0,
    usual_ports: bool = False,
    poll_interval: float = POLL_INTERVAL,
    settings: dict[str, dict[str, str]] | None = None,
) -> FileDrop:
    """Start the tenant and an Airflow with the example DAGs, and let the file-drop DAG run.

    :param folder: an empty folder; gets Airflow's home and the watched folder.
    :param say: called with a subject and what happens to it.
    :param speed: factor by which the tenant's aggregations run faster than real ones.
    :param usual_ports: use the well-known ports if they are free, not any free ones.
    :param poll_interval: seconds between two polls of the examples.
    :param settings: further settings of Airflow by section and option.
    """
    tenant = start_simulator(processes, speed=speed, preferred_port=SIMULATOR_PORT if usual_ports else None)
    say("tenant", f"the simulated tenant is running at {tenant.url}")
    watched = folder / "drop"
    watched.mkdir()
    home = AirflowHome(
        folder / "home",
        PROJECT / "example_dags",
        connections={"fs_default": {"conn_type": "fs", "extra": {"path": str(watched)}}},
        variables={
            "SAILPOINT_EXAMPLE_FILE_SOURCE": SOURCE_NAME,
            "SAILPOINT_EXAMPLE_POLL_INTERVAL": str(poll_interval),
            # What is installed may be the package of another folder.
            "PYTHONPATH": str(PROJECT),
        },
        settings={"core": {"test_connection": "Enabled"}} | (settings or {}),
        port=free_port(AIRFLOW_PORT if usual_ports else None),
    )
    say("airflow", "starting API server, scheduler, DAG processor and triggerer ...")
    began = time.monotonic()
    api = start_airflow(home, processes)
    # Without a stored port, the Test button sends 0, and Airflow refuses it because the ports differ.
    api.store_connection(CONNECTION_ID, tenant.connection() | {"port": 0})
    processes.wait_until(
        lambda: DAG_ID in api.dag_ids() or bool(api.import_errors()), "the example DAGs", timeout=RUN_SECONDS
    )
    if errors := api.import_errors():
        raise RuntimeError("Airflow could not read the example DAGs:\n" + "\n".join(errors))
    api.unpause(DAG_ID)
    say("airflow", f"healthy after {time.monotonic() - began:.0f} s at {api.url}")
    return FileDrop(home, api, tenant, watched, processes, say, header=tenant.file_header(SOURCE_NAME))
