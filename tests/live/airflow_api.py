"""The part of Airflow's REST API that the demo and the live tests use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TIMEOUT = 30.0


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG, as Airflow reports it."""

    dag_id: str
    run_id: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether the run is over, well or not."""
        return self.state in {"success", "failed"}


@dataclass(frozen=True)
class TaskInstance:
    """One task of a run.

    :param map_index: -1 for a task that is not mapped.
    :param state: Airflow's state, or ``waiting`` while it has none.
    :param start: when it started; sorts last while it has not.
    :param id: Airflow's id of this try.
    :param triggerer: id of the triggerer's job that holds its wait, None while none does.
    """

    task_id: str
    map_index: int
    state: str
    try_number: int
    start: str
    id: str = ""
    triggerer: int | None = None

    @property
    def label(self) -> str:
        """The task's id, with the index of a mapped one."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True)
class LogLine:
    """One line of a task's log.

    :param error: the exceptions it carries, with their messages.
    """

    timestamp: str
    level: str
    logger: str
    text: str
    error: str


class AirflowApi:
    """Talks to one Airflow.

    :param url: address of the api-server, without a path.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        # SQLite lets one writer in at a time, so on a busy machine a read may fail and has to be repeated.
        again = Retry(5, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504), allowed_methods={"GET"})
        self._session.mount(f"{url}/api/v2/dags", HTTPAdapter(max_retries=again))

    def health(self) -> dict[str, str]:
        """Return each component's health; nothing while the api-server does not answer."""
        try:
            answer = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=TIMEOUT)
        except requests.RequestException:
            return {}
        if not answer.ok:
            return {}
        return {component: str(report.get("status")) for component, report in answer.json().items() if report}

    def import_errors(self) -> list[str]:
        """Return why DAG files could not be read."""
        listed = self._get("/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in listed]

    def dag_ids(self) -> set[str]:
        """Return the ids of all DAGs that Airflow has read."""
        return {dag["dag_id"] for dag in self._get("/dags")["dags"]}

    def store_connection(self, conn_id: str, fields: Mapping[str, object]) -> None:
        """Put a connection into Airflow's database, as a person does in the web page."""
        self._call("POST", "/connections", json={"connection_id": conn_id, **fields})

    def test_connection(self, conn_id: str, fields: Mapping[str, object]) -> tuple[bool, str]:
        """Press the button *Test* of a connection's form, and return whether it is good, and what is said."""
        tested = self._call("POST", "/connections/test", json={"connection_id": conn_id, **fields})
        return tested["status"], tested["message"]

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self._call("PATCH", f"/dags/{quote(dag_id)}", json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG no more."""
        self._call("PATCH", f"/dags/{quote(dag_id)}", json={"is_paused": True})

    def read_again(self, dag_id: str) -> None:
        """Let the DAG processor read a DAG's file now; only then it watches the folder of an unpaused DAG."""
        token = self._get(f"/dags/{quote(dag_id)}")["file_token"]
        self._call("PUT", f"/parseDagFile/{quote(token)}")

    def trigger(self, dag_id: str, conf: dict[str, object] | None = None) -> DagRun:
        """Start a run of a DAG by hand."""
        started = self._call(
            "POST", f"/dags/{quote(dag_id)}/dagRuns", json={"logical_date": None, "conf": conf or {}}
        )
        return _dag_run(started)

    def dag_runs(self, dag_id: str) -> list[DagRun]:
        """Return the runs of a DAG, oldest first."""
        listed = self._get(f"/dags/{quote(dag_id)}/dagRuns", order_by="id")["dag_runs"]
        return [_dag_run(run) for run in listed]

    def dag_run(self, dag_id: str, run_id: str) -> DagRun:
        """Return one run as it stands now."""
        return _dag_run(self._get(_run_path(dag_id, run_id)))

    def task_instances(self, run: DagRun) -> list[TaskInstance]:
        """Return the tasks of a run as they stand now."""
        listed = self._get(f"{_run_path(run.dag_id, run.run_id)}/taskInstances")["task_instances"]
        return [
            TaskInstance(
                task_id=task["task_id"],
                map_index=task["map_index"],
                state=task["state"] or "waiting",
                try_number=task["try_number"],
                start=task["start_date"] or "9",
                id=task["id"],
                triggerer=(task["triggerer_job"] or {}).get("id"),
            )
            for task in listed
        ]

    def mark(self, run: DagRun, task_id: str, state: str) -> None:
        """Set the state of a task, as a person does in the web page."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task_id)}"
        self._call("PATCH", path, json={"new_state": state})

    def clear(self, run: DagRun, task_id: str) -> None:
        """Clear a task, so that it runs again."""
        chosen = {"dag_run_id": run.run_id, "task_ids": [task_id]}
        self._call(
            "POST",
            f"/dags/{quote(run.dag_id)}/clearTaskInstances",
            json={"dry_run": False, "only_failed": False, **chosen},
        )

    def answer(self, run: DagRun, task: TaskInstance, option: str) -> None:
        """Choose an option of a task that waits for a person, as that person does in the web page."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task.task_id)}/{task.map_index}"
        self._call("PATCH", f"{path}/hitlDetails", json={"chosen_options": [option], "params_input": {}})

    def live_triggerers(self) -> list[int]:
        """Return the job ids of the triggerers that give signs of life, by the time of their starts."""
        return self._live_jobs("TriggererJob")

    def live_schedulers(self) -> list[int]:
        """Return the same of the schedulers."""
        return self._live_jobs("SchedulerJob")

    def _live_jobs(self, kind: str) -> list[int]:
        return sorted(job["id"] for job in self._get("/jobs", job_type=kind, is_alive=True)["jobs"])

    def asset_events(self) -> list[dict[str, Any]]:
        """Return the events of all assets, oldest first, each with ``uri`` and ``extra``."""
        return list(self._get("/assets/events", order_by="timestamp", limit=1000)["asset_events"])

    def xcom(self, run: DagRun, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return what a task handed over under a key."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        return self._get(path, map_index=map_index)["value"]

    def xcom_entries(self, run: DagRun) -> list[tuple[str, str, Any]]:
        """Return every (task id, key, value) that a run handed over."""
        tasks = f"{_run_path(run.dag_id, run.run_id)}/taskInstances"
        listed = self._get(f"{tasks}/~/xcomEntries")["xcom_entries"]
        return [
            (
                entry["task_id"],
                entry["key"],
                self.xcom(run, entry["task_id"], entry["key"], entry["map_index"]),
            )
            for entry in listed
        ]

    def extra_links(self, run: DagRun, task_id: str, map_index: int = -1) -> dict[str, str | None]:
        """Return the links of a task by their names, None for one without a URL."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task_id)}/links"
        return dict(self._get(path, map_index=map_index)["extra_links"])

    def log(self, run: DagRun, task: TaskInstance) -> list[LogLine]:
        """Return the log of a task's current try, also while it is deferred."""
        path = (
            f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task.task_id)}"
            f"/logs/{max(task.try_number, 1)}"
        )
        content = self._get(path, map_index=task.map_index, full_content=True)["content"]
        return log_lines(content)

    def _get(self, path: str, **query: object) -> Any:
        return self._call("GET", path, params={name: str(setting) for name, setting in query.items()})

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        arguments |= {"headers": {"Accept": "application/json"}, "timeout": TIMEOUT}
        answer = self._session.request(method, f"{self.url}/api/v2{path}", **arguments)
        if answer.status_code == 401 and "Authorization" not in self._session.headers:
            # Before Airflow 3.2, those who are all administrators need a token, too.
            token = self._session.get(f"{self.url}/auth/token", timeout=TIMEOUT).json()["access_token"]
            self._session.headers["Authorization"] = f"Bearer {token}"
            answer = self._session.request(method, f"{self.url}/api/v2{path}", **arguments)
        if not answer.ok:
            raise RuntimeError(
                f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:500]}"
            )
        return answer.json() if answer.content else None


def log_lines(content: Iterable[object]) -> list[LogLine]:
    """Return the lines of a log that was read as JSON; what is no line is left out."""
    return [
        LogLine(
            timestamp=line.get("timestamp") or "",
            level=line.get("level") or "",
            logger=line.get("logger") or "",
            text=line["event"],
            error="; ".join(
                f"{error.get('exc_type')}: {error.get('exc_value')}"
                for error in line.get("error_detail") or []
            ),
        )
        for line in content
        if isinstance(line, dict) and isinstance(line.get("event"), str)
    ]


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"


def _dag_run(answer: dict[str, Any]) -> DagRun:
    return DagRun(dag_id=answer["dag_id"], run_id=answer["dag_run_id"], state=answer["state"])
