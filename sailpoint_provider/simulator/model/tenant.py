"""The tenant's state, in memory."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from sailpoint_provider.simulator.model.accounts import AccountSet, Changes, compare
from sailpoint_provider.simulator.model.aggregations import (
    BUSY_TEXT,
    COLLECT_SECONDS,
    Outcome,
    Run,
    RunMessage,
    RunPlan,
    default_process_seconds,
)
from sailpoint_provider.simulator.model.clock import TenantClock
from sailpoint_provider.simulator.model.journal import Journal
from sailpoint_provider.simulator.model.rate_limit import RateLimit
from sailpoint_provider.simulator.model.shapes import Shapes
from sailpoint_provider.simulator.model.sources import NextRun, Source, default_sources
from sailpoint_provider.simulator.model.subscriptions import Subscriptions
from sailpoint_provider.simulator.model.tokens import (
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    ApiClient,
    TokenDesk,
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
        self.tokens = TokenDesk(self.clock)
        self.tokens.register(ApiClient(DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET))
        self.rate_limit = RateLimit()
        self.shapes = Shapes()
        self.journal = Journal()
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

    def refuse_start(self, source: Source, optimized: bool, file: ReceivedFile | None) -> Run:
        """Record a start that is refused because the source is busy."""
        plan = RunPlan(
            Outcome.ERROR, collect_seconds=0.0, fail_at=0.0, messages=(RunMessage("ERROR", BUSY_TEXT),)
        )
        run = self._run(source, Changes(AccountSet()), plan, optimized, file, refused=True)
        if not self.shapes.busy_without_record:
            self.runs[run.id] = run
        source.runs.append(run)
        return run

    def start(
        self, source: Source, uploaded: AccountSet | None, optimized: bool, file: ReceivedFile | None
    ) -> Run:
        """Start an aggregation on a source that is not busy.

        :param source: the source.
        :param uploaded: accounts in the file; None for those that the connector or appliance finds.
        :param optimized: whether unchanged accounts are skipped.
        :param file: the uploaded file.
        """
        steady = self.clock.steady()
        if source.current is not None:
            source.current.finish(steady, Outcome.CANCELLED)
            source.settle(steady)
        script = source.next_runs.popleft() if source.next_runs else NextRun()
        if script.accounts is not None:
            source.upstream = script.accounts
        found = source.upstream if uploaded is None else uploaded
        changes = compare(source.held, found, source.delete_threshold)
        plan = _plan(source, script, changes.work(optimized))
        run = self._run(source, changes, plan, optimized, file)
        self.runs[run.id] = run
        source.runs.append(run)
        source.current = run
        return run

    def _run(
        self,
        source: Source,
        changes: Changes,
        plan: RunPlan,
        optimized: bool,
        file: ReceivedFile | None,
        refused: bool = False,
    ) -> Run:
        event_id = next(self._event_ids)
        return Run(
            id=uuid4().hex,
            source_id=source.id,
            source_name=source.name,
            changes=changes,
            plan=plan,
            created=self.clock.now(),
            started=self.clock.steady(),
            speed=self.clock.speed,
            event_id=event_id,
            optimized=optimized,
            refused=refused,
            file=file,
            number=event_id,
            clock=self.clock,
        )


def _plan(source: Source, script: NextRun, work: int) -> RunPlan:
    collect = next(
        (s for s in (script.collect_seconds, source.collect_seconds) if s is not None), COLLECT_SECONDS
    )
    process = next(
        (s for s in (script.process_seconds, source.process_seconds) if s is not None),
        default_process_seconds(work),
    )
    plan = RunPlan(collect_seconds=collect, process_seconds=process, fail_at=script.fail_at)
    return replace(plan, outcome=script.outcome or plan.outcome, messages=script.messages)
