"""Rivals: aggregations of the same source that another client starts, at the worst moments."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.model.accounts import AccountSet
from sailpoint_provider.simulator.model.aggregations import Outcome
from sailpoint_provider.simulator.model.csv_files import ReceivedFile
from sailpoint_provider.simulator.model.kinds import RunKind
from sailpoint_provider.simulator.model.sources import ENTITLEMENT_HEADER, NextRun
from tests.live.account_files import AccountFile

if TYPE_CHECKING:
    from random import Random

    from sailpoint_provider.simulator.model.aggregations import Run
    from sailpoint_provider.simulator.model.tenant import Tenant

HEADER = ("id", "name", "e-mail")
HEADERS = {RunKind.ENTITLEMENTS.value: ENTITLEMENT_HEADER}
"""The columns of files that do not have :data:`HEADER`, by kind of load."""

_QUICKLY_OVER = 0.35

REFUSED_AND_LOST = "a start was refused because of a rival, and the response was lost"
REFUSED_AND_LATE = "a start was refused because of a rival, after the gateway had timed out"
REFUSED = "a start was refused because of a rival, and the response arrived"
NEVER_ARRIVED = "a start never arrived, and a rival began instead"
RIVAL_REFUSED_AND_LOST = "a rival was refused because of a start whose response was lost"
RIVAL_REFUSED = "a rival was refused because of a start whose response arrived"
RIVAL_KINDS = (
    REFUSED_AND_LOST,
    REFUSED_AND_LATE,
    REFUSED,
    NEVER_ARRIVED,
    RIVAL_REFUSED_AND_LOST,
    RIVAL_REFUSED,
)
_WEIGHTS = (4, 1, 2, 4, 2, 1)
_BEFORE = (REFUSED_AND_LOST, REFUSED_AND_LATE, REFUSED)


def marker_of(*subject: object) -> str:
    """Return a marker for a file: all are of one length, so that files of as many rows are as large too."""
    return hashlib.sha256(":".join(map(str, subject)).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Rival:
    """
    An aggregation that another client starts.

    :param name: its name, which makes its file unique.
    :param rows: rows of its file; 0 for a direct source.
    :param seconds: how long it runs, in seconds of the fast clock.
    :param outcome: how it ends.
    :param begins_after: real seconds between the start of its unit and its own.
    :param load: the kind of load.
    """

    name: str
    rows: int
    seconds: float
    outcome: str = "success"
    begins_after: float = 0.0
    load: str = RunKind.ACCOUNTS.value

    @classmethod
    def draw(cls, name: str, rows: int, rng: Random, load: str, *, begins_after: float = 0.0) -> Rival:
        """Draw one; many end long before a retry reads the records."""
        seconds = rng.uniform(2.0, 6.0) if rng.random() < _QUICKLY_OVER else rng.uniform(6.0, 45.0)
        outcome = "success" if rng.random() < 0.8 else rng.choice(("error", "warning", "terminated"))
        return cls(name, rows, seconds, outcome, begins_after, load)

    def start(self, tenant: Tenant, source_id: str) -> Run:
        """Start it, or have it refused if the source is busy; call this only in the tenant's thread."""
        source, kind = tenant.sources[source_id], RunKind(self.load)
        file, rows = None, None
        if self.rows:
            header = HEADERS.get(self.load, HEADER)
            described = AccountFile.numbered(self.rows, marker_of(self.name))
            content = described.content(header)
            file = ReceivedFile(f"{self.name}.csv", len(content), hashlib.sha256(content).hexdigest())
            rows = AccountSet.of_rows(described.rows(header), 0)
        if source.is_busy(tenant.clock.steady(), kind):
            return tenant.refuse_start(source, True, file, kind)
        outcome = Outcome(self.outcome)
        # What was decided about the runs of the tasks stays for them.
        source.next_runs.appendleft(
            NextRun(outcome, collect_seconds=self.seconds, process_seconds=0.0, kind=kind)
        )
        if kind is RunKind.ENTITLEMENTS:
            return tenant.start_entitlements(source, rows, None, file)
        if kind is RunKind.UNCORRELATED and rows is not None:
            return tenant.start_uncorrelated(source, rows, file)
        return tenant.start(source, rows, True, file)


@dataclass(frozen=True)
class RivalAtStart:
    """
    A rival that meets one start of a task.

    :param kind: one of :data:`RIVAL_KINDS`.
    """

    rival: Rival
    kind: str

    @classmethod
    def draw(cls, name: str, rows: int, rng: Random, load: str) -> RivalAtStart:
        """Draw one."""
        return cls(Rival.draw(name, rows, rng, load), rng.choices(RIVAL_KINDS, _WEIGHTS)[0])

    @property
    def comes_first(self) -> bool:
        """Whether the rival begins before the start takes effect, so that the start is refused."""
        return self.kind in _BEFORE

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, for the request that carries it to the tenant."""
        return {"rival": asdict(self.rival), "kind": self.kind}

    @classmethod
    def of_json(cls, document: dict[str, Any]) -> RivalAtStart:
        """Read it from JSON."""
        return cls(Rival(**document["rival"]), document["kind"])
