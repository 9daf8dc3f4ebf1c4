"""What a task meets of Airflow, in small: its instance with XComs, and the task state store."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.live.chaos_mischief import AirflowTroubleError

if TYPE_CHECKING:
    from tests.live.chaos_mischief import Mischief
    from tests.live.chaos_plan import Task

Json = dict[str, Any]
AGGREGATION_ID = "aggregation_id"


@dataclass(frozen=True)
class Report:
    """
    How one try ended, as Airflow saw it.

    :param kind: ``failed`` is for good, after an ``error`` or a ``crash`` another try comes.
    :param epoch: how often the task had been cleared.
    :param version: which of the task's files lay there.
    :param ended: epoch seconds.
    :param result: what was returned, or what an aggregation that ended badly came to.
    :param error: the exception.
    """

    kind: Literal["success", "failed", "error", "crash"]
    epoch: int
    version: int
    ended: float
    result: Json | None = None
    error: BaseException | None = None


@dataclass
class Story:
    """
    What happened to one task.

    :param cleared: moments of its clears, each with whether it had succeeded.
    :param based: aggregation id to the moment of the look before the intent that led to it.
    :param gaps: from the look before an intent to the moment at which its start was given up.
    """

    task: Task
    mischief: Mischief
    reports: list[Report] = field(default_factory=list)
    cleared: list[tuple[float, bool]] = field(default_factory=list)
    based: dict[str, float] = field(default_factory=dict)
    gaps: list[tuple[float, float]] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    tries: int = 0
    deferrals: int = 0
    told_terminated: int = 0

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
        self._story = story
        self._mischief = story.mischief
        self._kept: dict[str, str] = {}
        self._looked = 0.0

    def get(self, key: str) -> Any:
        fails = self._mischief.ask_airflow("get")
        self._finish("get", fails)
        return json.loads(self._kept.get(key, "null"))

    def set(self, key: str, claim: Json) -> None:
        text = json.dumps(claim)
        self._mischief.check(text, "the task state store")
        if claim["state"] != "submitting":
            self._story.based.setdefault(claim[AGGREGATION_ID], self._looked or self._mischief.looked)
        fails = self._mischief.ask_airflow(f"set {claim['state']}")
        if claim["state"] == "submitting":
            self._close_gap(key)
            self._looked = self._mischief.looked
        self._mischief.note(f"set {text}")
        self._kept[key] = text
        self._finish(f"set {claim['state']}", fails)

    def delete(self, key: str) -> None:
        fails = self._mischief.ask_airflow("delete")
        self._close_gap(key)
        self._mischief.note("delete")
        self._kept.pop(key, None)
        self._finish("delete", fails)

    def _close_gap(self, key: str) -> None:
        before = json.loads(self._kept.get(key, "null"))
        if before is not None and (before["state"] == "submitting" or before["rows"] is not None):
            self._story.gaps.append((self._looked, time.time()))

    def _finish(self, what: str, fails: bool) -> None:
        self._mischief.reach(f"after {what}")
        if fails:
            raise AirflowTroubleError(what)


class TaskInstance:
    """
    What operators ask of a task instance.

    :param story: the task's story.
    """

    def __init__(self, story: Story) -> None:
        self._mischief = story.mischief
        self.task_id = story.task.name
        self.try_number = 1
        self.max_tries = int(story.task.options["retries"])
        self.xcoms: Json = {}

    def xcom_push(self, key: str, value: Any) -> None:
        fails = self._mischief.ask_airflow("xcom_push")
        text = json.dumps(value)
        self._mischief.check(text, f"XCom {key}")
        self.xcoms[key] = json.loads(text)
        self._mischief.reach("after xcom_push")
        if fails:
            raise AirflowTroubleError("xcom_push")

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcoms.get(key) if task_ids == self.task_id else None
