"""Compares what Airflow recorded with the tenant's own record of its runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import AggregationAlreadyRunningError, AggregationFailedError
from tests.live.chaos.doubles import doubles_of
from tests.live.chaos.kinds import kinds_of
from tests.live.chaos.rules import GUESSED, LOST, wrong_report
from tests.live.chaos.sensor_rules import wrong_sensor_report

if TYPE_CHECKING:
    from tests.live.chaos.airflow import Story
    from tests.live.chaos.plan import Unit
    from tests.live.chaos.tenant import Traits
    from tests.live.chaos.truth import Truth


@dataclass
class Verdict:
    """
    What became of a unit.

    :param settled: tasks that ended properly: in success, in favour of a rival, or because of a bad end.
    :param lost: tasks that succeeded although their own file was not loaded.
    :param guessed: tasks that succeeded although no acknowledgement showed that it was.
    :param told_terminated: cancelled runs reported as terminated, which is what their task records say.
    :param doubled: why aggregations were started more than once for one load.
    :param kinds: how many events of each kind occurred.
    :param violations: violated rules, each in a sentence.
    """

    unit: str
    task_names: tuple[str, ...]
    tasks: int
    succeeded: int = 0
    skipped: int = 0
    settled: int = 0
    gave_up: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    deferrals: int = 0
    clears: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    aggregations: int = 0
    refused: int = 0
    files: int = 0
    lost: int = 0
    guessed: int = 0
    told_terminated: int = 0
    doubled: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def take_in(self, story: Story, wrongs: list[str]) -> None:
        """Add what happened to one task."""
        self.succeeded += story.end.kind == "success"
        self.skipped += story.end.kind == "skipped"
        self.settled += _is_settled(story)
        if story.end.kind == "failed":
            self.gave_up[type(story.end.error).__name__] += 1
        self.tries += story.tries
        self.deferrals += story.deferrals
        self.clears += len(story.cleared)
        self.crashes += story.mischief.crashes
        self.troubles += story.mischief.troubles
        self.told_terminated += story.told_terminated
        self.lost += sum(wrong.startswith(LOST) for wrong in wrongs)
        self.guessed += sum(wrong.startswith(GUESSED) for wrong in wrongs)
        self.violations += [f"{story.task.name}: {wrong}" for wrong in wrongs]


def judge(unit: Unit, stories: list[Story], truth: Truth, traits: Traits) -> Verdict:
    """Judge a unit by its tenant's record."""
    verdict = Verdict(unit.name, tuple(task.name for task in unit.tasks), len(stories))
    verdict.aggregations = len(truth.started)
    verdict.refused = len(truth.runs) - verdict.aggregations
    for story in stories:
        wrongs = [*story.wrongs, *story.mischief.leaks]
        if story.task.watching is not None:
            for report in story.reports:
                wrongs += wrong_sensor_report(story, report, truth)
        else:
            for report in story.reports:
                wrongs += wrong_report(story, report, truth, keeps_refusals=traits.keeps_refusals)
            doubles = doubles_of(story, truth)
            wrongs += doubles.wrongs
            verdict.doubled += Counter(doubles.reasons)
        verdict.take_in(story, wrongs)
    if unit.source["type"] == "delimited":
        own = [run for story in stories for run in truth.own(story)]
        whole = {sha256 for story in stories for sha256 in story.hashes}
        verdict.files = len(own)
        verdict.violations += [
            f"{unit.name}: the file of aggregation {run.id} did not arrive complete"
            for run in own
            if run.sha256 not in whole
        ]
    verdict.kinds = kinds_of(unit, stories, truth, traits)
    return verdict


def _is_settled(story: Story) -> bool:
    if story.end.kind in ("success", "skipped"):
        return True
    if story.task.watching is not None:
        return isinstance(story.end.error, AggregationFailedError)
    return isinstance(story.end.error, AggregationAlreadyRunningError)
