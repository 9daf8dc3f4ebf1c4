"""Reads ISC's event trigger ``idn:account-aggregation-completed``, as a webhook receives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import as_text, as_time
from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.identifiers import id_from_response
from sailpoint_provider.isc.api.models import TaskStatus
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.load_event import load_event
from sailpoint_provider.isc.outcome import make_result

if TYPE_CHECKING:
    from sailpoint_provider.results import LoadEvent

_TRIGGER = "idn:account-aggregation-completed"

# ISC's document of the event names Failed; its description of the trigger, Error.
_COMPLETION_STATUSES = {
    "success": "SUCCESS",
    "failed": "ERROR",
    "error": "ERROR",
    "terminated": "TERMINATED",
}
_STATISTICS = {
    "scanned": "scanned",
    "created": "added",
    "updated": "changed",
    "deleted": "removed",
    "unchanged": "unchanged",
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
    source_id = id_from_response(source.get("id"))
    status = as_text(event.get("status")) or ""
    completed = as_time(event.get("completed"))
    completion_status = _COMPLETION_STATUSES.get(status.lower())
    if source_id is None or completion_status is None or completed is None:
        raise ProtocolError(
            f"The body is not an event of ISC's trigger {_TRIGGER}, which has a source ID, the time of "
            f"completion, and one of the statuses {', '.join(_COMPLETION_STATUSES)} (here {status[:40]!r})."
        )
    if completion_status == "SUCCESS" and event.get("errors"):
        # As with the status endpoint's COMPLETED, the word alone does not say that everything was loaded.
        completion_status = "ERROR"
    elif completion_status == "SUCCESS" and event.get("warnings"):
        completion_status = "WARNING"
    kind = ACCOUNT_AGGREGATION
    record = TaskStatus(
        id="",
        completion_status=completion_status,
        source_id=source_id,
        source_name=as_text(source.get("name")),
        launched=as_time(event.get("started")),
        completed=completed,
        attributes={kind.counts[name]: stats.get(statistic) for name, statistic in _STATISTICS.items()},
    )
    result = make_result("", task=record, kind=kind)
    return {
        **load_event(result, kind=kind.name, host=host),
        "aggregation_id": None,
    }


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProtocolError(
            f"The body is not an event of ISC's trigger {_TRIGGER}: {what} is not a JSON object."
        )
    return value
