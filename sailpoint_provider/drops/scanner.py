"""Lists each watched place once for all watchers of an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.drops.last_load import check_records_are_there
from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.exceptions import SailPointError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable

    from sailpoint_provider.drops.entries import Listing
    from sailpoint_provider.drops.rules import FolderRules

log = logging.getLogger(__name__)

T = TypeVar("T")

_FULL_SCAN_SECONDS = 30.0
"""How often a place is listed although a glance shows no change; a file written in place shows only then."""

_HANGING_SECONDS = 60.0
_LONGEST_PAUSE = 60.0

# Threads of our own: one that hangs on a dead mount must not take a thread from all other triggers.
_threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="sailpoint-drops")


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run something that waits for a disk, a store or Airflow in a thread."""
    from sailpoint_provider import version_compat

    return await version_compat.in_thread(work, *arguments, executor=_threads)


@dataclass(frozen=True)
class Snapshot:
    """
    A listing.

    :param listing: what the place held.
    :param seen_at: seconds of the monotonic clock when the listing began.
    :param checked_at: the same for the last glance that showed no change; never earlier than ``seen_at``.
    :param version: rises with every change.
    """

    listing: Listing
    seen_at: float
    checked_at: float
    version: int


class Scanner:
    """
    Lists one place again and again while anyone watches it.

    An outage is logged once, and so is its end. Until then there are no new snapshots: a place that does not
    answer, or a mount point that has lost its mount, never looks like a folder without files.

    :param rules: a folder of the place; all folders of a scanner have the same URL, depth and subfolders.
    """

    def __init__(self, rules: FolderRules) -> None:
        self.place = place_at(rules.url)
        self._rules = rules
        self._intervals: list[float] = []
        self._latest: Snapshot | None = None
        self._published = asyncio.Event()
        self._reads_every_state = False
        self._again = False
        self._glance: Hashable = None
        self._last_full = 0.0
        self._outage: str | None = None
        self._was_known = False
        self._scanning: asyncio.Task[None] | None = None

    def join(self, interval: float) -> None:
        """Add a watcher that wants a listing every so many seconds."""
        self._intervals.append(interval)
        if self._scanning is None:
            # In a context of its own: what it logs belongs to no Airflow task.
            self._scanning = asyncio.get_running_loop().create_task(
                self._scan_for_ever(), context=contextvars.Context()
            )

    def leave(self, interval: float) -> bool:
        """Remove a watcher; return whether it was the last."""
        self._intervals.remove(interval)
        if self._intervals or self._scanning is None:
            return False
        self._scanning.cancel()
        self._scanning = None
        return True

    def read_every_state(self) -> None:
        """Have the next listing show the state of every file, not just which files there are."""
        self._reads_every_state = True

    async def next_after(self, version: int, due: float) -> Snapshot:
        """
        Wait for a snapshot.

        :param version: the version that the caller knows.
        :param due: seconds of the monotonic clock from which on an unchanged listing is wanted too.
        """
        while True:
            latest = self._latest
            if latest is not None and (latest.version > version or latest.checked_at >= due):
                return latest
            await self._published.wait()

    async def _scan_for_ever(self) -> None:
        failures = 0
        while True:
            scan = asyncio.ensure_future(in_thread(self._scan))
            done, _ = await asyncio.wait({scan}, timeout=_HANGING_SECONDS)
            if not done:
                self._down(f"The folder {self._rules.url} does not answer.")
            try:
                self._publish(await scan)
                failures = 0
            except asyncio.CancelledError:
                raise
            except SailPointError as error:
                self._down(str(error))
                failures += 1
            except Exception as error:
                self._down(f"Cannot list the folder {self._rules.url} ({type(error).__name__}).")
                failures += 1
            pause = min(self._intervals, default=_LONGEST_PAUSE)
            await asyncio.sleep(max(pause, min(_LONGEST_PAUSE, pause * 2.0 ** min(failures - 1, 6))))

    def _scan(self) -> Snapshot:
        """List the place, if there can be anything new."""
        now = time.monotonic()
        glance = self.place.glance()
        is_changed = glance is None or glance != self._glance
        latest = self._latest
        if (
            latest is not None
            and self._outage is None
            and not (is_changed or self._again or self._reads_every_state)
            and now - self._last_full < _FULL_SCAN_SECONDS
        ):
            return replace(latest, checked_at=now)
        self._reads_every_state = False
        listing = self.place.scan(recursive=self._rules.recursive, skipped=self._rules.skipped)
        self._check(listing)
        # Two changes within a tick of the disk's clock look like one.
        self._glance, self._again, self._last_full = glance, is_changed, now
        if latest is None:
            return Snapshot(listing, now, now, 1)
        is_same = latest.listing == listing
        return Snapshot(latest.listing if is_same else listing, now, now, latest.version + (not is_same))

    def _check(self, listing: Listing) -> None:
        """
        Make sure that this is the folder and not what is left without its mount.

        :raises FolderUnavailableError: it may not be.
        """
        if listing.is_blank or (self._was_known and not listing.is_known):
            raise FolderUnavailableError(
                f"The folder {self._rules.url} has no {STATE_FOLDER} subfolder and "
                + ("had one before." if self._was_known else "no files.")
                + " If it is a mount point, check that it is mounted."
            )
        check_records_are_there(self.place, self._rules, listing)
        self._was_known = self._was_known or listing.is_known

    def _publish(self, snapshot: Snapshot) -> None:
        if self._outage is not None:
            log.warning("The folder %s is available again.", self._rules.url)
            self._outage = None
        self._latest = snapshot
        published, self._published = self._published, asyncio.Event()
        published.set()

    def _down(self, reason: str) -> None:
        if self._outage is None:
            log.warning("%s The watcher keeps trying; no file is lost.", reason)
        self._outage = reason


@asynccontextmanager
async def scanning(rules: FolderRules) -> AsyncIterator[Scanner]:
    """Share the scanner of a folder's place with all its watchers on this event loop."""
    key = (rules.url, rules.recursive, rules.skipped)
    with _lock:
        scanners = _scanners.setdefault(asyncio.get_running_loop(), {})
    scanner = scanners.setdefault(key, Scanner(rules))
    interval = rules.seconds_between_scans
    scanner.join(interval)
    try:
        yield scanner
    finally:
        if scanner.leave(interval) and scanners.get(key) is scanner:
            del scanners[key]


_scanners: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Scanner]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()
