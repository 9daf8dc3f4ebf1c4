"""When a wait ends without a result: at its deadlines, or after too long an outage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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

DEFAULT_TOLERATE_OUTAGE = 1800.0

UNKNOWN_GRACE_SECONDS = 120.0
"""How long both endpoints may not know an ID; how soon after a start they know it is undocumented."""

NO_RESULT_GRACE_SECONDS = 600.0
"""How long the status endpoint may say COMPLETED while the task record has no ``completionStatus``."""


@dataclass(frozen=True)
class Deadlines:
    """
    When a wait began and when it must end, in absolute times.

    The same object travels from the operator through the checkpoint and the trigger's arguments to the watch.
    No time is derived from the task instance, because its ``start_date`` is the time of the resume on several
    Airflow versions.

    :param deadline: epoch seconds at which the task's ``timeout`` has passed; None for no limit.
    :param tolerate_outage: seconds without a valid response after which the wait ends with an error.
    :param execution_deadline: epoch seconds at which the task's ``execution_timeout`` has passed; None for no
        limit.
    :param begun: epoch seconds at which the wait began; None for the moment at which a watch is made.
    """

    deadline: float | None = None
    tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE
    execution_deadline: float | None = None
    begun: float | None = None

    @property
    def end(self) -> float | None:
        """Epoch seconds of the earlier deadline, None for no limit."""
        # Each poll of each wait asks this several times, so without a generator.
        if self.deadline is None:
            return self.execution_deadline
        if self.execution_deadline is None:
            return self.deadline
        return min(self.deadline, self.execution_deadline)

    @property
    def _ends_the_try(self) -> bool:
        """Whether ``execution_timeout`` is the earlier limit, or passes together with ``timeout``."""
        return self.execution_deadline is not None and self.end == self.execution_deadline

    def have_passed(self, now: float) -> bool:
        """Return whether the wait must end."""
        end = self.end
        return end is not None and now >= end

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the wait must end: 0 if that has passed, infinity for no limit."""
        end = self.end
        return math.inf if end is None else max(0.0, end - now)

    def in_another_try(self, other: Deadlines) -> Deadlines:
        """
        Return the deadlines of the same wait in another try of its task.

        ``timeout`` belongs to the aggregation, so its deadline stays; ``execution_timeout`` belongs to a try.

        :param other: the deadlines of that try.
        """
        return replace(
            self, execution_deadline=other.execution_deadline, tolerate_outage=other.tolerate_outage
        )

    def no_earlier_than(self, moment: float) -> Deadlines:
        """Return the deadlines, each moved to this moment where it is earlier."""
        ends = (self.deadline, self.execution_deadline)
        deadline, execution_deadline = (None if end is None else max(end, moment) for end in ends)
        return replace(self, deadline=deadline, execution_deadline=execution_deadline)

    def error(self, message: str) -> AggregationTimeoutError:
        """Return an error of the class that belongs to the earlier deadline."""
        return ExecutionTimeoutError(message) if self._ends_the_try else AggregationTimeoutError(message)

    def timed_out(self, aggregation: str) -> AggregationTimeoutError:
        """
        Return the error for a wait whose time is up.

        :param aggregation: kind and ID, such as ``account aggregation 2c91…``.
        """
        limit = "execution_timeout" if self._ends_the_try else "timeout"
        until = "" if self.end is None else f" at {_utc(self.end)}"
        return self.error(
            f"The task's {limit} passed{until} before {aggregation} ended. {still_running(aggregation)}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the deadlines as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Deadlines:
        """
        Return the deadlines of a JSON object; keys that this version does not know are ignored.

        :raises ProtocolError: the document does not hold deadlines.
        """
        if not isinstance(document, Mapping):
            raise ProtocolError(f"Deadlines are a JSON object, not {type(document).__name__}.")
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        for name, value in known.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number and math.isfinite(value)) and (value is not None or name == "tolerate_outage"):
                raise ProtocolError(f"{name} must be a number of seconds.")
        return cls(**known)


class OutageTracker:
    """
    Counts how long an aggregation's state has been unclear, and ends the wait when that is too long.

    :param aggregation: kind and ID of the aggregation, for errors.
    :param tolerate_outage: seconds without a valid response after which the wait ends with an error.
    :param clock: returns epoch seconds.
    :param log: gets the warnings.
    """

    __slots__ = (
        "_aggregation",
        "_clock",
        "_last_response",
        "_log",
        "_no_result_since",
        "_tolerate_outage",
        "_unknown_since",
        "_warned_at",
        "is_down",
        "retry_after",
    )

    def __init__(
        self, aggregation: str, tolerate_outage: float, clock: Callable[[], float], log: logging.Logger
    ) -> None:
        self._aggregation = aggregation
        self._tolerate_outage = tolerate_outage
        self._clock = clock
        self._log = log
        self._last_response = clock()
        self._warned_at = 0.0
        self._unknown_since: float | None = None
        self._no_result_since: float | None = None
        self.is_down = False
        self.retry_after = 0.0

    @property
    def is_contradictory(self) -> bool:
        """Whether the responses so far contradict each other, so that both endpoints must be read again."""
        return self._unknown_since is not None or self._no_result_since is not None

    def note_response(self) -> None:
        """Record a valid response."""
        self.retry_after = 0.0
        self.is_down = False
        self._last_response = self._clock()

    def note_failure(self, error: SailPointError, quiet: float = 0.0) -> None:
        """
        Record a request without a valid response.

        :param quiet: least number of seconds between two warnings.
        :raises SailPointError: the error is final, or the outage is longer than ``tolerate_outage``.
        """
        if error.final:
            raise error
        now = self._clock()
        outage = now - self._last_response
        # The pause before the first failure is no outage, however long it was.
        if self.is_down and outage > self._tolerate_outage:
            raise TenantUnavailableError(
                f"No valid response about {self._aggregation} for {outage:.0f} s "
                f"(tolerate_outage={self._tolerate_outage:g} s). Last error: {error} The aggregation may "
                "still be running in ISC.",
                status=error.status,
                detail_code=error.detail_code,
                tracking_id=error.tracking_id,
                retry_after=error.retry_after,
            ) from error
        self.is_down = True
        self.retry_after = error.retry_after or 0.0
        if now - max(self._warned_at, self._last_response) >= quiet:
            self._warned_at = now
            self._log.warning(
                "No valid response for %.0f s (tolerate_outage=%g s): %s",
                outage,
                self._tolerate_outage,
                error,
            )

    def note_known(self, *, is_known: bool) -> None:
        """
        Record whether either endpoint knows the aggregation.

        :raises UnknownAggregationError: neither has known it for :data:`UNKNOWN_GRACE_SECONDS`.
        """
        if is_known:
            self._unknown_since = None
            return
        now = self._clock()
        self._unknown_since = now if self._unknown_since is None else self._unknown_since
        if now - self._unknown_since >= UNKNOWN_GRACE_SECONDS:
            raise UnknownAggregationError(
                f"ISC does not know {self._aggregation}: it has returned 404 for "
                f"{UNKNOWN_GRACE_SECONDS:g} s. Check the ID and the tenant. ISC keeps task records for 90 "
                "days.",
                status=404,
            )

    def note_completed(self, *, without_result: bool) -> None:
        """
        Record whether the status endpoint says COMPLETED while the task record has no ``completionStatus``.

        :raises ProtocolError: that has lasted for :data:`NO_RESULT_GRACE_SECONDS`.
        """
        if not without_result:
            self._no_result_since = None
            return
        now = self._clock()
        self._no_result_since = now if self._no_result_since is None else self._no_result_since
        if now - self._no_result_since >= NO_RESULT_GRACE_SECONDS:
            raise ProtocolError(
                f"ISC gives no result for {self._aggregation}: its status has been COMPLETED, which can hide "
                f"errors, for {NO_RESULT_GRACE_SECONDS:g} s, but its completionStatus is still null. Check "
                "the source's aggregation activity in ISC."
            )


def still_running(aggregation: str) -> str:
    """Return the sentence that says that the end of a wait did not end the aggregation."""
    return f"{aggregation[0].upper()}{aggregation[1:]} is still running in ISC; ISC has no API to cancel it."


def _utc(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
