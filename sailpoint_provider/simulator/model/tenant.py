"""The tenant's state, in memory."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sailpoint_provider.simulator.model.accounts import AccountSet, Changes, compare
from sailpoint_provider.simulator.model.aggregations import (
    COLLECT_SECONDS,
    Outcome,
    Run,
    RunMessage,
    RunPlan,
    default_process_seconds,
)
from sailpoint_provider.simulator.model.clock import TenantClock
from sailpoint_provider.simulator.model.journal import REQUESTS_KEPT, ReceivedRequest
from sailpoint_provider.simulator.model.kinds import RunKind
from sailpoint_provider.simulator.model.rate_limit import RateLimit
from sailpoint_provider.simulator.model.shapes import Shapes
from sailpoint_provider.simulator.model.sources import DEFAULT_TYPE, NextRun, Source, default_sources
from sailpoint_provider.simulator.model.subscriptions import Subscriptions
from sailpoint_provider.simulator.model.tokens import (
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    ApiClient,
    TokenIssuer,
)

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.csv_files import ReceivedFile

_FIRST_EVENT_ID = 1_000_001


@dataclass
class Tenant:
    """The state of a tenant; only the event loop's thread may use it.

    :param clock: its time and speed.
    :param stopping: set when the server stops, so that a long upload is no longer read.
    """

    clock: TenantClock = field(default_factory=TenantClock)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Set up a fresh tenant."""
        self.reset()

    def reset(self) -> None:
        """Start over as a fresh tenant; only the speed stays."""
        self.clock.set_skew(0.0)
        self.sources: dict[str, Source] = {source.id: source for source in default_sources()}
        self.runs: dict[str, Run] = {}
        self.refreshes: list[Run] = []
        self.next_refreshes: deque[NextRun] = deque()
        self.tokens = TokenIssuer(self.clock)
        self.tokens.register(ApiClient(DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET))
        self.rate_limit = RateLimit()
        self.shapes = Shapes()
        self.journal: deque[ReceivedRequest] = deque(maxlen=REQUESTS_KEPT)
        self.subscriptions = Subscriptions()
        self.retired: set[str] = set()
        self.deprecated: set[str] = {"beta", "v2024"}
        self._event_ids = itertools.count(_FIRST_EVENT_ID)

    def add_source(self, source: Source) -> None:
        """Add a source.

        :raises ValueError: if its name or ID exists.
        """
        if source.id in self.sources or any(known.name == source.name for known in self.sources.values()):
            raise ValueError(f"a source with the name {source.name!r} or the ID {source.id!r} already exists")
        self.sources[source.id] = source

    def refuse_start(
        self,
        source: Source,
        optimized: bool,
        file: ReceivedFile | None,
        kind: RunKind = RunKind.ACCOUNTS,
    ) -> Run:
        """Record a start that is refused because the source is busy."""
        plan = RunPlan(
            Outcome.ERROR,
            collect_seconds=0.0,
            fail_at=0.0,
            messages=(RunMessage("ERROR", kind.busy_text),),
        )
        run = self._run(
            source, Changes(AccountSet()), plan, optimized=optimized, file=file, refused=True, kind=kind
        )
        if not self.shapes.busy_without_record:
            self.runs[run.id] = run
        source.runs.append(run)
        return run

    def start(
        self, source: Source, uploaded: AccountSet | None, optimized: bool, file: ReceivedFile | None
    ) -> Run:
        """Start an account aggregation on a source that is not busy.

        :param source: the source.
        :param uploaded: accounts in the file; None for those that the connector or appliance finds.
        :param optimized: whether unchanged accounts are skipped.
        :param file: the uploaded file.
        """
        script = source.next_run(RunKind.ACCOUNTS)
        if script.accounts is not None:
            source.upstream = script.accounts
        self._cancel_cleared(source, RunKind.ACCOUNTS)
        found = source.upstream if uploaded is None else uploaded
        changes = compare(source.held, found, source.delete_threshold)
        return self._begin(source, script, changes, source.held, optimized=optimized, file=file)

    def start_entitlements(
        self,
        source: Source,
        uploaded: AccountSet | None,
        object_type: str | None,
        file: ReceivedFile | None,
    ) -> Run:
        """Start an entitlement aggregation on a source that has none running.

        :param source: the source.
        :param uploaded: entitlements in the file; None for those that the connector or appliance finds.
        :param object_type: entitlement type of the file, None for the default.
        :param file: the uploaded file.
        """
        kind = RunKind.ENTITLEMENTS
        script = source.next_run(kind)
        self._cancel_cleared(source, kind)
        name = object_type or DEFAULT_TYPE
        found = source.upstream_entitlements.get(name, AccountSet()) if uploaded is None else uploaded
        # Without such an entitlement type, ISC accepts the file and keeps nothing of it (public reports).
        held = source.entitlements.get(name, AccountSet())
        changes = compare(held, found, 0)
        return self._begin(source, script, changes, held, file=file, object_type=object_type)

    def start_uncorrelated(self, source: Source, rows: AccountSet, file: ReceivedFile | None) -> Run:
        """Start a load of uncorrelated accounts on a source that has none running.

        :param source: the source.
        :param rows: rows of the file by account.
        :param file: the uploaded file.
        """
        kind = RunKind.UNCORRELATED
        script = source.next_run(kind)
        self._cancel_cleared(source, kind)
        known = tuple(account for account in rows.digests if account in source.held.digests)
        rows.ignored += len(rows) - len(known)
        return self._begin(source, script, Changes(rows, updated=known), None, file=file)

    def start_refresh(self, identities: int) -> Run:
        """Start an identity refresh of this many identities."""
        script = self.next_refreshes.popleft() if self.next_refreshes else NextRun(kind=RunKind.REFRESH)
        plan = _plan(None, script, identities)
        run = self._run(None, Changes(AccountSet()), plan, kind=RunKind.REFRESH)
        run.identities = identities
        if not self.shapes.refresh_task_unknown:
            self.runs[run.id] = run
        self.refreshes.append(run)
        return run

    def _cancel_cleared(self, source: Source, kind: RunKind) -> None:
        """End a run whose record was cleared, and which so does not keep the source busy."""
        steady = self.clock.steady()
        if (run := source.current.get(kind)) is not None:
            run.finish(steady, Outcome.CANCELLED)
        source.settle(steady)

    def _begin(
        self, source: Source, script: NextRun, changes: Changes, target: AccountSet | None, **details: Any
    ) -> Run:
        plan = _plan(source, script, changes.work(details.get("optimized", True)))
        run = self._run(source, changes, plan, kind=script.kind, target=target, **details)
        self.runs[run.id] = run
        source.runs.append(run)
        source.current[run.kind] = run
        return run

    def _run(self, source: Source | None, changes: Changes, plan: RunPlan, **details: Any) -> Run:
        return Run(
            id=uuid4().hex if source is not None else str(uuid4()),
            source_id="" if source is None else source.id,
            source_name="" if source is None else source.name,
            changes=changes,
            plan=plan,
            created=self.clock.now(),
            started=self.clock.steady(),
            speed=self.clock.speed,
            event_id=next(self._event_ids),
            clock=self.clock,
            **details,
        )


def _plan(source: Source | None, script: NextRun, work: int) -> RunPlan:
    usual = (None, None) if source is None else (source.collect_seconds, source.process_seconds)
    collect = next((s for s in (script.collect_seconds, usual[0]) if s is not None), COLLECT_SECONDS)
    process = next(
        (s for s in (script.process_seconds, usual[1]) if s is not None), default_process_seconds(work)
    )
    plan = RunPlan(collect_seconds=collect, process_seconds=process, fail_at=script.fail_at)
    return replace(plan, outcome=script.outcome or plan.outcome, messages=script.messages)
