"""The examples with watched folders on a real Airflow: started, fed with files, and followed to their end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.control import SimulatorControl
from tests.live.airflow_home import AirflowHome
from tests.live.airflow_processes import start_airflow
from tests.live.processes import free_port
from tests.live.simulator_process import PROJECT, start_simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.live.account_files import AccountFile
    from tests.live.airflow_api import AirflowApi, DagRun, TaskInstance
    from tests.live.object_store import ObjectStore
    from tests.live.processes import Processes
    from tests.live.simulator_process import SimulatedTenant

DAG_ID = "example_sailpoint_file_drop"
APPROVAL_DAG_ID = "example_sailpoint_file_approval"
UPLOADS_DAG_ID = "example_sailpoint_many_sources"
POOL_DAG_ID = "example_sailpoint_sources_in_pool"
DIRECT_SOURCES = ("Directory", "Mainframe via Virtual Appliance")
"""The sources that the DAG with the pool loads."""

FOLDERS = {DAG_ID: "drop", APPROVAL_DAG_ID: "approval", UPLOADS_DAG_ID: "uploads"}
"""The folder of each DAG that watches one; no two may watch the same."""

STORE_DAG_ID = "example_sailpoint_object_store_drop"

CONNECTION_ID = "sailpoint_default"
SOURCE_NAME = "HR Delimited File"
APPROVAL_SOURCE_NAME = "HR with Approval"
POLL_INTERVAL = 6.0
RUN_SECONDS = 400.0
NOT_BEGUN = frozenset({"waiting", "scheduled", "queued"})
WAITS_FOR_A_PERSON = frozenset({"awaiting_input", "deferred"})
READING_SECONDS = 8.0
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
    """A running Airflow with the example DAGs, and its tenant.

    :param root: where the watched folders are.
    """

    home: AirflowHome
    api: AirflowApi
    tenant: SimulatedTenant
    root: Path
    processes: Processes
    say: Callable[[str, str], None]
    header: list[str] = field(default_factory=list)

    def watched(self, dag_id: str = DAG_ID) -> Path:
        """Return the folder that a DAG watches."""
        return self.root / FOLDERS[dag_id]

    def drop(self, file: AccountFile, name: str, dag_id: str = DAG_ID) -> RunFollower:
        """Drop a file into the folder of a DAG, and return the follower of the run that it starts."""

        def drop() -> None:
            file.drop(self.watched(dag_id), name, self.header)
            self.say("drop", f"{name} with {len(file.accounts):,} accounts is in the watched folder")

        return self.follow_first_run_after(dag_id, drop)

    def follow_first_run_after(self, dag_id: str, cause: Callable[[], None]) -> RunFollower:
        """Do something, and return the follower of the next run of a DAG."""
        before = len(self.api.dag_runs(dag_id))
        cause()
        self.wait_for(lambda: len(self.api.dag_runs(dag_id)) > before, "the file to start a run")
        return RunFollower(self.api, self.api.dag_runs(dag_id)[before], self.say)

    @property
    def control(self) -> SimulatorControl:
        """The control API of the tenant."""
        return SimulatorControl(self.tenant.url)

    def load(self, file: AccountFile, name: str) -> RunStory:
        """Drop a good file into the folder of the file-drop DAG, and follow its run to the end."""
        follower = self.drop(file, name)
        ended = self.follow_to_end(follower)
        return RunStory(ended, follower.states, self.api.xcom(ended, "load", map_index=0))

    def run_once(self, dag_id: str, *, last_wait: str = "") -> tuple[DagRun, dict[str, list[str]]]:
        """Trigger another example DAG, follow the run to its end, and return it with the states seen.

        :param last_wait: a task; once it is deferred, all aggregations end that run in the tenant.
        """
        self.api.unpause(dag_id)
        follower = RunFollower(self.api, self.api.trigger(dag_id), self.say)
        if last_wait:
            self.wait_for(
                lambda: follower.look().ended or follower.state(last_wait) == "deferred",
                f"'{last_wait}' to defer",
            )
            for run in self.tenant.runs():
                if run["outcome"] is None:
                    self.control.finish(run["id"])
        return self.follow_to_end(follower), follower.states

    def follow_to_end(self, follower: RunFollower, *, expected: str = "success") -> DagRun:
        """Follow a run to its end.

        :raises RuntimeError: it does not end in the expected state.
        """
        self.wait_for(lambda: follower.look().ended, "the run to end")
        run = follower.look()
        if run.state != expected:
            raise RuntimeError(f"The run {run.run_id} ended as {run.state}:\n{follower.errors()}")
        return run

    def question(self, follower: RunFollower, task_id: str) -> TaskInstance:
        """Follow a run until a task asks a person, and return that task."""

        def asks() -> bool:
            return follower.look().ended or follower.state(task_id) in WAITS_FOR_A_PERSON

        self.wait_for(asks, "the question to a person")
        return follower.task(task_id)

    def answer(self, follower: RunFollower, question: TaskInstance, option: str) -> None:
        """Choose an option of a task that asks a person, after the time that a quick reader needs."""
        # Airflow fails a task that is answered before its scheduler knows that the task has begun to wait.
        time.sleep(READING_SECONDS)
        self.api.answer(follower.run, question, option)
        self.say("person", f"chose {option}")

    def wait_for(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until something is so, as long as all processes run."""
        self.processes.wait_until(ready, what, timeout=RUN_SECONDS)


class RunFollower:
    """Prints each change of state and each log line of the provider in one run, as they appear."""

    def __init__(self, api: AirflowApi, run: DagRun, say: Callable[[str, str], None]) -> None:
        self.run = run
        self.states: dict[str, list[str]] = {}
        self._api = api
        self._say = say
        self._told: set[tuple[str, str, str]] = set()
        self._tasks: list[TaskInstance] = []

    def state(self, label: str) -> str:
        """Return the state in which a task was last seen."""
        return (self.states.get(label) or ["waiting"])[-1]

    def task(self, label: str) -> TaskInstance:
        """Return a task as it was last seen."""
        return next(task for task in self._tasks if task.label == label)

    def look(self) -> DagRun:
        """Print what is new, and return the run as it was before."""
        run = self._api.dag_run(self.run.dag_id, self.run.run_id)
        self._tasks = self._api.task_instances(self.run)
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
            for line in self._api.log(self.run, task)[-LAST_LINES:]
        )

    def _tell_state(self, task: TaskInstance) -> None:
        seen = self.states.setdefault(task.label, [])
        if task.state in NOT_BEGUN or seen[-1:] == [task.state]:
            return
        seen.append(task.state)
        self._say(_short(task), task.state)

    def _tell_log(self, task: TaskInstance) -> None:
        for line in self._api.log(self.run, task):
            is_new = (told := (task.label, line.timestamp, line.text)) not in self._told
            if is_new and "sailpoint" in line.logger.lower():
                self._told.add(told)
                # The first line of a report is its verdict.
                self._say(_short(task), f"  {line.text.partition(chr(10))[0]}")


def _short(task: TaskInstance) -> str:
    """Return a task's label, without an index that says nothing."""
    return task.label.removesuffix("[0]")


def start_file_drop(
    processes: Processes,
    folder: Path,
    say: Callable[[str, str], None],
    *,
    dag_ids: Iterable[str] = (DAG_ID,),
    speed: float = 1.0,
    usual_ports: bool = False,
    poll_interval: float = POLL_INTERVAL,
    settings: dict[str, dict[str, str]] | None = None,
    store: ObjectStore | None = None,
    ui_url: str = "",
) -> FileDrop:
    """Start the tenant and an Airflow with the example DAGs, and let some of these watch their folders.

    :param folder: an empty folder; gets Airflow's home and the watched folders.
    :param say: called with a subject and what happens to it.
    :param dag_ids: the DAGs that watch their folders.
    :param speed: factor by which the tenant's aggregations run faster than real ones.
    :param usual_ports: use the well-known ports if they are free, not any free ones.
    :param poll_interval: seconds between two polls of the examples.
    :param settings: further settings of Airflow by section and option.
    :param store: the object store whose folder the object-store example watches.
    :param ui_url: where the connection says that the tenant's web interface is; empty for nowhere.
    """
    tenant = start_simulator(processes, speed=speed, preferred_port=SIMULATOR_PORT if usual_ports else None)
    header = tenant.file_header(SOURCE_NAME)
    tenant.create_source(APPROVAL_SOURCE_NAME, header)
    say("tenant", f"the simulated tenant is running at {tenant.url}")
    for name in FOLDERS.values():
        (folder / name).mkdir()
    home = AirflowHome(
        folder / "home",
        PROJECT / "example_dags",
        variables={
            "SAILPOINT_EXAMPLE_FILE_SOURCE": SOURCE_NAME,
            "SAILPOINT_EXAMPLE_TENANT": tenant.url,
            "SAILPOINT_EXAMPLE_APPROVAL_SOURCE": APPROVAL_SOURCE_NAME,
            "SAILPOINT_EXAMPLE_DROP_FOLDER": str(folder / FOLDERS[DAG_ID]),
            "SAILPOINT_EXAMPLE_APPROVAL_FOLDER": str(folder / FOLDERS[APPROVAL_DAG_ID]),
            "SAILPOINT_EXAMPLE_UPLOAD_FOLDER": str(folder / FOLDERS[UPLOADS_DAG_ID]),
            "SAILPOINT_EXAMPLE_POLL_INTERVAL": str(poll_interval),
            # What is installed may be the package of another folder.
            "PYTHONPATH": str(PROJECT),
        }
        | ({} if store is None else {"SAILPOINT_EXAMPLE_STORE_URL": store.folder} | store.variables),
        settings={"core": {"test_connection": "Enabled"}} | (settings or {}),
        port=free_port(AIRFLOW_PORT if usual_ports else None),
    )
    say("airflow", "starting API server, scheduler, DAG processor and triggerer ...")
    began = time.monotonic()
    api = start_airflow(home, processes)
    # Without a stored port, the Test button sends 0, and Airflow refuses it because the ports differ.
    extra = json.dumps({"ui_url": ui_url})
    api.store_connection(CONNECTION_ID, tenant.connection() | {"port": 0, "extra": extra})
    wanted = set(dag_ids)
    processes.wait_until(
        lambda: wanted <= api.dag_ids() or bool(api.import_errors()), "the example DAGs", timeout=RUN_SECONDS
    )
    if errors := api.import_errors():
        raise RuntimeError("Airflow could not read the example DAGs:\n" + "\n".join(errors))
    for dag_id in wanted:
        api.unpause(dag_id)
        api.read_again(dag_id)
    say("airflow", f"healthy after {time.monotonic() - began:.0f} s at {api.url}")
    return FileDrop(home, api, tenant, folder, processes, say, header)
