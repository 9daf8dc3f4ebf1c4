"""When a wait gives up: at its deadline, after silence, where the answers do not fit together for long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import (
    AggregationTimeoutError,
    ExecutionTimeoutError,
    ProtocolError,
    SailPointError,
    TenantUnavailableError,
    UnknownAggregationError,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

UNKNOWN_GRACE_SECONDS = 120.0
"""How long both endpoints may not know an id; nobody has shown how soon after the start they know it."""

NO_RESULT_GRACE_SECONDS = 600.0
"""How long the status endpoint may say COMPLETED while the task record says nothing of an end."""

DEFAULT_TOLERATE_OUTAGE = 1800.0


@dataclass(frozen=True)
class Deadlines:
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
        if self.deadline is None or self.execution_deadline is None:
            return self.execution_deadline if self.deadline is None else self.deadline
        return min(self.deadline, self.execution_deadline)

    def timed_out(self, aggregation_id: str) -> AggregationTimeoutError:
        """Return the error for a wait whose time is over."""
        end = self.end
        until = "" if end is None else f" (until {_moment(end)})"
        goes_on = "It goes on in Identity Security Cloud, which has no call to stop it."
        if end is not None and end == self.execution_deadline:
            return ExecutionTimeoutError(
                f"The task's execution_timeout is over{until}; account aggregation {aggregation_id} has not "
                f"ended. {goes_on}"
            )
        return AggregationTimeoutError(
            f"Account aggregation {aggregation_id} did not end in time{until}. {goes_on}"
        )


class OutageTracker:
    """
    What a wait has put up with so far, and when that is enough.

    :param aggregation_id: the aggregation, for errors.
    :param tolerate_outage: seconds without a good answer after which the wait ends with an error.
    :param clock: tells epoch seconds.
    :param log: where outages are told.
    """

    __slots__ = (
        "_aggregation_id",
        "_clock",
        "_last_good_answer",
        "_log",
        "_no_result_since",
        "_tolerate_outage",
        "_unknown_since",
        "_warned_at",
        "is_silent",
        "retry_after",
    )

    def __init__(
        self, aggregation_id: str, tolerate_outage: float, clock: Callable[[], float], log: logging.Logger
    ) -> None:
        self._aggregation_id = aggregation_id
        self._tolerate_outage = tolerate_outage
        self._clock = clock
        self._log = log
        self._last_good_answer = clock()
        self._warned_at = 0.0
        self._unknown_since: float | None = None
        self._no_result_since: float | None = None
        self.is_silent = False
        self.retry_after = 0.0

    @property
    def is_puzzled(self) -> bool:
        """Whether the answers so far do not fit together, so that both endpoints have to be asked again."""
        return self._unknown_since is not None or self._no_result_since is not None

    def note_answer(self) -> None:
        """Take in that there was a good answer."""
        self.retry_after = 0.0
        self.is_silent = False
        self._last_good_answer = self._clock()

    def note_silence(self, error: SailPointError, quiet: float = 0.0) -> None:
        """
        Take in that there was none.

        :param quiet: seconds without a warning at the least.
        :raises SailPointError: it is final, or the silence has gone on for too long.
        """
        if error.final:
            raise error
        now = self._clock()
        silent = now - self._last_good_answer
        if silent > self._tolerate_outage:
            raise TenantUnavailableError(
                f"No good answer about account aggregation {self._aggregation_id} for {silent:.0f} seconds, "
                f"longer than tolerate_outage ({self._tolerate_outage:.0f} seconds). The last error was: "
                f"{error} The aggregation itself may go on in Identity Security Cloud.",
                status=error.status,
                detail_code=error.detail_code,
                tracking_id=error.tracking_id,
            ) from error
        self.is_silent = True
        self.retry_after = error.retry_after or 0.0
        if now - max(self._warned_at, self._last_good_answer) >= quiet:
            self._warned_at = now
            self._log.warning(
                "No good answer for %.0f seconds, up to %.0f are tolerated: %s",
                silent,
                self._tolerate_outage,
                error,
            )

    def note_known(self, *, is_known: bool) -> None:
        """
        Take in whether any endpoint knows the aggregation.

        :raises UnknownAggregationError: neither has known it for :data:`UNKNOWN_GRACE_SECONDS`.
        """
        if is_known:
            self._unknown_since = None
            return
        now = self._clock()
        self._unknown_since = now if self._unknown_since is None else self._unknown_since
        if now - self._unknown_since >= UNKNOWN_GRACE_SECONDS:
            raise UnknownAggregationError(
                f"Identity Security Cloud does not know account aggregation {self._aggregation_id}: neither "
                f"the status endpoint nor the task status, for {UNKNOWN_GRACE_SECONDS:.0f} seconds. "
                "Is the id right, and of this tenant? Task records are kept for 90 days.",
                status=404,
            )

    def note_completed(self, *, without_result: bool) -> None:
        """
        Take in whether the status endpoint says COMPLETED while the task record tells no end.

        :raises ProtocolError: that has been so for :data:`NO_RESULT_GRACE_SECONDS`.
        """
        if not without_result:
            self._no_result_since = None
            return
        now = self._clock()
        self._no_result_since = now if self._no_result_since is None else self._no_result_since
        if now - self._no_result_since >= NO_RESULT_GRACE_SECONDS:
            raise ProtocolError(
                f"Identity Security Cloud says that account aggregation {self._aggregation_id} is COMPLETED, "
                f"but gave no result for {NO_RESULT_GRACE_SECONDS:.0f} seconds (completionStatus is null), "
                "and COMPLETED can hide errors. Look at the source's aggregation activity in ISC."
            )


def _moment(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
