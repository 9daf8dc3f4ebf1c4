"""Reads ISC's event trigger ``idn:account-aggregation-completed``, as a webhook receives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.identifiers import answered_id
from sailpoint_provider.isc.coercion import as_int, as_text, as_time
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.load_event import load_event
from sailpoint_provider.isc.outcome import make_result

if TYPE_CHECKING:
    from datetime import datetime

    from sailpoint_provider.results import LoadEvent, State

_TRIGGER = "idn:account-aggregation-completed"

# ISC's document of the event names Failed; its description of the trigger, Error.
_STATES: dict[str, State] = {
    "success": "succeeded",
    "failed": "failed",
    "error": "failed",
    "terminated": "terminated",
}


def load_event_of_webhook(document: Any, host: str) -> LoadEvent:
    """
    Return what the event says about an aggregation. ISC gives no ID of it.

    :param document: the body of ISC's request, parsed.
    :param host: the host of the tenant's API, as a connection spells it.
    :raises ProtocolError: it is not such an event.
    """
    event = _object(document, "the event")
    source, stats = _object(event.get("source"), "source"), _object(event.get("stats"), "stats")
    source_id = answered_id(source.get("id"))
    status = as_text(event.get("status")) or ""
    started, completed = as_time(event.get("started")), as_time(event.get("completed"))
    state = _STATES.get(status.lower())
    if source_id is None or state is None or completed is None:
        raise ProtocolError(
            f"The body is not an event of ISC's trigger {_TRIGGER}, which has a source ID, the time of "
            f"completion, and one of the statuses {', '.join(_STATES)} (here {status[:40]!r})."
        )
    if state == "succeeded" and event.get("errors"):
        # As with the status endpoint's COMPLETED, the word alone does not say that everything was loaded.
        state = "failed"
    elif state == "succeeded" and event.get("warnings"):
        state = "succeeded_with_warnings"
    result = make_result("", source_id=source_id, source_name=as_text(source.get("name")))
    result["state"] = state
    result["accounts"] |= {
        "scanned": as_int(stats.get("scanned")),
        "created": as_int(stats.get("added")),
        "updated": as_int(stats.get("changed")),
        "deleted": as_int(stats.get("removed")),
        "unchanged": as_int(stats.get("unchanged")),
    }
    result["started"], result["completed"] = _iso(started), _iso(completed)
    if started is not None:
        result["duration_seconds"] = max(0.0, (completed - started).total_seconds())
    return {
        **load_event(result, kind=ACCOUNT_AGGREGATION.name, host=host),
        "aggregation_id": None,
    }


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProtocolError(
            f"The body is not an event of ISC's trigger {_TRIGGER}: {what} is not a JSON object."
        )
    return value


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
