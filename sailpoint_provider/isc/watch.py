"""Waiting for the end of one aggregation: what to ask, what to make of silence, when to give up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sailpoint_provider.isc.calls import account_aggregation_status, task_status
from sailpoint_provider.isc.errors import (
    AccessDeniedError,
    AggregationTimeoutError,
    ExecutionTimeoutError,
    ProtocolError,
    SailPointError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.outcome import (
    KNOWN_STATUSES,
    Progress,
    decide,
    is_terminated,
    make_result,
    progress_of,
)
from sailpoint_provider.isc.steps import Pause, Steps, ask

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.isc.generations import Generation
    from sailpoint_provider.isc.models import AccountAggregationStatus, TaskStatus
    from sailpoint_provider.isc.patience import Patience
    from sailpoint_provider.isc.policy import Pace
    from sailpoint_provider.isc.result import AggregationResult

UNKNOWN_GRACE_SECONDS = 120.0
"""How long both endpoints may not know an id; nobody has shown how soon after the start they know it."""

NO_RESULT_GRACE_SECONDS = 600.0
"""How long the status endpoint may say COMPLETED while the task record says nothing of an end."""


class Watch:
    """
    The wait for one aggregation; it remembers what was seen between two looks.

    :param aggregation_id: the aggregation, as a start answered it.
    :param generation: the API generation to ask.
    :param patience: when to give up.
    :param clock: tells epoch seconds.
    :param log: where progress and notes go.
    :param begun: epoch seconds at which the wait began, for the elapsed time; None for now.
    """

    def __init__(
        self,
        aggregation_id: str,
        generation: Generation,
        *,
        patience: Patience,
        clock: Callable[[], float],
        log: logging.Logger,
        begun: float | None = None,
    ) -> None:
        self._ask_task = task_status(generation, aggregation_id)
        self._ask_status = account_aggregation_status(generation, aggregation_id)
        self.aggregation_id = aggregation_id
        self._patience = patience
        self._clock = clock
        self._log = log
        self._begun = clock() if begun is None else begun
        self._last_good_answer = clock()
        self._unknown_since: float | None = None
        self._no_result_since: float | None = None
        self._is_silent = False
        self._status_refused = False
        self._strange_statuses: set[str] = set()
        self._shown: Progress | None = None
        self.looks = 0
        self.retry_after = 0.0

    @property
    def is_troubled(self) -> bool:
        """Whether the last look left something open that only further looks can settle."""
        return self._unknown_since is not None or self._no_result_since is not None or self._is_silent

    def wait(
        self, pace: Pace, jitter: Callable[[], float], *, first_pause: float = 0.0
    ) -> Steps[AggregationResult]:
        """
        Look until the aggregation ended, well or badly.

        :param first_pause: seconds to wait before the first look, where somebody has just looked.
        :raises AggregationTimeoutError: the deadline came first.
        :raises SailPointError: the wait cannot go on; see :meth:`look`.
        """
        if first_pause:
            yield Pause(first_pause)
        while True:
            result = yield from self.look()
            if result is not None:
                return result
            self.check_deadline()
            yield Pause(self.next_pause(pace, jitter()))

    def next_pause(self, pace: Pace, jitter: float) -> float:
        """Return the seconds until the next look, not beyond the deadline."""
        pause = max(pace.pause(self.looks, jitter), self.retry_after)
        end = self._patience.end
        return pause if end is None else min(pause, max(0.0, end - self._clock()))

    def check_deadline(self) -> None:
        """
        Make sure that there is time left.

        :raises AggregationTimeoutError: the deadline has passed.
        :raises ExecutionTimeoutError: the task's ``execution_timeout`` has passed before that.
        """
        end = self._patience.end
        if end is not None and self._clock() >= end:
            raise self.timed_out()

    def timed_out(self) -> AggregationTimeoutError:
        """Return the error for a wait whose time is over."""
        end = self._patience.end
        until = "" if end is None else f" (until {_moment(end)})"
        goes_on = "It goes on in Identity Security Cloud, which has no call to stop it."
        if end is not None and end == self._patience.execution_deadline:
            return ExecutionTimeoutError(
                f"The task's execution_timeout is over{until}; account aggregation {self.aggregation_id} has "
                "not "
                f"ended. {goes_on}"
            )
        return AggregationTimeoutError(
            f"Account aggregation {self.aggregation_id} did not end in time{until}. {goes_on}"
        )

    def look(self) -> Steps[AggregationResult | None]:
        """
        Ask once and return the result of an aggregation that ended, None while it runs.

        :raises UnknownAggregationError: both endpoints have not known the id for 120 seconds.
        :raises ProtocolError: ISC has said COMPLETED for 600 seconds without telling a result.
        :raises AuthenticationError: the credentials are refused.
        :raises AccessDeniedError: the task status may not be read.
        :raises SailPointError: no good answer for longer than ``tolerate_outage``.
        """
        self.looks += 1
        self.retry_after = 0.0
        try:
            task = yield from self._task()
            status = yield from self._status(task)
            if (task is None or task.completion_status is None) and decide(status, task) != "running":
                # It ended between the two answers, and only the record tells counts and messages.
                task = (yield from self._task()) or task
        except SailPointError as error:
            self._note_outage(error)
            return None
        self._last_good_answer = self._clock()
        self._is_silent = False
        if decide(status, task) != "running":
            return make_result(self.aggregation_id, status, task)
        self._check_known(task, status)
        self._check_completed(status)
        self._show(progress_of(status, task))
        return None

    def _task(self) -> Steps[TaskStatus | None]:
        try:
            return (yield from ask(self._ask_task))
        except UnknownAggregationError:
            return None

    def _status(self, task: TaskStatus | None) -> Steps[AccountAggregationStatus | None]:
        """Return the status endpoint's answer, None where it knows or says nothing."""
        if self._status_refused:
            return None
        try:
            status = yield from ask(self._ask_status)
        except UnknownAggregationError:
            return None
        except AccessDeniedError as error:
            self._status_refused = True
            self._log.warning(
                "No progress will be shown, because the status endpoint answers only a personal access token "
                "with the right scope; the end is told by the task status all the same. (%s)",
                error,
            )
            return None
        except SailPointError as error:
            if task is None or (is_terminated(task) and not error.final):
                raise
            # The task record alone decides, and it has just answered: no progress is no reason to fail.
            self._log.debug("No progress this time: %s", error)
            return None
        if status.status == "NOT_FOUND":
            return None
        if status.status not in KNOWN_STATUSES and status.status not in self._strange_statuses:
            self._strange_statuses.add(str(status.status))
            self._log.warning(
                "ISC says status %r, which it does not document; the wait goes on.", status.status
            )
        return status

    def _note_outage(self, error: SailPointError) -> None:
        if error.final:
            raise error
        silent = self._clock() - self._last_good_answer
        if silent > self._patience.tolerate_outage:
            raise TenantUnavailableError(
                f"No good answer about account aggregation {self.aggregation_id} for {silent:.0f} seconds, "
                f"longer than tolerate_outage ({self._patience.tolerate_outage:.0f} seconds). The last "
                f"error was: {error} The aggregation itself may go on in Identity Security Cloud.",
                status=error.status,
                detail_code=error.detail_code,
                tracking_id=error.tracking_id,
            ) from error
        self._is_silent = True
        self.retry_after = error.retry_after or 0.0
        self._log.warning(
            "No good answer for %.0f seconds, up to %.0f are tolerated: %s",
            silent,
            self._patience.tolerate_outage,
            error,
        )

    def _check_known(self, task: TaskStatus | None, status: AccountAggregationStatus | None) -> None:
        if task is not None or status is not None:
            self._unknown_since = None
            return
        if self._unknown_since is None:
            self._unknown_since = self._clock()
        if self._clock() - self._unknown_since >= UNKNOWN_GRACE_SECONDS:
            raise UnknownAggregationError(
                f"Identity Security Cloud does not know account aggregation {self.aggregation_id}: neither "
                f"the status endpoint nor the task status, for {UNKNOWN_GRACE_SECONDS:.0f} seconds. "
                "Is the id right, and of this tenant? Task records are kept for 90 days.",
                status=404,
            )

    def _check_completed(self, status: AccountAggregationStatus | None) -> None:
        if status is None or status.status != "COMPLETED":
            self._no_result_since = None
            return
        if self._no_result_since is None:
            self._no_result_since = self._clock()
        if self._clock() - self._no_result_since >= NO_RESULT_GRACE_SECONDS:
            raise ProtocolError(
                f"Identity Security Cloud says that account aggregation {self.aggregation_id} is COMPLETED, "
                f"but gave no result for {NO_RESULT_GRACE_SECONDS:.0f} seconds (completionStatus is null), "
                "and COMPLETED can hide errors. Look at the source's aggregation activity in ISC."
            )

    def _show(self, progress: Progress) -> None:
        if progress != self._shown:
            self._shown = progress
            self._log.info("%s", progress.line(self._clock() - self._begun))


def _moment(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
