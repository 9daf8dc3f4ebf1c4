"""ISC's event about an ended aggregation, as a webhook receives it."""

from __future__ import annotations

import pytest

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.webhook import load_event_of_webhook
from sailpoint_provider.results import LoadEvent
from tests.unit.isc.isc_cases import SOURCE

HOST = "acme.api.identitynow.com"


def event(**changes):
    """Return an event as ISC's document of the trigger shows it."""
    return {
        "source": {"type": "SOURCE", "id": SOURCE, "name": "HR"},
        "status": "Success",
        "started": "2020-06-29T22:01:50.474Z",
        "completed": "2020-06-29T22:02:04.090Z",
        "errors": [],
        "warnings": [],
        "stats": {"scanned": 200, "unchanged": 190, "changed": 6, "added": 4, "removed": 3},
    } | changes


def test_it_says_what_other_events_of_loads_say():
    load = load_event_of_webhook(event(), HOST)
    assert list(load) == list(LoadEvent.__annotations__)
    assert load["aggregation_id"] is None
    assert load["source_uri"] == f"sailpoint://{HOST}/sources/{SOURCE}"
    assert (load["source_name"], load["state"]) == ("HR", "succeeded")
    assert (load["started"], load["completed"]) == ("2020-06-29T22:01:50.474Z", "2020-06-29T22:02:04.090Z")
    assert load["duration_seconds"] == pytest.approx(13.616)
    counts = {name: count for name, count in load["accounts"].items() if count is not None}
    assert counts == {"scanned": 200, "created": 4, "updated": 6, "deleted": 3, "unchanged": 190}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "Failed", "errors": ["No connection."]}, "failed"),
        ({"status": "Error"}, "failed"),
        ({"status": "Terminated"}, "terminated"),
        ({"warnings": ["Account skipped"]}, "succeeded_with_warnings"),
        ({"errors": ["Accounts unable to be aggregated."]}, "failed"),
        ({"errors": ["Unreadable."], "warnings": ["Account skipped"]}, "failed"),
        ({"errors": None, "warnings": None}, "succeeded"),
    ],
)
def test_every_end_has_its_state(changes, state):
    assert load_event_of_webhook(event(**changes), HOST)["state"] == state


def test_nothing_else_of_the_body_is_passed_on():
    secret = {"_metadata": {"secret": "s3cret", "callbackURL": "https://acme"}}
    assert "s3cret" not in str(load_event_of_webhook(event(**secret), HOST))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "event",
        {},
        event(source=None),
        event(source={"name": "HR"}),
        event(status="Running"),
        event(status=None),
        event(completed=None),
        event(stats=[]),
    ],
)
def test_another_body_is_refused(document):
    with pytest.raises(ProtocolError):
        load_event_of_webhook(document, HOST)
