"""Reports the complete drops of one folder as they come."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.completeness import Observations
from sailpoint_provider.drops.journal import Journal, is_active
from sailpoint_provider.drops.reporting import Block, Reminder, Reporter
from sailpoint_provider.drops.scanner import in_thread, scanning
from sailpoint_provider.drops.taking import open_records
from sailpoint_provider.drops.waiting import Companions, Waiting, sort_out

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection

    from sailpoint_provider.drops.entries import Entry
    from sailpoint_provider.drops.journal import Record, Run
    from sailpoint_provider.drops.names import DropSource
    from sailpoint_provider.drops.place import Place
    from sailpoint_provider.drops.rules import FolderRules
    from sailpoint_provider.drops.scanner import Snapshot

log = logging.getLogger(__name__)

_ASK_AGAIN_SECONDS = 15.0
_AFTER_ERROR_SECONDS = 10.0


async def complete_drops(rules: FolderRules, log: Any = log) -> AsyncGenerator[dict[str, Any], None]:
    """
    Yield a description of each complete drop, forever; an outage of the folder only delays it.

    :param rules: the folder.
    :param log: gets the reasons why files are ignored.
    """
    async with scanning(rules) as scanner:
        watch, version, due = FolderWatch(rules, scanner.place, log=log), 0, math.inf
        while True:
            snapshot = await scanner.next_after(version, due)
            version = snapshot.version
            try:
                found = await in_thread(watch.drops_to_report, snapshot)
            except Exception as error:
                # The next listing may work; a watcher that ends would never be started again.
                log.warning("Cannot read the records of %s: %s", rules.url, error)
                await asyncio.sleep(_AFTER_ERROR_SECONDS)
                version = 0
                continue
            due = watch.due
            if watch.is_observing:
                scanner.read_every_state()
            for one in found:
                yield one


class FolderWatch:
    """
    Decides about one folder from the listings of its place. Every method may wait for a disk or a store.

    :param rules: the folder.
    :param place: where it is.
    :param active: returns whether a run is not over yet.
    :param log: gets the reasons why files are ignored or not complete.
    """

    def __init__(
        self,
        rules: FolderRules,
        place: Place,
        *,
        active: Callable[[Run], bool | None] = is_active,
        log: Any = log,
    ) -> None:
        self.due = math.inf
        """Seconds of the monotonic clock at which to decide again, even if nothing changed."""

        self.is_observing = False
        """Whether a file is being observed, so that its state matters."""

        self._rules = rules
        self._place = place
        self._active = active
        self._log = log
        self._observations = Observations()
        self._companions = Companions(place, log)
        self._reporter = Reporter(rules.remind_after)
        self._reminder = Reminder(rules.remind_after)
        self._check_undecided_at = -math.inf
        self._activity: dict[tuple[str, int, Run], tuple[bool | None, float]] = {}
        self._ignored: set[str] = set()

    def drops_to_report(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        """Return the drops to report now, oldest first."""
        listing = snapshot.listing
        waiting = self._sort_out(snapshot)
        self._log_ignored(waiting)
        heads = {source: entries[0] for source, entries in waiting.sources.items()}
        self._reporter.keep_only(heads)
        self._companions.forget_all_but(listing)
        self._plan(snapshot, waiting)
        try:
            reported = [
                (source, head)
                for source, head in heads.items()
                if self._report_now(source, head, now=time.monotonic())
            ]
            left = self._left_undecided(heads, now=time.monotonic())
        except Exception:
            # What it has decided to report would be lost. A drop that is reported twice does no harm.
            self._reporter = Reporter(self._rules.remind_after)
            raise
        reported.sort(key=lambda pair: (pair[1].modified, pair[1].name))
        # A reminder that is due may have to wait for a run, and must not make the watcher decide incessantly.
        earliest = snapshot.checked_at + self._rules.seconds_between_scans
        self.due = max(earliest, min(self.due, self._reporter.due(), self._check_undecided_at))
        return [
            *(self._event(source, head, head.name) for source, head in reported),
            *(self._event(source, record.entry, str(record.body["file"])) for source, record in left),
        ]

    def _sort_out(self, snapshot: Snapshot) -> Waiting:
        rules, listing = self._rules, snapshot.listing
        if rules.complete == "quiet":
            candidates = [entry for entry in listing.entries.values() if rules.is_candidate(entry.name)]
            self._observations.see(candidates, snapshot.seen_at)
        return sort_out(
            listing,
            rules,
            self._companions,
            lambda entry: self._observations.are_quiet(entry, rules.quiet_for),
        )

    def _plan(self, snapshot: Snapshot, waiting: Waiting) -> None:
        """Decide when to go through the same listing again."""
        observed = [one for one in waiting.incomplete if one.size_bytes]
        self.is_observing = bool(observed) and self._rules.complete != "renamed"
        self.due = math.inf
        if self._rules.complete == "quiet" and observed:
            dues = [self._observations.due(one, self._rules.quiet_for) for one in observed]
            self.due = max(min(dues), snapshot.checked_at + self._rules.seconds_between_scans)

    def _report_now(self, source: DropSource, head: Entry, now: float) -> bool:
        if self._reporter.is_settled(source, head, now):
            return False
        top = Journal(self._place, source.key).top()
        block = None
        if top is not None and top.is_open:
            block = Block(top.claim, self._is_active(source, top, now))
            # Nothing in the listing shows when the source is free again.
            self.due = min(self.due, now + self._rules.seconds_between_scans)
        return self._reporter.report_now(source, head, block, now)

    def _left_undecided(self, heads: Collection[DropSource], now: float) -> list[tuple[DropSource, Record]]:
        """Return the taken drops to report again; a source with a drop that waits is not among them."""
        if now < self._check_undecided_at:
            return []
        undecided = open_records(self._place, self._rules, is_read_only=True)
        self._reminder.keep_only({(source.key, record.claim) for source, record in undecided})
        reported = [
            (source, record)
            for source, record in undecided
            if self._reminder.report_now(
                (source.key, record.claim),
                # A drop that waits starts a run soon.
                is_active=source in heads or self._is_active(source, record, now),
                now=now,
            )
        ]
        for _, record in reported:
            self._log.warning(
                "Run %s of DAG %s ended without filing %s; reporting the file again.",
                record.run.run_id,
                record.run.dag_id,
                record.entry.name,
            )
        self._check_undecided_at = max(
            now + self._rules.seconds_between_scans,
            min(now + self._reminder.seconds_between_checks, self._reminder.due()),
        )
        return reported

    def _is_active(self, source: DropSource, top: Record, now: float) -> bool | None:
        key = (source.key, top.claim, top.run)
        answer, asked = self._activity.get(key, (None, -math.inf))
        if now - asked >= _ASK_AGAIN_SECONDS:
            answer = self._active(top.run)
            self._activity = {one: known for one, known in self._activity.items() if one[0] != source.key}
            self._activity[key] = (answer, now)
        return answer

    def _log_ignored(self, waiting: Waiting) -> None:
        for name in waiting.unclaimed.keys() - self._ignored:
            self._log.warning("Ignoring a file in %s: %s", self._rules.url, waiting.unclaimed[name])
        self._ignored = set(waiting.unclaimed)

    def _event(self, source: DropSource, entry: Entry, name: str) -> dict[str, Any]:
        return {
            "url": self._place.location(name),
            "name": entry.name,
            "size_bytes": entry.size_bytes,
            "change_marker": entry.marker,
            "source_id": source.source_id,
            "source_name": source.source_name,
            "dropped_at": entry.modified,
        }
