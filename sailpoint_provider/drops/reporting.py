"""When a watcher reports which drop: pure decisions, with the clock of the caller."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sailpoint_provider.drops.entries import Entry
    from sailpoint_provider.drops.names import DropSource

FIRST_PAUSE = 300.0
LONGEST_PAUSE = 3600.0
UNKNOWN_RUN_SECONDS = 600.0
"""How long an undecided drop holds back the next one if Airflow does not say whether its run is over."""

LONGEST_REMINDER_PAUSE = 86_400.0


@dataclass(frozen=True)
class Block:
    """
    A drop of the source that a run has taken and not decided.

    :param claim: which drop.
    :param is_active: whether the run is not over yet; None if unknown.
    """

    claim: int
    is_active: bool | None


@dataclass(frozen=True)
class _Report:
    entry: Entry
    at: float
    claim: int | None
    times: int = 1


class Reporter:
    """
    Reports the oldest drop of each source, once, when nothing of that source is undecided.

    So each event starts a run that finds its file, and a row of files makes a row of runs. There are three
    exceptions, or files would be forgotten. If the run that holds a source is over, the next drop is reported
    all the same, so that a new run takes over; ever more rarely if that does not help. It is reported again
    once the source is free. And a drop that lies untouched is reported again after ``remind_after`` seconds,
    because a paused DAG misses events.

    :param remind_after: seconds.
    """

    def __init__(self, remind_after: float) -> None:
        self._remind_after = remind_after
        self._reports: dict[DropSource, _Report] = {}
        self._blocked_since: dict[DropSource, tuple[int, float]] = {}

    def is_settled(self, source: DropSource, head: Entry, now: float) -> bool:
        """Return whether this drop was reported and nothing is due, whatever the source's journal says."""
        report = self._reports.get(source)
        return (
            report is not None
            and report.entry == head
            and report.claim is None
            and now < report.at + self._remind_after
        )

    def report_now(self, source: DropSource, head: Entry, block: Block | None, now: float) -> bool:
        """
        Decide whether to report a drop now, and remember it if so.

        :param head: the oldest complete drop of the source.
        :param block: what holds the source; None if it is free.
        :param now: seconds of a monotonic clock.
        """
        if block is None:
            self._blocked_since.pop(source, None)
            is_due = not self.is_settled(source, head, now)
        else:
            is_due = not self._holds(source, block, now) and now >= self._next_attempt(source, head, block)
        if is_due:
            self._remember(source, head, block, now)
        return is_due

    def keep_only(self, heads: dict[DropSource, Entry]) -> None:
        """Forget what is gone, so that a new file of the same name is a new drop."""
        self._reports = {
            source: report for source, report in self._reports.items() if heads.get(source) == report.entry
        }

    def due(self) -> float:
        """Return when the next reminder is due, in seconds of the monotonic clock."""
        free = (report for report in self._reports.values() if report.claim is None)
        return min((report.at + self._remind_after for report in free), default=math.inf)

    def _holds(self, source: DropSource, block: Block, now: float) -> bool:
        claim, since = self._blocked_since.get(source, (None, now))
        if claim != block.claim:
            since = now
        self._blocked_since[source] = (block.claim, since)
        return bool(block.is_active) or (block.is_active is None and now - since < UNKNOWN_RUN_SECONDS)

    def _next_attempt(self, source: DropSource, head: Entry, block: Block) -> float:
        report = self._reports.get(source)
        if report is None or report.claim != block.claim or report.entry != head:
            return 0.0
        return report.at + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (report.times - 1))

    def _remember(self, source: DropSource, head: Entry, block: Block | None, now: float) -> None:
        report, claim = self._reports.get(source), None if block is None else block.claim
        again = report is not None and report.entry == head and report.claim == claim
        self._reports[source] = _Report(
            head, now, claim, report.times + 1 if report is not None and again else 1
        )


@dataclass
class _Left:
    over_since: float | None = None
    times: int = 0


class Reminder:
    """
    Reports a taken drop that its run left undecided, if no other drop of the source starts a run.

    The run is given ``remind_after`` seconds in which a person may clear its task. Each further report takes
    twice as long as the one before, up to a day.

    :param remind_after: seconds.
    """

    def __init__(self, remind_after: float) -> None:
        self._remind_after = remind_after
        self._left: dict[tuple[str, int], _Left] = {}

    @property
    def seconds_between_checks(self) -> float:
        """How often to check which drops are undecided."""
        return self._remind_after / 4

    def report_now(self, claim: tuple[str, int], is_active: bool | None, now: float) -> bool:
        """
        Decide whether to report a drop now, and remember it if so.

        :param claim: which drop, by the key of its source and its number.
        :param is_active: whether its run is not over yet; None if unknown.
        :param now: seconds of a monotonic clock.
        """
        left = self._left.setdefault(claim, _Left())
        if is_active is not False:
            if is_active:
                left.over_since = None
            return False
        if left.over_since is None:
            left.over_since = now
        if now < self._due_of(left):
            return False
        left.over_since, left.times = now, left.times + 1
        return True

    def keep_only(self, claims: set[tuple[str, int]]) -> None:
        """Forget what is decided."""
        self._left = {claim: left for claim, left in self._left.items() if claim in claims}

    def due(self) -> float:
        """Return when the next report is due, in seconds of the monotonic clock."""
        return min(map(self._due_of, self._left.values()), default=math.inf)

    def _due_of(self, left: _Left) -> float:
        if left.over_since is None:
            return math.inf
        longest = max(LONGEST_REMINDER_PAUSE, self._remind_after)
        return left.over_since + min(longest, self._remind_after * 2.0**left.times)
