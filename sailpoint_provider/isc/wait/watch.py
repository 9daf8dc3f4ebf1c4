"""Waiting for the end of one aggregation: what to ask, what to make of the answers, what to show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from sailpoint_provider.exceptions import AccessDeniedError, SailPointError, UnknownAggregationError
from sailpoint_provider.isc.api.endpoints import account_aggregation_status, task_status
from sailpoint_provider.isc.api.identifiers import path_id
from sailpoint_provider.isc.api.models import TaskStatus
from sailpoint_provider.isc.flow import Flow, Gather, Sleep, ask
from sailpoint_provider.isc.outcome import (
    KNOWN_STATUSES,
    Progress,
    decide,
    is_terminated,
    make_result,
    progress_of,
)
from sailpoint_provider.isc.wait.backoff import EndEstimate
from sailpoint_provider.isc.wait.deadlines import OutageTracker

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.exceptions import AggregationTimeoutError
    from sailpoint_provider.isc.api.models import AccountAggregationStatus
    from sailpoint_provider.isc.api.summaries import TaskSummary
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.wait.backoff import Backoff
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.results import AggregationResult, State

_TROUBLE_PAUSE = 3.0
_LONGEST_STATUS_PAUSE = 300.0
_PROGRESS_SECONDS = 5.0
"""How long a request may take that only asks for progress."""


class Watch:
    """
    The wait for one aggregation; it remembers what was seen between two looks.

    :param aggregation_id: the aggregation, as a start answered it.
    :param generation: the API generation to ask.
    :param deadlines: when to give up.
    :param clock: tells epoch seconds.
    :param log: where progress and notes go.
    :param begun: epoch seconds at which the wait began, for the elapsed time and the backoff; None for now.
    :param usual_seconds: how long a run of this source usually takes, None where that is not known.
    """

    __slots__ = (
        "_begun",
        "_clock",
        "_deadlines",
        "_estimate",
        "_generation",
        "_log",
        "_outage",
        "_record_shown",
        "_shown_at",
        "_status_not_before",
        "_status_pause",
        "_status_refused",
        "_status_said",
        "_status_shown",
        "_strange_statuses",
        "aggregation_id",
    )

    def __init__(
        self,
        aggregation_id: str,
        generation: ApiVersion,
        *,
        deadlines: Deadlines,
        clock: Callable[[], float],
        log: logging.Logger,
        begun: float | None = None,
        usual_seconds: float | None = None,
    ) -> None:
        self.aggregation_id = path_id(aggregation_id, "aggregation_id")
        self._generation = generation
        self._deadlines = deadlines
        self._clock = clock
        self._log = log
        self._outage = OutageTracker(aggregation_id, deadlines.tolerate_outage, clock, log)
        self._begun = clock() if begun is None else begun
        self._estimate = EndEstimate(self._begun, usual_seconds)
        self._status_refused = False
        self._status_not_before = 0.0
        self._status_pause = 0.0
        self._status_said: str | None = None
        self._strange_statuses: tuple[str, ...] = ()
        self._status_shown: Progress | None = None
        self._record_shown: Progress | None = None
        self._shown_at = 0.0

    @property
    def is_troubled(self) -> bool:
        """Whether the last look left something open that only further looks can settle."""
        return self.is_puzzled or self._outage.is_silent

    @property
    def is_puzzled(self) -> bool:
        """Whether the answers so far do not fit together, so that both endpoints have to be asked again."""
        return self._outage.is_puzzled

    @property
    def shows_status(self) -> bool:
        """Whether the status endpoint may be asked for progress."""
        return not self._status_refused

    @property
    def end(self) -> float | None:
        """Epoch seconds at which the wait is given up, None for no end."""
        return self._deadlines.end

    def wait(
        self, backoff: Backoff, jitter: Callable[[], float], *, first_pause: float = 0.0
    ) -> Flow[AggregationResult]:
        """
        Look until the aggregation ended, well or badly.

        :param first_pause: seconds to wait before the first look, where somebody has just looked.
        :raises AggregationTimeoutError: the deadline came first.
        :raises SailPointError: the wait cannot go on; see :meth:`look`.
        """
        if first_pause:
            yield Sleep(first_pause)
        while True:
            result = yield from self.look()
            if result is not None:
                return result
            self.check_deadline()
            yield Sleep(self.next_pause(backoff, jitter()))

    def next_pause(self, backoff: Backoff, jitter: float) -> float:
        """Return the seconds until the next look, not beyond the deadline."""
        now = self._clock()
        remaining = self._estimate.remaining(now)
        pause = max(backoff.pause(now - self._begun, remaining, jitter), self._outage.retry_after)
        end = self._deadlines.end
        return pause if end is None else min(pause, max(0.0, end - now))

    def check_deadline(self) -> None:
        """
        Make sure that there is time left.

        :raises AggregationTimeoutError: the deadline has passed.
        :raises ExecutionTimeoutError: the task's ``execution_timeout`` has passed before that.
        """
        end = self._deadlines.end
        if end is not None and self._clock() >= end:
            raise self.timed_out()

    def timed_out(self) -> AggregationTimeoutError:
        """Return the error for a wait whose time is over."""
        return self._deadlines.timed_out(self.aggregation_id)

    def settled(self) -> Flow[AggregationResult | None]:
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
            yield Sleep(max(_TROUBLE_PAUSE, self._outage.retry_after))

    def check_once(self) -> Flow[bool]:
        """Ask the task record alone, once; tell whether it is over. What is not known yet is not over."""
        try:
            task = yield from self._task()
        except SailPointError as error:
            self._outage.note_silence(error)
            return False
        return task is not None and self.saw(task, quiet=math.inf) != "running"

    def look(self, *, with_progress: bool = True) -> Flow[AggregationResult | None]:
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
            if task is not None and not with_progress and not self.is_puzzled:
                state = self.saw(task)
                return None if state == "running" else make_result(self.aggregation_id, None, task)
            status = yield from self._status(task)
            if (task is None or task.completion_status is None) and decide(status, task) != "running":
                # It ended between the two answers, and only the record tells counts and messages.
                task = (yield from self._task()) or task
        except SailPointError as error:
            self._outage.note_silence(error)
            return None
        self._outage.note_answer()
        if decide(status, task) != "running":
            return make_result(self.aggregation_id, status, task)
        self._outage.note_known(is_known=task is not None or status is not None)
        self._outage.note_completed(without_result=status is not None and status.status == "COMPLETED")
        self._show(status, task)
        return None

    def saw(self, task: TaskStatus | TaskSummary, *, quiet: float = 0.0) -> State:
        """
        Take in a task record that somebody else asked for, and return the state that it tells.

        :param quiet: seconds that lie between two lines of progress at the least.
        """
        self._outage.note_answer()
        self._outage.note_known(is_known=True)
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
        self._outage.note_silence(error, quiet)

    def progress(self) -> Flow[bool]:
        """
        Ask the status endpoint alone, for progress, and show it.

        :returns: whether it says something that takes a whole look, such as an end.
        """
        status = yield from self._status(_SOME_RECORD)
        if status is None:
            return False
        self._show(status, None)
        return status.status == "COMPLETED" or decide(status, None) != "running"

    def _task(self) -> Flow[TaskStatus | None]:
        try:
            return (yield from ask(task_status(self._generation, self.aggregation_id)))
        except UnknownAggregationError:
            return None

    def _status(self, task: TaskStatus | None) -> Flow[AccountAggregationStatus | None]:
        """
        Return the status endpoint's answer, None where it knows or says nothing.

        While the task record says enough, this endpoint is asked for progress only: once, with little time,
        and more rarely after it failed, so that its outage never delays the end.
        """
        is_decisive = task is None or is_terminated(task)
        if self._status_refused or (not is_decisive and self._clock() < self._status_not_before):
            return None
        try:
            status = yield from self._status_answer(is_decisive=is_decisive)
        except UnknownAggregationError:
            return None
        except AccessDeniedError as error:
            self._status_refused = True
            self._log.warning(
                "Progress is not available: the status endpoint answers only a personal access token of a "
                "user with a sufficient level. The end of the aggregation is read from the task status. (%s)",
                error,
            )
            return None
        except SailPointError as error:
            if task is None or (is_terminated(task) and not error.final):
                raise
            self._status_pause = min(_LONGEST_STATUS_PAUSE, max(_TROUBLE_PAUSE, 2.0 * self._status_pause))
            self._status_not_before = self._clock() + self._status_pause
            self._log.debug("No progress this time: %s", error)
            return None
        self._status_pause = 0.0
        if status.status == "NOT_FOUND":
            return None
        if status.status not in KNOWN_STATUSES and status.status not in self._strange_statuses:
            self._strange_statuses += (str(status.status),)
            self._log.warning("ISC reports the undocumented status %r; still waiting.", status.status)
        return status

    def _status_answer(self, *, is_decisive: bool) -> Flow[AccountAggregationStatus]:
        limit = None if is_decisive else _PROGRESS_SECONDS
        call = account_aggregation_status(self._generation, self.aggregation_id, time_limit=limit)
        if is_decisive:
            return (yield from ask(call))
        (answer,) = yield Gather((call,))
        if isinstance(answer, SailPointError):
            raise answer
        return cast("AccountAggregationStatus", answer)

    def _show(self, status: AccountAggregationStatus | None, task: TaskStatus | TaskSummary | None) -> None:
        progress = progress_of(status, task, self._status_said)
        self._status_said = status.status if status is not None else self._status_said
        now = self._clock()
        self._estimate.note(progress.share, now)
        # Status endpoint and record say it in different words: each is shown when it has changed itself.
        if progress == (self._record_shown if status is None else self._status_shown):
            return
        if status is None:
            self._record_shown = progress
        else:
            self._status_shown = progress
        self._shown_at = now
        self._log.info("%s", progress.line(now - self._begun))


_SOME_RECORD = TaskStatus(id="", completion_status=None)
