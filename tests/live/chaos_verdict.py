"""Compares what Airflow was told with the tenant's own record of its runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from sailpoint_provider.isc.errors import SailPointError
from tests.live.chaos_faults import LATE_SECONDS
from tests.live.chaos_mischief import AirflowTroubleError, Crash

if TYPE_CHECKING:
    from tests.live.chaos_airflow import Report, Story
    from tests.live.chaos_plan import Unit

Json = dict[str, Any]
_STATES = {
    "success": "succeeded",
    "retried": "succeeded",
    "warning": "succeeded_with_warnings",
    "error": "failed",
    "temperror": "failed",
    "terminated": "terminated",
    "cancelled": "cancelled",
}
_GOOD = ("success", "retried", "warning")
_ROUNDING = 0.002
"""The tenant's times end in milliseconds."""
_STALL_SECONDS = 0.1
"""How much later than planned a late start may come on a busy machine."""


@dataclass
class Verdict:
    """
    What came of a unit.

    :param told_terminated: cancelled runs told as terminated, as their task records say.
    :param doubled: files that were loaded twice because a rival started in the same gap, each in a sentence.
    :param violations: what must not be, each in a sentence.
    """

    unit: str
    tasks: int
    succeeded: int = 0
    gave_up: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    deferrals: int = 0
    clears: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    aggregations: int = 0
    refused: int = 0
    files: int = 0
    told_terminated: int = 0
    doubled: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    """A run as the tenant knows it, at this machine's time."""

    id: str
    counts: bool
    outcome: str | None
    created: float
    completed: float | None
    sha256: str | None
    total: int | None

    @classmethod
    def of_record(cls, record: Json, skew: float) -> _Run:
        def moment(text: str | None) -> float | None:
            return None if text is None else datetime.fromisoformat(text).timestamp() - skew

        return cls(
            id=record["id"],
            counts=not record["refused"],
            outcome=record["outcome"],
            created=moment(record["created"]) or 0.0,
            completed=moment(record["completed"]),
            sha256=(record["file"] or {}).get("sha256"),
            total=record["counts"]["total"],
        )


def judge(unit: Unit, stories: list[Story], records: list[Json], skew: float) -> Verdict:
    """
    Judge a unit.

    :param records: what the tenant tells of the source's runs.
    :param skew: seconds by which its clock is ahead.
    """
    runs = [_Run.of_record(record, skew) for record in records]
    verdict = Verdict(unit.name, len(stories))
    verdict.aggregations = sum(run.counts for run in runs)
    verdict.refused = len(runs) - verdict.aggregations
    by_id = {run.id: run for run in runs}
    for story in stories:
        verdict.succeeded += story.end.kind == "success"
        if story.end.kind == "failed":
            verdict.gave_up[type(story.end.error).__name__] += 1
        verdict.tries += story.tries
        verdict.deferrals += story.deferrals
        verdict.clears += len(story.cleared)
        verdict.crashes += story.mischief.crashes
        verdict.troubles += story.mischief.troubles
        wrongs = [*story.wrongs, *story.mischief.leaks]
        for report in story.reports:
            wrongs += _wrong_report(story, report, by_id)
        wrongs += _wrong_number(unit, story, runs, verdict)
        verdict.told_terminated += story.told_terminated
        verdict.violations += [f"{story.task.name}: {wrong}" for wrong in wrongs]
    if unit.source["type"] == "delimited":
        whole = {sha256 for story in stories for sha256 in story.hashes}
        arrived = [run for run in runs if run.counts]
        verdict.files = len(arrived)
        verdict.violations += [
            f"{unit.name}: the file of aggregation {run.id} did not arrive whole"
            for run in arrived
            if run.sha256 not in whole
        ]
    return verdict


def _wrong_report(story: Story, report: Report, runs: dict[str, _Run]) -> list[str]:
    if report.error is not None and not isinstance(
        report.error, SailPointError | AirflowTaskTimeout | AirflowTroubleError | Crash
    ):
        return [f"unexpected {report.error!r}"]
    if report.result is None:
        return []
    result, run = report.result, runs.get(report.result["aggregation_id"])
    if run is None or not run.counts:
        return [f"reported aggregation {result['aggregation_id']}, which the tenant did not run"]
    wrongs = []
    truth = _STATES.get(run.outcome or "", "running")
    if truth == "cancelled" and result["state"] == "terminated" and result["status"] is None:
        # ISC's task record has no word for it; without the status endpoint nobody can know.
        story.told_terminated += 1
    elif result["state"] != truth and (story.task.waits or result["state"] != "running"):
        wrongs.append(f"reported {result['state']} for aggregation {run.id}, which {truth}")
    total = result["counts"]["total"]
    if total is not None and total != run.total:
        wrongs.append(f"reported {total} accounts for aggregation {run.id}, which scanned {run.total}")
    if report.kind != "success":
        return wrongs
    if run.created < story.based[run.id] - _ROUNDING:
        wrongs.append(f"took aggregation {run.id}, which began before the task looked")
    if report.epoch and run.completed and run.completed < story.cleared[report.epoch - 1][0] - _ROUNDING:
        wrongs.append(f"went green after a clear with aggregation {run.id}, which had ended before")
    if story.task.rows:
        sha256 = story.hashes[report.version]
        if run.sha256 != sha256:
            wrongs.append(f"took aggregation {run.id} for its own, which loaded another file")
        if (result["file"] or {}).get("sha256") != sha256:
            wrongs.append(f"reported another file than it had: {result['file']}")
    return wrongs


def _wrong_number(unit: Unit, story: Story, runs: list[_Run], verdict: Verdict) -> list[str]:
    """Make sure that each epoch of a task has one good run of its own; a bad end may be followed by more."""
    if unit.kind == "shared":
        return []
    wrongs = []
    good = [run for run in runs if run.counts and _is_good(story, run)]
    for sha256 in dict.fromkeys(story.hashes):
        versions = {number for number, one in enumerate(story.hashes) if one == sha256}
        ours = [run for run in good if not story.task.rows or run.sha256 == sha256]
        reports = [report for report in story.reports if report.version in versions]
        epochs = {report.epoch for report in reports}
        successes = sum(report.kind == "success" for report in reports)
        number = f"{len(ours)} aggregations for {len(epochs)} orders and {successes} successes"
        if len(ours) < successes:
            wrongs.append(f"{number}: too few")
        excess = len(ours) - len(epochs)
        if excess <= 0:
            continue
        reasons = [
            f"{story.task.name}: {number}; {len(rivals)} of rivals began in the {end - look:.1f} s "
            "between its look and its decision"
            for look, end in story.gaps
            if sum(look <= run.created for run in ours) > 1
            and any(look <= run.created <= end + LATE_SECONDS + _STALL_SECONDS for run in ours)
            and (
                rivals := [
                    run for run in runs if run.counts and run not in ours and look <= run.created <= end
                ]
            )
        ]
        verdict.doubled += reasons[:excess]
        if len(reasons) < excess:
            wrongs.append(f"{number}: too many")
    return wrongs


def _is_good(story: Story, run: _Run) -> bool:
    if run.outcome == "warning" and story.task.options.get("fail_on_warning"):
        return False
    return run.outcome is None or run.outcome in _GOOD
