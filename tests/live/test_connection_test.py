"""The button *Test* of the web page, through a real api-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.file_drop import CONNECTION_ID

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop

# One worker runs all of these, because they share one Airflow.

STORED_PASSWORD = "***"


def as_the_page_sends_it(file_drop: FileDrop, **changed: object) -> dict[str, object]:
    """Return what the page sends for the stored connection: it knows no password, and 0 is its empty port."""
    fields = file_drop.tenant.connection() | {"password": STORED_PASSWORD}
    return fields | {"description": "", "extra": "{}", "port": 0, "schema": ""} | changed


def test_a_stored_connection_is_tried_with_its_stored_secret(file_drop: FileDrop) -> None:
    is_good, words = file_drop.api.test_connection(CONNECTION_ID, as_the_page_sends_it(file_drop))
    assert is_good, words
    assert words == f"Connected to {file_drop.tenant.url} with API version v1."


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"password": "another-secret"}, "Credentials refused"),
        ({"login": "another-client"}, "Credentials refused"),
        ({"extra": '{"api_version": "v3"}'}, "Connection incomplete or invalid"),
        (
            {"host": "https://acme.identitynow.com/ui/admin#admin:sources", "password": "typed-anew"},
            "Connection incomplete or invalid: The connection's host 'acme.identitynow.com' is",
        ),
    ],
    ids=["secret", "client", "api_version", "web page"],
)
def test_what_is_wrong_is_said(file_drop: FileDrop, changed: dict[str, object], part: str) -> None:
    is_good, words = file_drop.api.test_connection(CONNECTION_ID, as_the_page_sends_it(file_drop, **changed))
    assert not is_good
    assert words.startswith(part)
