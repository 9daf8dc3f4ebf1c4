"""Compares what became of every file with what had to become of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.drops.names import file_key
from tests.live.chaos.truth import ROUNDING
from tests.live.drop_chaos.dropper import BYSTANDERS
from tests.live.drop_chaos.files import FOLDERS
from tests.live.drop_chaos.rules import Model

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.chaos.truth import Run, Truth
    from tests.live.drop_chaos.dropper import Dropped
    from tests.live.drop_chaos.truth import Claim
    from tests.live.drop_chaos.world import Json, Source, World

_CLOCKS = 0.1
"""Real seconds by which the times of a disk and of a tenant may differ."""
_GOOD = ("success", "retried", "warning")
_OUTCOMES = ("loaded", "refused", "duplicate")
_ENDS = {"success": "loaded", "skipped": "duplicate", "failed": "refused"}


class SourceVerdict:
    """
    The verdict about one source.

    :param dropped: its files, in the order in which they were dropped.
    :param claims: its drops that were taken, in the order in which they were.
    :param truth: its aggregations, by the tenant's own record.
    :param held: the accounts that the tenant holds at the end.
    :param events: what the processes recorded.
    """

    def __init__(
        self,
        world: World,
        source: Source,
        dropped: list[Dropped],
        claims: list[Claim],
        truth: Truth,
        held: frozenset[str],
        events: list[Json],
    ) -> None:
        self._world = world
        self._source = source
        self._folder = world.path(source.folder)
        self._dropped = {(drop.plan.name, drop.mtime_ns): drop for drop in dropped}
        self._claims = {claim.number: claim for claim in claims}
        self._truth = truth
        self._held = held
        self._events = events
        self._last: Dropped | None = None
        self.outcomes: Counter[str] = Counter()
        self.violations: list[str] = []

    def judge(self) -> SourceVerdict:
        """Apply every rule."""
        self._each_taken_once()
        self._each_decided_rightly()
        self._each_filed_as_it_was()
        self._in_order()
        self._taken_over_only_from_runs_that_are_over()
        self._sent_only_what_was_checked()
        self._loaded_before_it_was_filed()
        self._accounts_are_those_of_the_newest()
        self._records_agree()
        self._tasks_ended_as_decided()
        return self

    def _wrong(self, sentence: str) -> None:
        self.violations.append(f"{self._source.name}: {sentence}")

    def _drop_of(self, claim: Claim) -> Dropped | None:
        return self._dropped.get((claim.name, claim.mtime_ns))

    def _each_taken_once(self) -> None:
        times = Counter((claim.name, claim.mtime_ns) for claim in self._claims.values())
        for key, drop in self._dropped.items():
            if times[key] != 1:
                self._wrong(f"{drop.plan.name} ({drop.plan.kind}) was taken {times[key]} times")
        for name, _ in times.keys() - self._dropped.keys():
            self._wrong(f"{name} was taken, which nobody dropped in that state")

    def _each_decided_rightly(self) -> None:
        model = Model()
        for claim in self._claims.values():
            drop = self._drop_of(claim)
            if drop is None:
                continue
            due = model.decide(drop)
            self.outcomes[f"{drop.plan.kind}: {claim.outcome}"] += 1
            if claim.outcome != due:
                self._wrong(f"{claim.name} ({drop.plan.kind}) is {claim.outcome}, but had to be {due}")
        self._last = model.last

    def _each_filed_as_it_was(self) -> None:
        for claim in self._claims.values():
            drop = self._drop_of(claim)
            if claim.outcome is None or drop is None:
                continue
            path = self._folder / str(claim.newest["target"])
            if not path.is_file():
                self._wrong(f"{claim.name} is not at {claim.newest['target']}: it is LOST")
            elif _digest(path) != drop.plan.stored_sha256:
                self._wrong(f"{claim.name} at {claim.newest['target']} is another file: it is LOST")
            elif claim.outcome != "loaded":
                self._has_report(path, claim, drop)

    def _has_report(self, path: Path, claim: Claim, drop: Dropped) -> None:
        try:
            report = json.loads(path.with_name(f"{path.name}.report.json").read_bytes())
        except FileNotFoundError:
            self._wrong(f"{claim.name} was {claim.outcome} without a report")
            return
        verdict = {"refused": "refused", "duplicate": "repeated"}[str(claim.outcome)]
        if report["verdict"] != verdict or report["sha256"] not in ("", drop.plan.sha256):
            self._wrong(f"the report of {claim.name} is about another file or verdict")

    def _in_order(self) -> None:
        """No file is taken before an older one that was complete when the folder was listed."""
        scanned = {event["token"]: event["scanned"] for event in self._events if event["what"] == "claim"}
        taken: set[tuple[str, int]] = set()
        for claim in self._claims.values():
            key, listed = (claim.name, claim.mtime_ns), scanned.get(claim.taken["token"], 0.0)
            for drop in self._dropped.values():
                other = drop.plan.name, drop.mtime_ns
                is_older = (drop.mtime_ns, drop.plan.name) < (claim.mtime_ns, claim.name)
                if other not in taken and is_older and drop.complete_at + _CLOCKS < listed:
                    self._wrong(f"{claim.name} was taken before the older {drop.plan.name}")
            taken.add(key)
        for claim, later in zip(list(self._claims.values()), list(self._claims.values())[1:], strict=False):
            if claim.records[-1][0] > later.number:
                self._wrong(f"{later.name} was taken before {claim.name} was decided")

    def _taken_over_only_from_runs_that_are_over(self) -> None:
        ended = {event["run"]: event["ended"] for event in self._events if event["what"] == "run over"}
        for claim in self._claims.values():
            for (_, before, _), (_, after, at) in pairwise(claim.records):
                run = before["run_id"]
                if after["run_id"] != run and at + _CLOCKS < ended.get(run, math.inf):
                    self._wrong(f"{claim.name} was taken over from {run}, which was still loading it")

    def _sent_only_what_was_checked(self) -> None:
        passed: dict[int, set[str]] = defaultdict(set)
        checked: dict[str, set[str]] = {}
        for event in self._events:
            if event["what"] == "check" and event["verdict"] == "passed":
                passed[event["pid"]].add(event["sha256"])
            elif event["what"] == "sent":
                checked[event["tag"]] = set(passed[event["pid"]])
        before = 0
        for run in sorted(self._truth.runs, key=lambda run: run.created):
            if (number := _claim_of(run)) is None:
                continue
            claim = self._claims.get(number)
            drop = None if claim is None else self._drop_of(claim)
            if claim is None or drop is None:
                self._wrong(f"aggregation {run.id} loads a file that was not taken")
                continue
            if run.sha256 != drop.plan.sha256:
                self._wrong(f"aggregation {run.id} got other content than {claim.name}")
            elif run.sha256 not in checked.get(run.origin, ()):
                self._wrong(f"{claim.name} was sent without a check that it passed")
            if claim.outcome != "loaded":
                self._wrong(f"{claim.name} was sent, although it is {claim.outcome}")
            if run.counts and number < before:
                self._wrong(f"{claim.name} was loaded again after a newer file")
            before = max(before, number)

    def _loaded_before_it_was_filed(self) -> None:
        for claim in self._claims.values():
            if claim.outcome != "loaded" or claim.filing is None:
                continue
            _, filed = claim.filing
            ends = [
                self._world.real_time(run.completed)
                for run in self._truth.started
                if _claim_of(run) == claim.number and run.outcome in _GOOD and run.completed is not None
            ]
            if not ends:
                self._wrong(f"{claim.name} is filed as loaded, but no aggregation of it ended well")
            elif min(ends) > filed + ROUNDING + _CLOCKS:
                self._wrong(f"{claim.name} was filed as loaded {min(ends) - filed:.2f} s before it was")

    def _accounts_are_those_of_the_newest(self) -> None:
        due = self._last.plan.keys if self._last is not None else frozenset()
        assert due is not None
        if gone := sorted(due - self._held):
            self._wrong(
                f"{len(gone)} accounts that the newest good file holds were DELETED, such as {gone[0]}"
            )
        if stayed := sorted(self._held - due):
            self._wrong(
                f"{len(stayed)} accounts are there that the newest good file lacks, such as {stayed[0]}"
            )

    def _records_agree(self) -> None:
        pointer = self._folder / STATE_FOLDER / "last" / f"{file_key(self._source.id)}.json"
        if self._last is None:
            return
        if not pointer.exists():
            self._wrong("no record says which file was loaded last")
            return
        known = json.loads(pointer.read_bytes())
        if (known["name"], known["sha256"]) != (self._last.plan.name, self._last.plan.sha256):
            self._wrong(f"{known['name']} is recorded as loaded last, not {self._last.plan.name}")
        if not (self._folder / known["filed_as"]).is_file():
            self._wrong(f"the file that was loaded last is not at {known['filed_as']}")

    def _tasks_ended_as_decided(self) -> None:
        for event in self._events:
            if event["what"] != "load over" or event["source"] != self._source.name:
                continue
            claim = self._claims.get(event["claim"])
            due = _ENDS[event["end"]]
            if due == "refused" and event["error"] != "FileRefusedError":
                continue
            if claim is None or claim.outcome != due:
                self._wrong(f"a task ended as {due}, but claim {event['claim']} did not")


def judge_folders(world: World, claims: dict[str, list[Claim]]) -> list[str]:
    """Return what is wrong in the folders themselves: files that are left, doubled or moved."""
    wrongs = []
    for folder in FOLDERS:
        root = world.path(folder.name)
        own = [
            claim for source in world.sources if source.folder == folder.name for claim in claims[source.name]
        ]
        targets = {str(claim.newest["target"]) for claim in own if claim.outcome is not None}
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            if not path.is_file() or name in targets or name in BYSTANDERS:
                continue
            inner = name.startswith(f"{STATE_FOLDER}/")
            if inner and not name.startswith((f"{STATE_FOLDER}/taken/", f"{STATE_FOLDER}/open/")):
                continue
            if not inner and _belongs_to_filed(name, targets):
                continue
            wrongs.append(f"{folder.name}: {name} is left")
        for name, content in BYSTANDERS.items():
            path = root / name
            if not path.is_file() or path.read_bytes() != content:
                wrongs.append(f"{folder.name}: {name}, which is no drop, was changed or moved")
    return wrongs


def _belongs_to_filed(name: str, targets: set[str]) -> bool:
    endings = (".report.json", ".report.txt", ".done", ".sha256")
    return any(name.endswith(ending) and name.removesuffix(ending) in targets for ending in endings)


def _claim_of(run: Run) -> int | None:
    """Return the number of the claim whose task started an aggregation; None for a rival's."""
    parts = run.origin.partition("#")[0].split(".")
    return int(parts[2]) if run.origin.startswith("run-") and "-rival-" not in run.origin else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
