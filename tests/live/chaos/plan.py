"""What is to be done: logical tasks, alone or several on one source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.live.account_files import AccountFile
from tests.live.chaos.rivals import HEADER, HEADERS, marker_of

if TYPE_CHECKING:
    from pathlib import Path

    from sailpoint_provider.simulator.control import SimulatorControl
    from sailpoint_provider.simulator.model.aggregations import Outcome
    from tests.live.chaos.mischief import Dangers
    from tests.live.chaos.rivals import Rival

Kind = Literal["own", "shared", "files", "watched"]
Way = Literal["poke", "reschedule", "deferrable"]


@dataclass(frozen=True)
class Watching:
    """
    What makes a task a sensor.

    :param task: name of the task in its unit whose aggregation it waits for; None for the unit's rival.
    :param way: how it waits.
    """

    task: str | None
    way: Way


@dataclass(frozen=True)
class Task:
    """
    One task of Airflow.

    :param name: its name, by which it can be replayed.
    :param rows: numbers of rows of its files, one after the other; empty for a direct source.
    :param dangers: how likely trouble is.
    :param options: arguments of the operator or sensor.
    :param begins_after: real seconds between the start of its unit and its own.
    :param retry_delay: seconds of the quick clock between two tries.
    :param extra: extra of its connection.
    :param token_lifetime: seconds that its tokens live.
    :param has_store: whether there is a task state store, as on Airflow 3.3 and later.
    :param watching: what it waits for, where it is a sensor.
    :param load: the kind of load.
    """

    name: str
    rows: tuple[int, ...]
    dangers: Dangers
    options: dict[str, Any]
    begins_after: float
    retry_delay: float
    extra: dict[str, Any]
    token_lifetime: int
    has_store: bool = True
    watching: Watching | None = None
    load: str = "account_aggregation"

    @property
    def waits(self) -> bool:
        """Whether it waits for the end."""
        return bool(self.options.get("wait_for_completion", True))

    @property
    def if_running(self) -> str:
        """What it does where another aggregation runs."""
        return str(self.options.get("if_running", "wait"))

    @property
    def is_plain(self) -> bool:
        """Whether any aggregation of the source does, whoever started it."""
        return not self.rows and not self.options.get("disable_optimization")

    def write_file(self, folder: Path, version: int) -> Path:
        """Write a version of its file in place of the one before; no two files of a run are the same."""
        described = AccountFile.numbered(self.rows[version], marker_of(self.name, version))
        return described.drop(folder, f"{self.name}.csv", HEADERS.get(self.load, HEADER))


@dataclass(frozen=True)
class Unit:
    """
    The tasks of one source.

    :param name: its name, by which it can be replayed.
    :param number: its place in the run.
    :param kind: a source to itself, shared without a file, shared with a file each, or with sensors.
    :param tasks: its tasks.
    :param source: settings of the source.
    :param next_runs: how its first runs go, where not in the usual way.
    :param rivals: aggregations that somebody else starts meanwhile.
    :param load: the kind of load of all of them.
    """

    name: str
    number: int
    kind: Kind
    tasks: tuple[Task, ...]
    source: dict[str, Any]
    next_runs: tuple[Outcome, ...] = field(default=())
    rivals: tuple[Rival, ...] = field(default=())
    load: str = "account_aggregation"

    @property
    def begins_at_once(self) -> bool:
        """Whether two tasks or more begin at the same instant."""
        return len([task for task in self.tasks if task.watching is None and not task.begins_after]) > 1

    def create_source(self, control: SimulatorControl) -> None:
        """Create its source and decide about the runs."""
        control.create_source(self.name, header=list(HEADER), **self.source)
        for outcome in self.next_runs:
            control.next_run(self.source["id"], outcome.value, fail_at=0.5, kind=self.load)
