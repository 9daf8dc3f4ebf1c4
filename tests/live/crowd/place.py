"""A crowd of waits in one triggerer, on a tenant that first answers list requests and later refuses them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from sailpoint_provider.simulator.control import SimulatorControl
from tests.live.airflow_home import READ_ONCE, AirflowHome
from tests.live.airflow_processes import start_airflow
from tests.live.crowd.dags.waits import WAITS
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT, start_simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.live.airflow_api import AirflowApi, DagRun, LogLine, TaskInstance
    from tests.live.simulator_process import SimulatedTenant

DAG_ID = "crowd"
# One percent of it takes longer than the whole test, so no progress changes by itself.
PROCESS_SECONDS = 86400.0
POLLS = 4
# The remaining ones must still be a crowd for the poller.
FIRST_TO_END = 3
REFUSED = "The tenant does not answer "
_ID = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True)
class Aggregation:
    """One aggregation of the crowd, with unique numbers that identify its lines.

    :param number: its number in the crowd; also the index of the task that waits for it.
    """

    number: int
    id: str
    source_name: str

    @property
    def accounts(self) -> int:
        """How many accounts it creates."""
        return 1000 + self.number

    @property
    def early_percent(self) -> int:
        """How far it is when the waits begin."""
        return 10 + self.number

    @property
    def late_percent(self) -> int:
        """How far it is once all wait."""
        return 40 + 2 * self.number

    @property
    def outcome(self) -> str:
        """How it ends: one that is polled by list, and one that is polled by itself, end with warnings."""
        return "warning" if self.number in (1, WAITS - 1) else "success"


@dataclass(frozen=True)
class Asked:
    """The polls that the tenant received.

    :param alone: the ID in each request for a single task record.
    :param together: the IDs in each request for a list of task records.
    """

    alone: list[str]
    together: list[list[str]]

    @property
    def named(self) -> list[str]:
        """All IDs in list requests, once per request."""
        return [id for ids in self.together for id in ids]

    @classmethod
    def of(cls, requests: Sequence[dict[str, Any]]) -> Asked:
        """Read the tenant's journal."""
        paths = [request["path"] for request in requests if request["call"] == "get_task_status"]
        queries = [request["query"] for request in requests if request["call"] == "list_task_status"]
        filters = [parse_qs(query)["filters"][0] for query in queries]
        return cls([path.rpartition("/")[2] for path in paths], [_ID.findall(text) for text in filters])


@dataclass
class CrowdStory:
    """What happened to the crowd.

    :param aggregations: by the index of the task that waits.
    :param while_together: the polls while all tasks waited and list requests were answered.
    :param early_logs: the log of each task up to then, by index.
    :param triggerers: the IDs of the triggerers' jobs that held the waits.
    :param run: the run at its end.
    :param tasks: its tasks at their end, by index.
    :param results: the result of each task, by index.
    :param logs: the log of each task, by index.
    """

    aggregations: list[Aggregation]
    while_together: Asked
    early_logs: dict[int, list[LogLine]]
    triggerers: set[int | None]
    run: DagRun
    tasks: dict[int, TaskInstance] = field(default_factory=dict)
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    logs: dict[int, list[LogLine]] = field(default_factory=dict)


@dataclass(frozen=True)
class CrowdPlace:
    """The Airflow and the tenant where the crowd waits."""

    api: AirflowApi
    tenant: SimulatedTenant
    processes: Processes

    @property
    def control(self) -> SimulatorControl:
        """The control API of the tenant."""
        return SimulatorControl(self.tenant.url)

    def triggerer_lines(self) -> list[str]:
        """Return the triggerer's own log, without what it writes for tasks."""
        log = self.processes.log_folder / "triggerer.log"
        return log.read_text(encoding="utf-8", errors="replace").splitlines()

    def live_through(self) -> CrowdStory:
        """Let all tasks wait, end a few aggregations, refuse list requests, and end the others."""
        aggregations = [self._started(number) for number in range(WAITS)]
        run = self.api.trigger(DAG_ID, {"aggregation_ids": [one.id for one in aggregations]})
        self._wait_for(lambda: len(self._waiting(run)) == WAITS, "all tasks to wait")
        triggerers = {task.triggerer for task in self._waiting(run)}
        while_together = self._looked_at_together(aggregations)
        early_logs = self._logs(run)
        first, others = aggregations[:FIRST_TO_END], aggregations[FIRST_TO_END:]
        self._end(first)
        self._wait_for(lambda: self._succeeded(run) == len(first), "the first tasks to end")
        self._refuse_lists(others)
        self._end(others)
        self._wait_for(lambda: self._run(run).ended, "the run to end")
        story = CrowdStory(aggregations, while_together, early_logs, triggerers, self._run(run))
        story.logs = self._logs(run)
        for task in self.api.task_instances(run):
            story.tasks[task.map_index] = task
            if task.state == "success":
                story.results[task.map_index] = self.api.xcom(run, task.task_id, map_index=task.map_index)
        return story

    def _started(self, number: int) -> Aggregation:
        name = f"crowd_{number}"
        source = self.control.create_source(
            name, "direct", upstream=1000 + number, collect_seconds=0.0, process_seconds=PROCESS_SECONDS
        )
        self.tenant.start_aggregation(source["id"])
        (run,) = self.control.runs(source["id"])
        aggregation = Aggregation(number, run["id"], name)
        self._advance(aggregation, aggregation.early_percent)
        return aggregation

    def _advance(self, aggregation: Aggregation, percent: float) -> None:
        self.control.advance(aggregation.id, PROCESS_SECONDS * percent / 100)

    def _looked_at_together(self, aggregations: Sequence[Aggregation]) -> Asked:
        """Wait until lists contain all of them, advance all, and return the polls from then on."""
        ids = {one.id for one in aggregations}
        self.control.clear_requests()
        self._wait_for(lambda: ids <= set(self._asked().named), "list requests for all of them")
        for one in aggregations:
            self._advance(one, one.late_percent - one.early_percent)
        self.control.clear_requests()
        self._wait_for(
            lambda: min(map(self._asked().named.count, ids)) >= POLLS, f"{POLLS} polls of each of them"
        )
        return self._asked()

    def _refuse_lists(self, waiting: Sequence[Aggregation]) -> None:
        """Refuse list requests, until each is polled by itself and the poller has warned of both lists."""
        ids = {one.id for one in waiting}
        self.control.fault("answer", path="task-status/v1$", status=400)
        self.control.clear_requests()
        self._wait_for(lambda: ids <= set(self._asked().alone), "each to be polled by itself")
        self._wait_for(
            lambda: sum(REFUSED in line for line in self.triggerer_lines()) >= 2, "the poller to warn of it"
        )

    def _end(self, aggregations: Sequence[Aggregation]) -> None:
        for one in aggregations:
            self.control.finish(one.id, one.outcome)

    def _asked(self) -> Asked:
        return Asked.of(self.control.requests())

    def _run(self, run: DagRun) -> DagRun:
        return self.api.dag_run(run.dag_id, run.run_id)

    def _logs(self, run: DagRun) -> dict[int, list[LogLine]]:
        return {task.map_index: self.api.log(run, task) for task in self.api.task_instances(run)}

    def _waiting(self, run: DagRun) -> list[TaskInstance]:
        tasks = self.api.task_instances(run)
        return [task for task in tasks if task.state == "deferred" and task.triggerer is not None]

    def _succeeded(self, run: DagRun) -> int:
        return sum(task.state == "success" for task in self.api.task_instances(run))

    def _wait_for(self, ready: Callable[[], bool], what: str) -> None:
        self.processes.wait_until(ready, what, timeout=300.0, pause=0.5)


@contextmanager
def crowd_place(folder: Path) -> Iterator[CrowdPlace]:
    """Start the tenant and an Airflow with the crowd's DAG, and stop them at the end.

    :param folder: gets Airflow's home and all logs.
    """
    with Processes(folder / "logs") as processes:
        tenant = start_simulator(processes)
        home = AirflowHome(
            folder / "home",
            Path(__file__).parent / "dags",
            connections={"sailpoint_default": tenant.connection()},
            # What is installed may be the package of another folder.
            variables={"PYTHONPATH": str(PROJECT)},
            settings=READ_ONCE,
        )
        api = start_airflow(home, processes)
        processes.wait_until(
            lambda: DAG_ID in api.dag_ids() or bool(api.import_errors()), "the crowd's DAG", timeout=120.0
        )
        if errors := api.import_errors():
            raise RuntimeError("Airflow could not read the crowd's DAG:\n" + "\n".join(errors))
        yield CrowdPlace(api, tenant, processes)
