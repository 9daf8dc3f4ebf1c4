"""The tenant's own record of one source: every run and every refused start, and who sent it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.live.chaos.airflow import Story

Json = dict[str, Any]
ROUNDING = 0.002
"""The tenant's times end in milliseconds."""
_GOOD = ("success", "retried", "warning")


@dataclass(frozen=True)
class Run:
    """
    A run, or a refused start, as the tenant knows it; times are Airflow's.

    :param origin: the tag of the request that started it, or the name of the rival.
    :param counts: whether it was really started.
    """

    id: str
    origin: str
    counts: bool
    outcome: str | None
    created: float
    completed: float | None
    optimized: bool
    file: Json | None
    total: int | None

    @classmethod
    def of_record(cls, record: Json, origin: str, skew: float) -> Run:
        """Read a record of the simulator's control API."""

        def moment(text: str | None) -> float | None:
            return None if text is None else datetime.fromisoformat(text).timestamp() - skew

        return cls(
            id=record["id"],
            origin=origin,
            counts=not record["refused"],
            outcome=record["outcome"],
            created=moment(record["created"]) or 0.0,
            completed=moment(record["completed"]),
            optimized=record["optimized"],
            file=record["file"],
            total=record["counts"]["total"],
        )

    @property
    def sha256(self) -> str | None:
        """What it loaded."""
        return None if self.file is None else str(self.file["sha256"])

    def ran_within(self, begin: float, end: float) -> bool:
        """Return whether it ran at some time between two moments."""
        return (
            self.counts
            and self.created <= end + ROUNDING
            and (self.completed is None or self.completed >= begin - ROUNDING)
        )

    def is_good_for(self, story: Story) -> bool:
        """Return whether it ended well in the eyes of a task, or has not ended."""
        if self.outcome == "warning" and story.task.options.get("fail_on_warning"):
            return False
        return self.outcome is None or self.outcome in _GOOD


@dataclass(frozen=True)
class Truth:
    """
    All runs of one source, oldest first.

    :param runs: really started ones, and refused starts.
    """

    runs: tuple[Run, ...]

    @classmethod
    def of_records(cls, records: Sequence[Json], origins: Mapping[str, str], skew: float) -> Truth:
        """Read what the control API says."""
        return cls(tuple(Run.of_record(record, origins[record["id"]], skew) for record in records))

    @property
    def started(self) -> list[Run]:
        """Those that were really started."""
        return [run for run in self.runs if run.counts]

    def run(self, run_id: str) -> Run | None:
        """Return a run that was really started."""
        return next((run for run in self.started if run.id == run_id), None)

    def of_post(self, tag: str) -> Run | None:
        """Return what came of a start: a run, a refused one, or None where it never arrived."""
        return next((run for run in self.runs if run.origin == tag), None)

    def own(self, story: Story) -> list[Run]:
        """Return the runs that a task itself has started."""
        tags = {post.tag for post in story.ledger.posts}
        return [run for run in self.started if run.origin in tags]

    def rivals(self, story: Story) -> list[Run]:
        """Return the runs that somebody else has started."""
        tags = {post.tag for post in story.ledger.posts}
        return [run for run in self.started if run.origin not in tags]
