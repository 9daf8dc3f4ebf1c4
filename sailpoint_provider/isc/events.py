"""What a trigger tells its task: made on the event loop, believed by the worker only when it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sailpoint_provider.isc import errors
from sailpoint_provider.isc.errors import ProtocolError, SailPointError
from sailpoint_provider.isc.outcome import BAD_STATES, GOOD_STATES

if TYPE_CHECKING:
    from sailpoint_provider.isc.result import AggregationResult, State

_KINDS: dict[str, type[SailPointError]] = {
    kind.__name__: kind
    for kind in (
        errors.InvalidInputError,
        errors.AuthenticationError,
        errors.AccessDeniedError,
        errors.RateLimitError,
        errors.TenantUnavailableError,
        errors.AggregationTimeoutError,
        errors.ExecutionTimeoutError,
        errors.UnknownAggregationError,
        errors.ProtocolError,
        errors.SailPointError,
    )
}


@dataclass(frozen=True)
class End:
    """
    What a trigger saw: an aggregation ended. Whoever hears of it asks ISC for the result.

    :param aggregation_id: the aggregation.
    :param state: the end as the trigger saw it; ISC may tell more on a closer look.
    :param result: the whole result, which triggers of older versions of this package sent.
    """

    aggregation_id: str
    state: State
    result: AggregationResult | None = None


def ended(aggregation_id: str, state: State) -> dict[str, Any]:
    """Return the event of an aggregation that ended, well or badly."""
    return {"event": "ended", "aggregation_id": aggregation_id, "state": state}


def broken(aggregation_id: str, error: Exception) -> dict[str, Any]:
    """
    Return the event of a wait that could not go on.

    Of an error that is not of this package only the kind is told, for its words may hold secrets.
    """
    if not isinstance(error, SailPointError) or type(error).__name__ not in _KINDS:
        error = SailPointError(
            f"The wait for account aggregation {aggregation_id} broke off with {type(error).__name__}; "
            "the triggerer's log tells where. The aggregation itself may go on in Identity Security Cloud."
        )
    return {
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
    result = _whole(event["result"]) if "result" in event else None
    told = event if result is None else result
    end, state = told.get("aggregation_id"), told.get("state")
    if not isinstance(state, str) or state not in GOOD_STATES | BAD_STATES:
        raise ProtocolError(f"The trigger's event tells no end but state {state!r}.")
    if not isinstance(end, str) or (aggregation_id is not None and end != aggregation_id):
        raise ProtocolError(
            f"The trigger's event is of account aggregation {end!r}, not of {aggregation_id!r}."
        )
    return End(end, state, result)


def _whole(result: Any) -> AggregationResult:
    if not isinstance(result, Mapping):
        raise ProtocolError("The trigger's event has no result: the end of the aggregation is unknown.")
    if missing := [key for key in _result_keys() if key not in result]:
        raise ProtocolError(
            f"The trigger's event lacks {', '.join(missing)}: the end of the aggregation is unknown."
        )
    return cast("AggregationResult", dict(result))


def _result_keys() -> list[str]:
    from sailpoint_provider.isc.result import AggregationResult

    return list(AggregationResult.__annotations__)


def _error(event: Mapping[str, Any]) -> SailPointError:
    kind = _KINDS.get(str(event.get("kind")), SailPointError)
    return kind(
        str(event.get("message") or "The wait broke off without a word."),
        status=event.get("status"),
        detail_code=event.get("detail_code"),
        tracking_id=event.get("tracking_id"),
        final=bool(event.get("final")),
    )
