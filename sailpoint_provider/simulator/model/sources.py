"""The sources of the tenant."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

from sailpoint_provider.simulator.model.accounts import AccountSet, numbered_rows
from sailpoint_provider.simulator.model.kinds import RunKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sailpoint_provider.simulator.model.aggregations import Outcome, Run, RunMessage


DEFAULT_TYPE = "group"
"""The entitlement type of a start that names none (public reports)."""

ENTITLEMENT_HEADER = (
    "id",
    "name",
    "displayName",
    "created",
    "description",
    "modified",
    "entitlements",
    "groups",
    "permissions",
)
"""The columns in ISC's example of ``schemas/entitlements``."""


class SourceKind(StrEnum):
    """How a source gets its accounts."""

    DELIMITED = "delimited"
    """From an uploaded CSV."""
    DIRECT = "direct"
    """From a system that a connector reads."""
    CLUSTER = "cluster"
    """From a CSV that a virtual appliance reads."""


@dataclass(frozen=True)
class NextRun:
    """A script for a source's next run; None stands for the default.

    :param outcome: how it ends.
    :param messages: messages at its end.
    :param collect_seconds: seconds in STARTED, at speed 1.
    :param process_seconds: seconds in ACCOUNTS_COLLECTED, at speed 1.
    :param fail_at: fraction of the processing after which an incomplete run ends.
    :param accounts: accounts that the connector or appliance finds, from this run on.
    :param kind: the kind of run that it is for.
    """

    outcome: Outcome | None = None
    messages: tuple[RunMessage, ...] = ()
    collect_seconds: float | None = None
    process_seconds: float | None = None
    fail_at: float = 0.5
    accounts: AccountSet | None = None
    kind: RunKind = RunKind.ACCOUNTS


@dataclass
class Source:
    """A source and the accounts it holds.

    :param id: 32 hexadecimal characters.
    :param name: display name, unique in the tenant.
    :param kind: how it gets its accounts.
    :param header: account attributes, which are the columns of its file.
    :param identity_attribute: the attribute that identifies an account.
    :param delete_threshold: percentage of accounts above which ISC skips deletions; 0 for no threshold.
    :param merges_rows: whether several rows of one identity are one account.
    :param number: its older, numeric ID.
    :param held: accounts that it holds.
    :param upstream: accounts that a connector or appliance finds.
    :param collect_seconds: seconds in STARTED, at speed 1; None for the default.
    :param process_seconds: seconds in ACCOUNTS_COLLECTED, at speed 1; None for the default.
    :param aggregated: wall time at which its last account aggregation ended; None if none has.
    :param entitlement_header: columns of its entitlement files.
    :param entitlements: entitlements that it holds, by entitlement type.
    :param upstream_entitlements: entitlements that a connector or appliance finds, by entitlement type.
    :param connection: ``SUCCESS``, or why ISC cannot log in to it.
    :param health: its state as ISC reports it.
    :raises ValueError: if the header or the threshold is invalid.
    """

    id: str
    name: str
    kind: SourceKind
    header: tuple[str, ...]
    identity_attribute: str
    delete_threshold: int = 0
    merges_rows: bool = False
    number: int = 0
    held: AccountSet = field(default_factory=AccountSet)
    upstream: AccountSet = field(default_factory=AccountSet)
    collect_seconds: float | None = None
    process_seconds: float | None = None
    created: float = field(default_factory=time.time)
    aggregated: float | None = None
    owner_id: str = field(default_factory=lambda: uuid4().hex)
    cluster_id: str = field(default_factory=lambda: uuid4().hex)
    schema_id: str = field(default_factory=lambda: uuid4().hex)
    next_runs: deque[NextRun] = field(default_factory=deque)
    runs: list[Run] = field(default_factory=list)
    entitlement_header: tuple[str, ...] = ENTITLEMENT_HEADER
    entitlements: dict[str, AccountSet] = field(default_factory=lambda: {DEFAULT_TYPE: AccountSet()})
    upstream_entitlements: dict[str, AccountSet] = field(default_factory=dict)
    connection: str = "SUCCESS"
    health: str = "SOURCE_STATE_HEALTHY"
    current: dict[RunKind, Run] = field(default_factory=dict)
    starting: set[RunKind] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Validate the header and the threshold."""
        if not self.header:
            raise ValueError("header must name at least one column")
        if self.identity_attribute not in self.header:
            raise ValueError(f"identity attribute {self.identity_attribute!r} is not in the header")
        if not 0 <= self.delete_threshold <= 100:
            raise ValueError(f"delete_threshold must be from 0 to 100, not {self.delete_threshold}")

    @property
    def is_file(self) -> bool:
        """Whether it gets its accounts from a CSV."""
        return self.kind is not SourceKind.DIRECT

    def accounts(self, wanted: int | Sequence[Sequence[str]]) -> AccountSet:
        """Build accounts of this source from rows, or this many numbered ones."""
        rows = numbered_rows(self.header, wanted) if isinstance(wanted, int) else wanted
        return AccountSet.of_rows(rows, self.header.index(self.identity_attribute), self.merges_rows)

    def numbered_entitlements(self, number: int) -> AccountSet:
        """Build this many numbered entitlements."""
        return AccountSet.of_rows(numbered_rows(self.entitlement_header, number), 0)

    def settle(self, steady: float) -> None:
        """Apply the changes of the current runs to what the source holds, once they have ended."""
        for kind, run in list(self.current.items()):
            state = run.state(steady)
            if state.outcome is None:
                continue
            if run.target is not None:
                run.changes.apply(run.target, state.processed, run.optimized)
            if kind is RunKind.ACCOUNTS:
                self.aggregated = run.completed()
            del self.current[kind]

    def next_run(self, kind: RunKind) -> NextRun:
        """Take the script for the next run of this kind."""
        script = next((one for one in self.next_runs if one.kind is kind), None)
        if script is None:
            return NextRun(kind=kind)
        self.next_runs.remove(script)
        return script

    def is_busy(self, steady: float, kind: RunKind = RunKind.ACCOUNTS) -> bool:
        """Whether a start would be refused now; a run with a cleared record does not block the source.

        Whether loads of different kinds exclude each other is undocumented; here they do not.
        """
        self.settle(steady)
        run = self.current.get(kind)
        return kind in self.starting or (run is not None and not run.is_cleared)


HR_ID = "2c918085000000000000000000000a01"
CONTRACTORS_ID = "2c918085000000000000000000000a02"
DIRECTORY_ID = "2c918085000000000000000000000a03"
MAINFRAME_ID = "2c918085000000000000000000000a04"


def default_sources() -> list[Source]:
    """Build the sources of a fresh tenant."""
    hr = Source(
        id=HR_ID,
        name="HR Delimited File",
        kind=SourceKind.DELIMITED,
        header=(
            "id",
            "name",
            "givenName",
            "familyName",
            "e-mail",
            "department",
            "manager",
            "startDate",
            "endDate",
        ),
        identity_attribute="id",
        number=10001,
    )
    contractors = Source(
        id=CONTRACTORS_ID,
        name="Contractors Delimited File",
        kind=SourceKind.DELIMITED,
        header=("id", "name", "e-mail", "company", "endDate"),
        identity_attribute="id",
        delete_threshold=10,
        number=10002,
    )
    directory = Source(
        id=DIRECTORY_ID,
        name="Directory",
        kind=SourceKind.DIRECT,
        header=("distinguishedName", "name", "mail", "memberOf"),
        identity_attribute="distinguishedName",
        number=10003,
    )
    mainframe = Source(
        id=MAINFRAME_ID,
        name="Mainframe via Virtual Appliance",
        kind=SourceKind.CLUSTER,
        header=("userId", "name", "groups"),
        identity_attribute="userId",
        number=10004,
    )
    directory.upstream_entitlements = {DEFAULT_TYPE: _upstream(directory.entitlement_header, 25)}
    mainframe.upstream_entitlements = {DEFAULT_TYPE: _upstream(mainframe.entitlement_header, 8)}
    directory.upstream = _upstream(directory.header, 250)
    mainframe.upstream = _upstream(mainframe.header, 40)
    return [hr, contractors, directory, mainframe]


@cache
def _upstream(header: tuple[str, ...], number: int) -> AccountSet:
    """Return what a connector finds; it is replaced, never changed, so all fresh tenants may share it."""
    return AccountSet.of_rows(numbered_rows(header, number), 0)
