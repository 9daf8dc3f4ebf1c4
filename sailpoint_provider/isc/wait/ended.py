"""Which ended loads of a tenant a watcher has yet to report, and what it must remember."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import as_time
from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.task_query import TaskQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sailpoint_provider.isc.api.models import TaskStatus

VERSION = 1

OVERLAP = timedelta(minutes=5)
"""How much later than newer records ISC's list may show a record; also the margin between ISC's clocks."""

LONGEST_LOAD = timedelta(days=1)
"""How long before the look back a load may have begun that the first look has to find."""

_MOST_ABSENCES = 20
_MOST_SETTLED = 5000


@dataclass(frozen=True)
class Position:
    """
    How far a watcher has come, by ISC's clock; the next life of the watcher continues there.

    ISC sorts its list by the time of creation, but loads end in another order. So a position is a time of
    creation, and beside it the loads that began before but had not ended.

    :param since: every load that was created before is reported, or in ``running``.
    :param running: IDs of the loads that had not ended.
    :param settled: the loads created since then about which nothing is left to report: when each was created,
        None if unknown, by ID.
    """

    since: datetime
    running: tuple[str, ...] = ()
    settled: Mapping[str, datetime | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the position as JSON primitives."""
        return {
            "version": VERSION,
            "since": self.since.isoformat(),
            "running": list(self.running),
            "settled": {
                one: None if born is None else born.isoformat() for one, born in self.settled.items()
            },
        }

    @classmethod
    def from_json(cls, document: Any) -> Position:
        """
        Return the position that :meth:`to_json` described.

        :raises ProtocolError: it is not such a description.
        """
        known = document if isinstance(document, dict) else {}
        since, running, settled = as_time(known.get("since")), known.get("running"), known.get("settled")
        are_ids = isinstance(running, list) and all(isinstance(one, str) for one in running)
        if known.get("version") != VERSION or since is None or not are_ids or not isinstance(settled, dict):
            raise ProtocolError("The stored position was not written by this version of the provider.")
        return cls(since, tuple(running or ()), {str(one): as_time(born) for one, born in settled.items()})


@dataclass(frozen=True)
class ScanRequest:
    """
    What a watcher, or several together, must read of the tenant's task records.

    :param types: types of the tasks.
    :param source_ids: IDs of the sources; None for all.
    :param since: records created since then; None without a position.
    :param look_back: how far the first look goes back from ISC's present; None if there is a position.
    :param ids: IDs of tasks that are needed wherever they are in the list.
    """

    types: tuple[str, ...]
    source_ids: tuple[str, ...] | None
    since: datetime | None
    look_back: timedelta | None
    ids: frozenset[str] = frozenset()

    def oldest_needed(self, now: datetime | None) -> datetime | None:
        """
        Return the time of creation back to which the list must be read; None for all of it.

        :param now: the present by ISC's clock, None if unknown.
        """
        if self.look_back is None:
            return self.since
        if now is None:
            return None
        first_look = now - self.look_back - OVERLAP - LONGEST_LOAD
        return first_look if self.since is None else min(first_look, self.since)


def merged(requests: Sequence[ScanRequest], most_sources: int) -> ScanRequest:
    """
    Return what to read so that every request is met.

    :param requests: at least one.
    :param most_sources: number of sources from which all are read, because a filter would be too long.
    """
    sources: set[str] = set()
    for request in requests:
        sources.update(request.source_ids or ())
    is_filtered = all(request.source_ids is not None for request in requests) and len(sources) <= most_sources
    return ScanRequest(
        types=tuple(sorted({one for request in requests for one in request.types})),
        source_ids=tuple(sorted(sources)) if is_filtered else None,
        since=min((request.since for request in requests if request.since is not None), default=None),
        look_back=max(
            (request.look_back for request in requests if request.look_back is not None), default=None
        ),
        ids=frozenset(one for request in requests for one in request.ids),
    )


@dataclass(frozen=True)
class Scan:
    """
    What was read of the task records.

    :param types: types of the tasks that were read.
    :param records: the records; one may occur more than once.
    :param now: the present by ISC's clock, None if unknown.
    :param absent: IDs that were asked for and are in no list.
    """

    types: tuple[str, ...]
    records: Sequence[TaskStatus]
    now: datetime | None = None
    absent: frozenset[str] = frozenset()


class EndedLoads:
    """
    Decides which loads of a tenant have ended and are not reported yet.

    :param types: types of their tasks, such as ``CLOUD_ACCOUNT_AGGREGATION``.
    :param source_ids: IDs of their sources, in lower case; None for all.
    :param look_back: without a position, loads that ended so long before the first look are reported too.
    :param position: where an earlier life of the watcher ended; None for none.
    """

    def __init__(
        self,
        types: Iterable[str],
        source_ids: Iterable[str] | None,
        *,
        look_back: timedelta,
        position: Position | None = None,
    ) -> None:
        self._types = tuple(sorted(types))
        self._source_ids = None if source_ids is None else tuple(source_ids)
        self._look_back = look_back
        self._since = None if position is None else position.since
        self._running = dict.fromkeys(() if position is None else position.running, 0)
        self._settled = {} if position is None else dict(position.settled)

    @property
    def position(self) -> Position | None:
        """How far it has come; None before the first record."""
        if self._since is None:
            return None
        since = self._since
        settled = {one: born for one, born in self._settled.items() if born is None or born >= since}
        return Position(since, tuple(sorted(self._running)), settled)

    def request(self) -> ScanRequest:
        """Return what the next scan must read."""
        look_back = self._look_back if self._since is None else None
        return ScanRequest(self._types, self._source_ids, self._since, look_back, frozenset(self._running))

    def new_ends(self, scan: Scan) -> list[TaskStatus]:
        """Return the loads to report now, in the order in which they ended."""
        newest = max((born for one in scan.records if (born := _born(one)) is not None), default=None)
        reported_from = None
        if self._since is None and (now := scan.now or newest) is not None:
            reported_from = now - self._look_back - OVERLAP
        ended = [
            record
            for record in self._mine(scan)
            if record.id not in self._settled and self._has_news(record, reported_from)
        ]
        self._forget_absent(scan.absent)
        if newest is not None:
            self._since = max(newest - OVERLAP, self._since or newest - OVERLAP)
        self._forget_old()
        return sorted(ended, key=_ended)

    def _mine(self, scan: Scan) -> Iterable[TaskStatus]:
        # The kind in a record is a name, so it decides only where records of several kinds were read.
        types = None if scan.types == self._types else self._types
        query = TaskQuery(types=types)
        sources = self._source_ids
        return (
            record
            for record in scan.records
            if query.matches(record) and (sources is None or (record.source_id or "").lower() in sources)
        )

    def _has_news(self, record: TaskStatus, reported_from: datetime | None) -> bool:
        """Note the state of a load, and return whether it has ended and is to be reported."""
        if record.completion_status is None:
            self._running[record.id] = 0
            return False
        was_running = self._running.pop(record.id, None) is not None
        born = _born(record)
        if self._since is None:
            is_news = reported_from is None or (record.completed or born or reported_from) >= reported_from
        else:
            is_news = was_running or born is None or born >= self._since
            if not is_news:
                return False  # reported long ago
        self._settled[record.id] = born
        # A refused start has a record of its own, but nothing was loaded.
        return is_news and not record.refused_as_busy

    def _forget_absent(self, absent: Iterable[str]) -> None:
        for one in absent:
            if one in self._running:
                self._running[one] += 1
                if self._running[one] > _MOST_ABSENCES:
                    del self._running[one]

    def _forget_old(self) -> None:
        """Limit the memory; nothing that the next scan may return as new is forgotten."""
        surplus = len(self._settled) - _MOST_SETTLED
        if surplus > 0 and self._since is not None:
            since = self._since
            old = [one for one, born in self._settled.items() if born is not None and born < since]
            for one in old[:surplus]:
                del self._settled[one]


def _born(record: TaskStatus) -> datetime | None:
    return record.created or record.launched or record.completed


def _ended(record: TaskStatus) -> tuple[float, str]:
    moment = record.completed or _born(record)
    return (0.0 if moment is None else moment.timestamp(), record.id)
