"""Waiting for the end of one aggregation: what to ask, what to make of silence, when to give up."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
from sailpoint_provider.isc.identifiers import path_id
from sailpoint_provider.isc.models import TaskStatus
from sailpoint_provider.isc.outcome import (
    KNOWN_STATUSES,
    Progress,
    decide,
    is_terminated,
    make_result,
    progress_of,
)
from sailpoint_provider.isc.pace import Expectation
from sailpoint_provider.isc.steps import Pause, Steps, ask

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.isc.generations import Generation
    from sailpoint_provider.isc.glimpses import Glimpse
    from sailpoint_provider.isc.models import AccountAggregationStatus
    from sailpoint_provider.isc.pace import Pace
    from sailpoint_provider.isc.result import AggregationResult, State

UNKNOWN_GRACE_SECONDS = 120.0
"""How long both endpoints may not know an id; nobody has shown how soon after the start they know it."""

NO_RESULT_GRACE_SECONDS = 600.0
"""How long the status endpoint may say COMPLETED while the task record says nothing of an end."""

DEFAULT_TOLERATE_OUTAGE = 1800.0
_TROUBLE_PAUSE = 3.0


@dataclass(frozen=True)
class Patience:
    """
    How long a wait goes on.

    :param deadline: epoch seconds at which the wait is over; None for no end.
    :param tolerate_outage: seconds without a good answer after which the wait ends with an error.
    :param execution_deadline: epoch seconds at which the task's ``execution_timeout`` is over; None for no
        end.
    """

    deadline: float | None = None
    tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE
    execution_deadline: float | None = None

    @property
    def end(self) -> float | None:
        """Epoch seconds of whichever comes first."""
        return min((end for end in (self.deadline, self.execution_deadline) if end is not None), default=None)


class Watch:
    """
    The wait for one aggregation; it remembers what was seen between two looks.

    :param aggregation_id: the aggregation, as a start answered it.
    :param generation: the API generation to ask.
    :param patience: when to give up.
    :param clock: tells epoch seconds.
    :param log: where progress and notes go.
    :param begun: epoch seconds at which the wait began, for the elapsed time and the pace; None for now.
    :param usual_seconds: how long a run of this source usually takes, None where that is not known.
    """

    __slots__ = (
        "_begun",
        "_clock",
        "_expectation",
        "_generation",
        "_is_silent",
        "_last_good_answer",
        "_log",
        "_no_result_since",
        "_patience",
        "_shown",
        "_shown_at",
        "_status_refused",
        "_status_said",
        "_strange_statuses",
        "_unknown_since",
        "_warned_at",
        "aggregation_id",
        "retry_after",
    )

    def __init__(
        self,
        aggregation_id: str,
        generation: Generation,
        *,
        patience: Patience,
        clock: Callable[[], float],
        log: logging.Logger,
        begun: float | None = None,
        usual_seconds: float | None = None,
    ) -> None:
        self.aggregation_id = path_id(aggregation_id, "aggregation_id")
        self._generation = generation
        self._patience = patience
        self._clock = clock
        self._log = log
        self._last_good_answer = clock()
        self._begun = self._last_good_answer if begun is None else begun
        self._expectation = Expectation(self._begun, usual_seconds)
        self._unknown_since: float | None = None
        self._no_result_since: float | None = None
        self._is_silent = False
        self._status_refused = False
        self._status_said: str | None = None
        self._strange_statuses: tuple[str, ...] = ()
        self._shown: Progress | None = None
        self._shown_at = self._warned_at = 0.0
        self.retry_after = 0.0

    @property
    def is_troubled(self) -> bool:
        """Whether the last look left something open that only further looks can settle."""
        return self.is_puzzling or self._is_silent

    @property
    def is_puzzling(self) -> bool:
        """Whether the answers so far do not fit together, so that both endpoints have to be asked again."""
        return self._unknown_since is not None or self._no_result_since is not None

    @property
    def shows_status(self) -> bool:
        """Whether the status endpoint may be asked for progress."""
        return not self._status_refused

    @property
    def end(self) -> float | None:
        """Epoch seconds at which the wait is given up, None for no end."""
        return self._patience.end

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
        now = self._clock()
        remaining = self._expectation.remaining(now)
        pause = max(pace.pause(now - self._begun, remaining, jitter), self.retry_after)
        end = self._patience.end
        return pause if end is None else min(pause, max(0.0, end - now))

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

    def settled(self) -> Steps[AggregationResult | None]:
        """
        Look until the answer is clear: the result of an aggregation that ended, None while it runs.

        Silence is sat out and never means unknown.

        :raises SailPointError: as :meth:`look` says.
        """
        while True:
            result = yield from self.look()
            if result is not None or not self.is_troubled:
                return result
            self.check_deadline()
            yield Pause(max(_TROUBLE_PAUSE, self.retry_after))

    def glance(self) -> Steps[bool]:
        """Ask the task record alone, once; tell whether it is over. What is not known yet is not over."""
        try:
            task = yield from self._task()
        except SailPointError as error:
            self._note_outage(error)
            return False
        return task is not None and self.saw(task, quiet=math.inf) != "running"

    def look(self, *, with_progress: bool = True) -> Steps[AggregationResult | None]:
        """
        Ask once and return the result of an aggregation that ended, None while it runs.

        :param with_progress: False to leave the status endpoint out, where the task record says enough.
        :raises UnknownAggregationError: both endpoints have not known the id for 120 seconds.
        :raises ProtocolError: ISC has said COMPLETED for 600 seconds without telling a result.
        :raises AuthenticationError: the credentials are refused.
        :raises AccessDeniedError: the task status may not be read.
        :raises SailPointError: no good answer for longer than ``tolerate_outage``.
        """
        try:
            task = yield from self._task()
            if task is not None and not with_progress and not self.is_puzzling:
                state = self.saw(task)
                return None if state == "running" else make_result(self.aggregation_id, None, task)
            status = yield from self._status(task)
            if (task is None or task.completion_status is None) and decide(status, task) != "running":
                # It ended between the two answers, and only the record tells counts and messages.
                task = (yield from self._task()) or task
        except SailPointError as error:
            self._note_outage(error)
            return None
        self._note_answer()
        if decide(status, task) != "running":
            return make_result(self.aggregation_id, status, task)
        self._check_known(task, status)
        self._check_completed(status)
        self._show(status, task)
        return None

    def saw(self, task: TaskStatus | Glimpse, *, quiet: float = 0.0) -> State:
        """
        Take in a task record that somebody else asked for, and return the state that it tells.

        :param quiet: seconds that lie between two lines of progress at the least.
        """
        self._note_answer()
        self._unknown_since = None
        state = decide(None, task)
        if state == "running" and self._clock() - self._shown_at >= quiet:
            self._show(None, task)
        return state

    def missed(self, error: SailPointError, *, quiet: float = 0.0) -> None:
        """
        Take in that somebody else asked, and why there was no good answer.

        :param quiet: seconds that lie between two warnings at the least.
        :raises SailPointError: that is final, or has gone on for longer than ``tolerate_outage``.
        """
        self._note_outage(error, quiet)

    def progress(self) -> Steps[bool]:
        """
        Ask the status endpoint alone, for progress, and show it.

        :returns: whether it says something that takes a whole look, such as an end.
        """
        status = yield from self._status(_SOME_RECORD)
        if status is None:
            return False
        self._show(status, None)
        return status.status == "COMPLETED" or decide(status, None) != "running"

    def _task(self) -> Steps[TaskStatus | None]:
        try:
            return (yield from ask(task_status(self._generation, self.aggregation_id)))
        except UnknownAggregationError:
            return None

    def _status(self, task: TaskStatus | None) -> Steps[AccountAggregationStatus | None]:
        """Return the status endpoint's answer, None where it knows or says nothing."""
        if self._status_refused:
            return None
        try:
            status = yield from ask(account_aggregation_status(self._generation, self.aggregation_id))
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
            self._strange_statuses += (str(status.status),)
            self._log.warning(
                "ISC says status %r, which it does not document; the wait goes on.", status.status
            )
        return status

    def _note_answer(self) -> None:
        self.retry_after = 0.0
        self._is_silent = False
        self._last_good_answer = self._clock()

    def _note_outage(self, error: SailPointError, quiet: float = 0.0) -> None:
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
        if self._clock() - max(self._warned_at, self._last_good_answer) < quiet:
            return
        self._warned_at = self._clock()
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

    def _show(self, status: AccountAggregationStatus | None, task: TaskStatus | Glimpse | None) -> None:
        progress = progress_of(status, task, self._status_said)
        self._status_said = status.status if status is not None else self._status_said
        now = self._clock()
        self._expectation.note(progress.share, now)
        if progress != self._shown:
            self._shown, self._shown_at = progress, now
            self._log.info("%s", progress.line(now - self._begun))


def _moment(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


_SOME_RECORD = TaskStatus(id="", completion_status=None)
