"""What really happened: the journals of all folders, read while they grow, and the tenants' own records."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.drops.names import DropSource
from tests.live.chaos.truth import Truth
from tests.live.drop_chaos.files import FOLDERS

if TYPE_CHECKING:
    from tests.live.chaos.tenant import ChaosServer
    from tests.live.drop_chaos.world import Json, Source, World

_PAUSE = 0.1


@dataclass
class Claim:
    """
    All records of one drop in the journal.

    :param number: number of the record with which it was taken.
    :param records: record number, content and time of each.
    """

    number: int
    records: list[tuple[int, Json, float]] = field(default_factory=list)

    @property
    def taken(self) -> Json:
        """The record with which it was first taken."""
        return self.records[0][1]

    @property
    def newest(self) -> Json:
        """The newest record."""
        return self.records[-1][1]

    @property
    def name(self) -> str:
        """Name of the file."""
        return str(self.taken["entry"]["name"])

    @property
    def mtime_ns(self) -> int:
        """Modification time of the file."""
        return int(self.taken["entry"]["marker"].partition("-")[0])

    @property
    def filing(self) -> tuple[Json, float] | None:
        """The first record that says what was decided, and when it was written."""
        return next(((body, at) for _, body, at in self.records if body["kind"] in ("filing", "filed")), None)

    @property
    def outcome(self) -> str | None:
        """How it was filed; None if it was not."""
        return str(self.newest["outcome"]) if self.newest["kind"] == "filed" else None

    @property
    def runs(self) -> list[str]:
        """The runs that had it, in order."""
        runs = [str(body["run_id"]) for _, body, _ in self.records]
        return [run for at, run in enumerate(runs) if not at or runs[at - 1] != run]


class Observer:
    """Copies every record of every journal while the run goes on, because old ones are removed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ended = threading.Event()
        self._records: dict[str, dict[int, tuple[Json, float]]] = defaultdict(dict)
        self._filed: dict[str, int] = defaultdict(int)
        self._thread = threading.Thread(target=self._observe, daemon=True)
        self._keys = {
            source.name: self._world.path(source.folder, STATE_FOLDER, "sources", _key(world, source))
            for source in world.sources
        }

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take a last look."""
        self._ended.set()
        self._thread.join()
        self._look()

    def decided(self, source: str) -> int:
        """Return how many drops of a source are filed."""
        return self._filed[source]

    def claims(self, source: str) -> list[Claim]:
        """Return the drops of a source that were really taken, in the order in which they were."""
        claims: dict[int, Claim] = {}
        for number, (body, at) in sorted(self._records[source].items()):
            claim = int(body.get("claim") or number)
            claims.setdefault(claim, Claim(claim)).records.append((number, body, at))
        return [claim for claim in claims.values() if claim.newest["kind"] != "void"]

    def missing(self, source: str) -> list[int]:
        """Return the numbers of records that nobody saw."""
        known = self._records[source]
        return sorted(set(range(1, max(known, default=0) + 1)) - known.keys())

    def _observe(self) -> None:
        while not self._ended.wait(_PAUSE):
            self._look()

    def _look(self) -> None:
        for source, folder in self._keys.items():
            known = self._records[source]
            for path in folder.glob("[0-9]*.json"):
                number = int(path.stem)
                if number in known:
                    continue
                try:
                    body, at = json.loads(path.read_bytes()), path.stat().st_mtime
                except FileNotFoundError:
                    continue
                known[number] = body, at
                self._filed[source] += body["kind"] == "filed"


def truths(world: World, servers: list[ChaosServer]) -> dict[str, Truth]:
    """Return every aggregation of every source, by the source's name."""
    return {
        source.name: Truth.of_records(
            servers[source.tenant].control.runs(source.id),
            servers[source.tenant].tenant.origins,
            servers[source.tenant].traits.skew,
        )
        for source in world.sources
    }


def held_accounts(servers: list[ChaosServer], source: Source) -> frozenset[str]:
    """Return the accounts that a tenant holds of a source."""
    server = servers[source.tenant]
    server.control.sources()  # applies what has ended
    return frozenset(server.tenant.sources[source.id].held.digests)


def _key(world: World, source: Source) -> str:
    folder = next(one for one in FOLDERS if one.name == source.folder)
    return (DropSource(source_id=source.id) if folder.by_id else DropSource(source_name=source.name)).key
