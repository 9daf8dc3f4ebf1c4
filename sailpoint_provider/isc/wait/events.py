"""What a trigger tells its task: made on the event loop, believed by the worker only when it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider import exceptions
from sailpoint_provider.exceptions import ProtocolError, SailPointError
from sailpoint_provider.isc.outcome import BAD_STATES, GOOD_STATES

if TYPE_CHECKING:
    from sailpoint_provider.results import State

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
class End:
    """
    What a trigger saw: an aggregation ended. Whoever hears of it asks ISC for the result.

    :param aggregation_id: the aggregation.
    :param state: the end as the trigger saw it; ISC may say more on a closer look.
    """

    aggregation_id: str
    state: State


def ended(aggregation_id: str, state: State, carried: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the event of an aggregation that ended, well or badly.

    :param carried: what the trigger was given to bring back to its task.
    """
    return {
        "event": "ended",
        "aggregation_id": aggregation_id,
        "state": state,
        "carried": dict(carried or {}),
    }


def broken(aggregation_id: str, error: Exception, carried: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the event of a wait that failed.

    Of an error that is not of this package only the kind is named, because its text may hold secrets.

    :param carried: what the trigger was given to bring back to its task.
    """
    if not isinstance(error, SailPointError) or type(error).__name__ not in _KINDS:
        error = SailPointError(
            f"The wait for account aggregation {aggregation_id} failed with {type(error).__name__}; the "
            "triggerer's log shows where. The aggregation may still be running in Identity Security Cloud."
        )
    return {
        "carried": dict(carried or {}),
        "event": "error",
        "aggregation_id": aggregation_id,
        "kind": type(error).__name__,
        "message": str(error),
        "status": error.status,
        "detail_code": error.detail_code,
        "tracking_id": error.tracking_id,
        "final": error.final,
    }


def read_event(event: Any, aggregation_id: str | None = None) -> End:
    """
    Return the end that an event tells, or raise the error that it tells.

    :param event: what the trigger sent.
    :param aggregation_id: the aggregation that was waited for, None where it is not known here.
    :raises ProtocolError: the event is none of ours, of another aggregation, or tells no end.
    """
    if not isinstance(event, Mapping):
        raise ProtocolError(
            f"The trigger sent no event but {event!r}: the end of the aggregation is unknown."
        )
    if event.get("event") == "error":
        raise _error(event)
    if event.get("event") != "ended":
        raise ProtocolError(
            f"The trigger sent an event of unknown kind {event.get('event')!r}: the end of the aggregation "
            "is unknown."
        )
    end, state = event.get("aggregation_id"), event.get("state")
    if not isinstance(state, str) or state not in GOOD_STATES | BAD_STATES:
        raise ProtocolError(f"The trigger's event reports no end but state {state!r}.")
    if not isinstance(end, str) or (aggregation_id is not None and end != aggregation_id):
        raise ProtocolError(
            f"The trigger's event is of account aggregation {end!r}, not of {aggregation_id!r}."
        )
    return End(end, state)


def _error(event: Mapping[str, Any]) -> SailPointError:
    kind = _KINDS.get(str(event.get("kind")), SailPointError)
    return kind(
        str(event.get("message") or "The wait broke off without a word."),
        status=event.get("status"),
        detail_code=event.get("detail_code"),
        tracking_id=event.get("tracking_id"),
        final=bool(event.get("final")),
    )
