"""Waits for the end of one aggregation: what to request, how to read the responses, what to log."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import SailPointError, UnknownAggregationError
from sailpoint_provider.isc.api.endpoints import task_status
from sailpoint_provider.isc.api.identifiers import id_for_path
from sailpoint_provider.isc.flow import Flow, Sleep, ask
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, LoadKind
from sailpoint_provider.isc.outcome import Progress, decide, make_result, progress_of
from sailpoint_provider.isc.wait.backoff import EndEstimate
from sailpoint_provider.isc.wait.deadlines import OutageTracker
from sailpoint_provider.isc.wait.status_endpoint import StatusEndpoint

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.exceptions import AggregationTimeoutError
    from sailpoint_provider.isc.api.models import AccountAggregationStatus, TaskStatus
    from sailpoint_provider.isc.api.summaries import TaskSummary
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.wait.backoff import Backoff
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.results import AggregationResult, State

_TROUBLE_PAUSE = 3.0


class Watch:
    """
    The wait for one aggregation; it remembers earlier responses.

    :attr:`source_id` is the source that the task record names, None until one has been read.

    :param aggregation_id: ID of the aggregation.
    :param deadlines: when the wait began and when it must end.
    :param clock: returns epoch seconds.
    :param log: gets progress and warnings.
    :param usual_seconds: how long aggregations of this source usually take, None if unknown.
    :param kind: what is waited for.
    """

    __slots__ = (
        "_api_version",
        "_begun",
        "_clock",
        "_deadlines",
        "_estimate",
        "_last_status",
        "_log",
        "_outage",
        "_record_shown",
        "_shown_at",
        "_status",
        "_status_shown",
        "aggregation_id",
        "kind",
        "source_id",
    )

    def __init__(
        self,
        aggregation_id: str,
        api_version: ApiVersion,
        *,
        deadlines: Deadlines,
        clock: Callable[[], float],
        log: logging.Logger,
        usual_seconds: float | None = None,
        kind: LoadKind = ACCOUNT_AGGREGATION,
    ) -> None:
        self.aggregation_id = id_for_path(aggregation_id, "aggregation_id")
        self.source_id: str | None = None
        self._api_version = api_version
        self.kind = kind
        self._deadlines = deadlines
        self._clock = clock
        self._log = log
        self._outage = OutageTracker(self._name, deadlines.tolerate_outage, clock, log)
        self._begun = clock() if deadlines.begun is None else deadlines.begun
        self._estimate = EndEstimate(self._begun, usual_seconds)
        self._status = StatusEndpoint(
            aggregation_id, api_version, clock=clock, log=log, exists=kind.has_status
        )
        self._last_status: str | None = None
        self._status_shown: Progress | None = None
        self._record_shown: Progress | None = None
        self._shown_at = 0.0

    @property
    def is_troubled(self) -> bool:
        """Whether the last responses left the state unclear, so that it must be read again."""
        return self.is_contradictory or self._outage.is_down

    @property
    def is_contradictory(self) -> bool:
        """Whether the responses so far contradict each other, so that both endpoints must be read again."""
        return self._outage.is_contradictory

    @property
    def shows_status(self) -> bool:
        """Whether the status endpoint can be read for progress."""
        return self._status.is_readable

    @property
    def end(self) -> float | None:
        """Epoch seconds at which the wait must end, None for no limit."""
        return self._deadlines.end

    @property
    def _name(self) -> str:
        return f"{self.kind.name} {self.aggregation_id}"

    def wait(self, backoff: Backoff, jitter: Callable[[], float]) -> Flow[AggregationResult]:
        """
        Read the state until the aggregation has ended, successfully or not.

        :raises AggregationTimeoutError: a deadline passed first.
        :raises SailPointError: see :meth:`poll`.
        """
        while True:
            result = yield from self.poll()
            if result is not None:
                return result
            self.check_deadline()
            yield Sleep(self.next_pause(backoff, jitter()))

    def next_pause(self, backoff: Backoff, jitter: float) -> float:
        """Return the seconds until the state is read again, at most until the deadline."""
        now = self._clock()
        remaining = self._estimate.remaining(now)
        pause = max(backoff.pause(now - self._begun, remaining, jitter), self._outage.retry_after)
        return min(pause, self._deadlines.seconds_left(now))

    def check_deadline(self) -> None:
        """
        Raise an error if a deadline has passed.

        :raises AggregationTimeoutError: the task's ``timeout`` has passed.
        :raises ExecutionTimeoutError: the task's ``execution_timeout`` has passed.
        """
        if self._deadlines.have_passed(self._clock()):
            raise self.timed_out()

    def timed_out(self) -> AggregationTimeoutError:
        """Return the error for a wait whose time is up."""
        return self._deadlines.timed_out(self._name)

    def poll_until_clear(self) -> Flow[AggregationResult | None]:
        """
        Read the state until it is clear: the result of an aggregation that ended, None while it is running.

        An outage is tolerated, and never counts as an unknown ID.

        :raises SailPointError: see :meth:`poll`.
        """
        while True:
            result = yield from self.poll()
            if result is not None or not self.is_troubled:
                return result
            self.check_deadline()
            yield Sleep(max(_TROUBLE_PAUSE, self._outage.retry_after))

    def check_once(self) -> Flow[bool]:
        """Read the task record once and return whether the aggregation has ended for certain."""
        try:
            task = yield from self._task()
        except SailPointError as error:
            self._outage.note_failure(error)
            return False
        return task is not None and self.apply_record(task, quiet=math.inf) != "running"

    def poll(self, *, with_progress: bool = True) -> Flow[AggregationResult | None]:
        """
        Read the state once: the result of an aggregation that ended, None while it is running.

        :param with_progress: False to skip the status endpoint where the task record is enough.
        :raises UnknownAggregationError: neither endpoint has known the ID for 120 seconds.
        :raises ProtocolError: the status has been COMPLETED for 600 seconds without a result.
        :raises AuthenticationError: ISC refuses the credentials.
        :raises AccessDeniedError: the client may not read the task status.
        :raises SailPointError: no valid response for longer than ``tolerate_outage``.
        """
        try:
            task = yield from self._task()
            if task is not None and not with_progress and not self.is_contradictory:
                state = self.apply_record(task)
                return (
                    None
                    if state == "running"
                    else make_result(self.aggregation_id, None, task, kind=self.kind)
                )
            status = yield from self._status.read_beside(task)
            if (task is None or task.completion_status is None) and decide(status, task) != "running":
                # It ended between the two responses, and only the record has counts and messages.
                task = (yield from self._task()) or task
        except SailPointError as error:
            self._outage.note_failure(error)
            return None
        self._outage.note_response()
        if decide(status, task) != "running":
            return make_result(self.aggregation_id, status, task, kind=self.kind)
        self._outage.note_known(is_known=task is not None or status is not None)
        self._outage.note_completed(without_result=status is not None and status.status == "COMPLETED")
        self._show(status, task)
        return None

    def apply_record(self, task: TaskStatus | TaskSummary, *, quiet: float = 0.0) -> State:
        """
        Process a task record that came with a batch, and return the state.

        :param quiet: least number of seconds between two progress lines.
        """
        self._outage.note_response()
        self._outage.note_known(is_known=True)
        state = decide(None, task)
        if state == "running" and self._clock() - self._shown_at >= quiet:
            self._show(None, task)
        return state

    def note_failure(self, error: SailPointError, *, quiet: float = 0.0) -> None:
        """
        Process the failure of a batch request.

        :param quiet: least number of seconds between two warnings.
        :raises SailPointError: the error is final, or the outage is longer than ``tolerate_outage``.
        """
        self._outage.note_failure(error, quiet)

    def progress(self) -> Flow[bool]:
        """
        Read the status endpoint alone and log the progress.

        :returns: whether both endpoints must be read now, for example because the aggregation has ended.
        """
        status = yield from self._status.read_for_progress()
        if status is None:
            return False
        self._show(status, None)
        return status.status == "COMPLETED" or decide(status, None) != "running"

    def _task(self) -> Flow[TaskStatus | None]:
        try:
            task = yield from ask(task_status(self._api_version, self.aggregation_id))
        except UnknownAggregationError:
            return None
        self.source_id = task.source_id or self.source_id
        return task

    def _show(self, status: AccountAggregationStatus | None, task: TaskStatus | TaskSummary | None) -> None:
        progress = progress_of(status, task, self._last_status)
        self._last_status = status.status if status is not None else self._last_status
        now = self._clock()
        self._estimate.note(progress.share, now)
        # The two sources describe progress differently, so each is logged when it changes itself.
        if progress == (self._record_shown if status is None else self._status_shown):
            return
        if status is None:
            self._record_shown = progress
        else:
            self._status_shown = progress
        self._shown_at = now
        self._log.info("%s", progress.line(now - self._begun))
