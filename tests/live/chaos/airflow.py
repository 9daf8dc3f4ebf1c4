"""A minimal Airflow for one task: its task instance with XComs, its DAG run, and the task state store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tests.live.chaos.clock import CLOCK
from tests.live.chaos.mischief import AirflowTroubleError
from tests.live.chaos.starts import AGGREGATION_ID, Attempt, Look

if TYPE_CHECKING:
    from tests.live.chaos.mischief import Mischief
    from tests.live.chaos.plan import Task
    from tests.live.chaos.starts import Ledger

Json = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """
    How one try ended, as Airflow saw it.

    :param kind: ``failed`` is for good, after an ``error`` or a ``crash`` another try comes.
    :param attempt: the try.
    :param ended: epoch seconds.
    :param look: the last read of the source's records.
    :param known: IDs that this try received in responses, and the ID that the state store held at its start.
    :param result: what was returned, or what an aggregation that ended badly came to.
    :param error: the exception.
    """

    kind: Literal["success", "skipped", "failed", "error", "crash"]
    attempt: Attempt
    ended: float
    look: Look
    known: frozenset[str]
    result: Json | None = None
    error: BaseException | None = None


@dataclass
class Story:
    """
    What happened to one task.

    :param cleared: moments of its clears.
    :param watched: what a sensor waited for.
    :param backstops: how often Airflow's own timeout ended a deferral.
    :param kept_max_tries: how many clears left ``max_tries`` as it was.
    :param others_cleared: how often another task of the run was cleared.
    """

    task: Task
    mischief: Mischief
    reports: list[Report] = field(default_factory=list)
    cleared: list[float] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    watched: str | None = None
    begun: float = 0.0
    tries: int = 0
    deferrals: int = 0
    reschedules: int = 0
    backstops: int = 0
    kept_max_tries: int = 0
    others_cleared: int = 0
    told_terminated: int = 0

    @property
    def ledger(self) -> Ledger:
        """Its starts."""
        return self.mischief.ledger

    @property
    def version(self) -> int:
        """Which of its files lies there."""
        return len(self.hashes) - 1

    @property
    def end(self) -> Report:
        """How it ended."""
        return self.reports[-1]


class TaskStateStore:
    """Airflow's store of one task's state, which survives everything; all in it goes through JSON."""

    def __init__(self, story: Story) -> None:
        self._mischief = story.mischief
        self._ledger = story.ledger
        self._kept: dict[str, str] = {}

    def get(self, key: str) -> Any:
        fails = self._mischief.ask_airflow("get")
        self._finish("get", fails)
        return json.loads(self._kept.get(key, "null"))

    def set(self, key: str, checkpoint: Json) -> None:
        text = json.dumps(checkpoint)
        self._mischief.check(text, "the task state store")
        fails = self._mischief.ask_airflow(f"set {checkpoint['state']}")
        self._mischief.note(f"set {text}")
        self._kept[key] = text
        self._ledger.stored(json.loads(text))
        self._finish(f"set {checkpoint['state']}", fails)

    def delete(self, key: str) -> None:
        fails = self._mischief.ask_airflow("delete")
        self._mischief.note("delete")
        self._kept.pop(key, None)
        self._ledger.stored(None)
        self._finish("delete", fails)

    def _finish(self, what: str, fails: bool) -> None:
        self._mischief.reach(f"after {what}")
        if fails:
            raise AirflowTroubleError(what)


class DagRun:
    """
    What operators ask of a DAG run.

    :param name: its ID.
    """

    def __init__(self, name: str) -> None:
        self.run_id = name
        self.clear_number = 0
        self.begin()

    @property
    def start_date(self) -> datetime:
        """When it began, by Airflow's clock."""
        return datetime.fromtimestamp(self.started, UTC)

    def begin(self) -> None:
        """Begin now; a run that had ended begins anew when one of its tasks is cleared."""
        self.started = CLOCK.time()


class TaskInstance:
    """
    What operators and sensors ask of a task instance.

    :param story: the task's story.
    """

    def __init__(self, story: Story) -> None:
        self._mischief = story.mischief
        self.task_id = story.task.name
        self.try_number = 1
        self.max_tries = int(story.task.options["retries"])
        self.xcoms: Json = {}
        self.first_poke: float | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        fails = self._mischief.ask_airflow("xcom_push")
        text = json.dumps(value)
        self._mischief.check(text, f"XCom {key}")
        if key == AGGREGATION_ID:
            self._mischief.ledger.follow(value)
        self.xcoms[key] = json.loads(text)
        self._mischief.reach("after xcom_push")
        if fails:
            raise AirflowTroubleError("xcom_push")

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcoms.get(key) if task_ids == self.task_id else None

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        """Return when a rescheduled sensor poked first in this try, None where it does so now."""
        return None if self.first_poke is None else datetime.fromtimestamp(self.first_poke, UTC)
