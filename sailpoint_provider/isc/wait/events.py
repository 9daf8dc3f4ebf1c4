"""The event with which a trigger resumes its task: written on the event loop, checked on the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sailpoint_provider import exceptions
from sailpoint_provider.exceptions import AggregationTimeoutError, ProtocolError, SailPointError
from sailpoint_provider.isc.outcome import BAD_STATES, GOOD_STATES
from sailpoint_provider.results import State  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1

_KINDS: dict[str, type[SailPointError]] = {
    kind.__name__: kind
    for kind in (
        exceptions.InvalidInputError,
        exceptions.AuthenticationError,
        exceptions.AccessDeniedError,
        exceptions.RateLimitError,
        exceptions.TenantUnavailableError,
        exceptions.AggregationTimeoutError,
        exceptions.ExecutionTimeoutError,
        exceptions.UnknownAggregationError,
        exceptions.ProtocolError,
        exceptions.SailPointError,
    )
}


@dataclass(frozen=True)
class ReportedError:
    """
    An error that ended a wait.

    :param kind: its class in :mod:`sailpoint_provider.exceptions`.
    :param message: its message.
    :param http_status: HTTP status of ISC's response, None if there was none.
    :param detail_code: ISC's ``detailCode``, None if there was none.
    :param tracking_id: ISC's ``trackingId``, None if there was none.
    :param final: whether a retry cannot succeed.
    :param retry_after: seconds that ISC asked to wait, None if it did not ask.
    """

    kind: str
    message: str
    http_status: int | None
    detail_code: str | None
    tracking_id: str | None
    final: bool
    retry_after: float | None


@dataclass(frozen=True)
class WaitEvent:
    """
    How a wait on the triggerer ended.

    :param version: version of this form.
    :param status: ``success`` or ``failed`` for an aggregation that ended, ``timeout`` or ``error`` for a
        wait that ended before it.
    :param aggregation_id: ID of the aggregation; None only with an error about an ID that is not text.
    :param carried: what the task gave its trigger to bring back.
    :param state: state of an aggregation that ended, as the trigger saw it; the worker reads it again.
    :param error: why the wait ended without one.
    """

    version: Literal[1]
    status: Literal["success", "failed", "timeout", "error"]
    aggregation_id: str | None
    carried: dict[str, Any]
    state: State | None = None
    error: ReportedError | None = None

    def ended_aggregation(self, expected: str | None = None) -> str:
        """
        Return the ID of the aggregation that ended.

        :param expected: the aggregation that the task waited for, None if the event alone names it.
        :raises ProtocolError: the event is about another aggregation.
        :raises SailPointError: the wait ended with this error.
        """
        if self.error is not None:
            raise _KINDS[self.error.kind](
                self.error.message,
                status=self.error.http_status,
                detail_code=self.error.detail_code,
                tracking_id=self.error.tracking_id,
                retry_after=self.error.retry_after,
                final=self.error.final,
            )
        if self.aggregation_id is None or expected not in (None, self.aggregation_id):
            raise ProtocolError(
                f"The trigger's event is about aggregation {self.aggregation_id!r}, not {expected!r}."
            )
        return self.aggregation_id


def ended(aggregation_id: str, state: State, carried: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the event for an aggregation that ended, successfully or not.

    :param carried: what the task gave its trigger to bring back.
    """
    return {
        "version": VERSION,
        "status": "success" if state in GOOD_STATES else "failed",
        "aggregation_id": aggregation_id,
        "state": state,
        "carried": dict(carried or {}),
    }


def broken(aggregation_id: str, error: Exception, carried: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the event for a wait that ended without the aggregation's end.

    Of an error from outside this package only the class is named, because its message may hold secrets.

    :param carried: what the task gave its trigger to bring back.
    """
    if not isinstance(error, SailPointError) or type(error).__name__ not in _KINDS:
        error = SailPointError(
            f"The wait for aggregation {aggregation_id} failed with {type(error).__name__}; see the "
            "triggerer's log. The aggregation may still be running in ISC."
        )
    return {
        "version": VERSION,
        "status": "timeout" if isinstance(error, AggregationTimeoutError) else "error",
        "aggregation_id": aggregation_id if isinstance(aggregation_id, str) else None,
        "error": {
            "kind": type(error).__name__,
            "message": str(error),
            "http_status": error.status,
            "detail_code": error.detail_code,
            "tracking_id": error.tracking_id,
            "final": error.final,
            "retry_after": error.retry_after,
        },
        "carried": dict(carried or {}),
    }


def read_event(payload: Any) -> WaitEvent:
    """
    Return a trigger's event after a strict check.

    :param payload: what Airflow hands to the task.
    :raises ProtocolError: the payload is not an event of this version, or contradicts itself.
    """
    import msgspec

    try:
        event = msgspec.convert(payload, WaitEvent)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise ProtocolError(f"The trigger's event is malformed: {error}. {_UNKNOWN_END}") from None
    if not _is_consistent(event):
        raise ProtocolError(f"The trigger's event contradicts itself. {_UNKNOWN_END}")
    return event


_UNKNOWN_END = "How the aggregation ended is unknown."


def _is_consistent(event: WaitEvent) -> bool:
    if event.status in ("success", "failed"):
        states = GOOD_STATES if event.status == "success" else BAD_STATES
        return event.aggregation_id is not None and event.state in states and event.error is None
    if event.state is not None or event.error is None or event.error.kind not in _KINDS:
        return False
    return (event.status == "timeout") == issubclass(_KINDS[event.error.kind], AggregationTimeoutError)
