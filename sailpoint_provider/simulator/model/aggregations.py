"""A run of a load: its timeline is fixed at the start, and its state follows from the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sailpoint_provider.simulator.model.kinds import RunKind

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.accounts import AccountSet, Changes
    from sailpoint_provider.simulator.model.clock import TenantClock
    from sailpoint_provider.simulator.model.csv_files import ReceivedFile

COLLECT_SECONDS = 4.0
PROCESS_SECONDS_PER_ACCOUNT = 0.01
MAX_PROCESS_SECONDS = 60.0
RETENTION_SECONDS = 3600.0
"""Seconds for which the status endpoint knows an ended run (ISC OpenAPI, account-aggregations)."""

DELETION_SKIPPED_TEXT = "Account deletion was skipped"


class Outcome(StrEnum):
    """How a run ends."""

    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    TERMINATED = "terminated"
    CANCELLED = "cancelled"
    TEMPERROR = "temperror"
    RETRIED = "retried"
    """Succeeds after some time in the state RETRIED."""

    @property
    def is_complete(self) -> bool:
        """Whether every account is processed."""
        return self in (Outcome.SUCCESS, Outcome.WARNING, Outcome.RETRIED)

    @property
    def aggregation_status(self) -> str:
        """Its final value in the status endpoint, where a run with errors is COMPLETED (ISC OpenAPI)."""
        return {Outcome.TERMINATED: "TERMINATED", Outcome.CANCELLED: "CANCELLED"}.get(self, "COMPLETED")

    @property
    def completion_status(self) -> str:
        """Its final value in task-status, which has no CANCELLED."""
        return {Outcome.RETRIED: "SUCCESS", Outcome.CANCELLED: "TERMINATED"}.get(self, self.name)


@dataclass(frozen=True)
class RunMessage:
    """A message of a task.

    :param type: ``INFO``, ``WARN`` or ``ERROR``.
    :param text: its text, which is also its key.
    """

    type: str
    text: str


_DEFAULT_MESSAGES = {
    Outcome.WARNING: RunMessage("WARN", "The aggregation completed with warnings."),
    Outcome.ERROR: RunMessage("ERROR", "The aggregation failed."),
    Outcome.TERMINATED: RunMessage("ERROR", "The aggregation was terminated after 3 attempts."),
    Outcome.CANCELLED: RunMessage("WARN", "The aggregation was cancelled."),
    Outcome.TEMPERROR: RunMessage("ERROR", "The aggregation failed because of a temporary error."),
}


@dataclass(frozen=True)
class RunPlan:
    """The course of a run.

    :param outcome: how it ends.
    :param collect_seconds: seconds in STARTED, at speed 1.
    :param process_seconds: seconds in ACCOUNTS_COLLECTED, at speed 1.
    :param fail_at: fraction of the processing after which an incomplete run ends; 0 ends it before any
        account is collected.
    :param messages: messages at the end, which replace the default ones.
    """

    outcome: Outcome = Outcome.SUCCESS
    collect_seconds: float = COLLECT_SECONDS
    process_seconds: float = 0.0
    fail_at: float = 0.5
    messages: tuple[RunMessage, ...] = ()

    @property
    def collected_after(self) -> float:
        """Seconds until the accounts are collected; a retried run collects, waits and collects again."""
        return self.collect_seconds * (3 if self.outcome is Outcome.RETRIED else 1)

    @property
    def ended_after(self) -> float:
        """Seconds until the end."""
        share = 1.0 if self.outcome.is_complete else self.fail_at
        return self.collected_after + share * self.process_seconds


def default_process_seconds(work: int) -> float:
    """Return the seconds that this many accounts take, at speed 1."""
    return min(work * PROCESS_SECONDS_PER_ACCOUNT, MAX_PROCESS_SECONDS)


@dataclass(frozen=True)
class RunState:
    """The state of a run at one moment.

    :param status: its value in the status endpoint.
    :param outcome: how it ended, None while it runs.
    :param collected: whether accounts have been collected.
    :param processed: number of accounts processed so far.
    :param percent: progress from 0 to 100.
    :param ended_for: seconds since the end, at speed 1; negative while it runs.
    """

    status: str
    outcome: Outcome | None
    collected: bool
    processed: int
    percent: int
    ended_for: float


@dataclass
class Run:
    """One aggregation or other load, or one refused start.

    :param id: task ID, 32 hexadecimal characters; a UUID for an identity refresh.
    :param source_id: ID of the source, empty for an identity refresh.
    :param source_name: name of the source at the start.
    :param changes: changes to make.
    :param plan: its course.
    :param created: wall time of the start, by the tenant's clock.
    :param started: monotonic time of the start, in seconds.
    :param speed: how many times faster than planned it runs.
    :param event_id: its event ID in ISC; these rise with every start.
    :param optimized: whether unchanged accounts are skipped.
    :param refused: whether the start was refused because the source was busy.
    :param file: the uploaded file.
    :param clock: the tenant's clock, None if its skew never changes during the run.
    :param kind: what it does.
    :param object_type: entitlement type that the start named, None if it named none.
    :param target: what it changes at its end, None for nothing.
    :param identities: number of identities that it refreshes.
    """

    id: str
    source_id: str
    source_name: str
    changes: Changes
    plan: RunPlan
    created: float
    started: float
    speed: float
    event_id: int
    optimized: bool = True
    refused: bool = False
    file: ReceivedFile | None = None
    clock: TenantClock | None = None
    kind: RunKind = RunKind.ACCOUNTS
    object_type: str | None = None
    target: AccountSet | None = field(default=None, repr=False)
    identities: int = 0
    advanced: float = 0.0
    cleared_status: str | None = None
    cleared_at: str | None = None
    modified: float | None = None
    _forced: tuple[float, Outcome, int] | None = field(default=None, repr=False)

    @property
    def work(self) -> int:
        """Number of accounts to process."""
        return self.changes.work(self.optimized)

    @property
    def is_cleared(self) -> bool:
        """Whether a client cleared the task's record."""
        return self.cleared_status is not None

    def elapsed(self, steady: float) -> float:
        """Return the seconds since the start, at speed 1."""
        return (steady - self.started) * self.speed + self.advanced

    def advance(self, seconds: float) -> None:
        """Move the run forward by this many seconds, at speed 1."""
        self.advanced += seconds

    def finish(self, steady: float, outcome: Outcome | None = None) -> None:
        """End the run now, unless it has ended.

        :param steady: current monotonic time.
        :param outcome: how it ends; as planned by default.
        """
        state = self.state(steady)
        if state.outcome is not None:
            return
        outcome = outcome or self.plan.outcome
        processed = self.work if outcome.is_complete else state.processed
        self._forced = (self.elapsed(steady), outcome, processed)

    def ended_after(self) -> float:
        """Return the seconds from the start to the end, at speed 1."""
        return self._forced[0] if self._forced else self.plan.ended_after

    def completed(self) -> float:
        """Return the wall time of the end by the tenant's clock; only meaningful once the run has ended."""
        seconds = max(0.0, self.ended_after() - self.advanced) / self.speed
        if self.clock is None:
            return self.created + seconds
        skew_change = self.clock.skew_at(self.started + seconds) - self.clock.skew_at(self.started)
        return self.created + seconds + skew_change

    def final_outcome(self) -> Outcome:
        """Return how the run ends; a skipped deletion turns success into a warning."""
        outcome = self._forced[1] if self._forced else self.plan.outcome
        if self.changes.deletion_skipped and outcome in (Outcome.SUCCESS, Outcome.RETRIED):
            return Outcome.WARNING
        return outcome

    def state(self, steady: float) -> RunState:
        """Return the state at a monotonic time."""
        elapsed = self.elapsed(steady)
        collected = elapsed >= self.plan.collected_after
        if elapsed >= self.ended_after():
            return self._ended(elapsed)
        if not collected:
            return RunState(self._collecting_status(elapsed), None, False, 0, 0, -1.0)
        share = 1.0
        if self.plan.process_seconds > 0:
            share = min(1.0, (elapsed - self.plan.collected_after) / self.plan.process_seconds)
        return RunState(
            "ACCOUNTS_COLLECTED", None, True, int(self.work * share), min(99, int(share * 100)), -1.0
        )

    def _collecting_status(self, elapsed: float) -> str:
        is_retried = self.plan.outcome is Outcome.RETRIED
        first = self.plan.collect_seconds
        return "RETRIED" if is_retried and first <= elapsed < 2 * first else "STARTED"

    def _ended(self, elapsed: float) -> RunState:
        outcome = self.final_outcome()
        if self._forced:
            processed = self._forced[2]
            collected = outcome.is_complete or self._forced[0] >= self.plan.collected_after
        else:
            share = 1.0 if outcome.is_complete else self.plan.fail_at
            processed = int(self.work * share)
            collected = share > 0
        return RunState(
            status=outcome.aggregation_status,
            outcome=outcome,
            collected=collected,
            processed=processed,
            percent=100,
            ended_for=elapsed - self.ended_after(),
        )

    def messages(self) -> tuple[RunMessage, ...]:
        """Return the messages of the ended run."""
        if self.plan.messages:
            return self.plan.messages
        outcome = self.final_outcome()
        if outcome is Outcome.WARNING and self.changes.deletion_skipped:
            return (RunMessage("WARN", DELETION_SKIPPED_TEXT),)
        default = _DEFAULT_MESSAGES.get(outcome)
        return (default,) if default else ()
