"""The URI of a source: one form for every spelling of host and ID, and nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.source_uri import normal_source_uri, source_uri, uri_host
from tests.unit.isc.isc_cases import SOURCE, tenant

URI = f"sailpoint://acme.api.identitynow.com/sources/{SOURCE}"


@pytest.mark.parametrize(
    "host",
    [
        "acme",
        "Acme.API.identitynow.com",
        "https://acme.api.identitynow.com",
        "https://acme.api.identitynow.com:443/",
        tenant(host="ACME").base_url,
    ],
)
def test_every_spelling_of_a_connections_host_gives_the_same_uri(host):
    assert source_uri(host, SOURCE.upper()) == URI


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("http://127.0.0.1:8787", "127.0.0.1:8787"),
        ("https://isc.example.com:8443", "isc.example.com:8443"),
        ("http://localhost:80", "localhost"),
        ("http://[::1]:8787", "[::1]:8787"),
    ],
)
def test_a_port_stays_unless_it_is_the_default_one(host, expected):
    assert uri_host(host) == expected


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("acme.identitynow.com", "https://acme.api.identitynow.com"),
        ("", "no host"),
        ("acme.api.identitynow.com/v2025", "path"),
        ("acme api", "not a host name"),
    ],
)
def test_a_host_that_no_connection_can_have_is_refused(host, says):
    with pytest.raises(InvalidInputError, match=says):
        source_uri(host, SOURCE)


def test_a_password_in_a_host_is_not_shown():
    with pytest.raises(InvalidInputError) as caught:
        source_uri("https://me:s3cret@acme.api.identitynow.com", SOURCE)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("source_id", ["HR", SOURCE[1:], SOURCE + "0", "g" * 32, "", None, SOURCE + "\n"])
def test_an_id_that_isc_does_not_have_is_refused(source_id):
    with pytest.raises(InvalidInputError, match="32 hex characters"):
        source_uri("acme", source_id)


@pytest.mark.parametrize(
    "uri", [URI, URI.replace("acme", "ACME"), f"sailpoint://acme/sources/{SOURCE.upper()}"]
)
def test_a_uri_is_normalized(uri):
    assert normal_source_uri(urlsplit(uri)).geturl() == URI


@pytest.mark.parametrize(
    "uri",
    [
        "sailpoint://acme.api.identitynow.com",
        "sailpoint://acme.api.identitynow.com/",
        "sailpoint://acme.api.identitynow.com/sources/HR",
        f"sailpoint://acme.api.identitynow.com/sources/{SOURCE}/accounts",
        f"sailpoint://acme.api.identitynow.com/identities/{SOURCE}",
        f"{URI}?name=HR",
        f"sailpoint:///sources/{SOURCE}",
        f"sailpoint://acme.identitynow.com/sources/{SOURCE}",
        f"https://acme.api.identitynow.com/sources/{SOURCE}",
    ],
)
def test_anything_else_is_refused(uri):
    with pytest.raises(InvalidInputError):
        normal_source_uri(urlsplit(uri))


def test_a_password_in_a_uri_is_not_shown():
    with pytest.raises(InvalidInputError) as caught:
        normal_source_uri(urlsplit(f"sailpoint://me:s3cret@acme.api.identitynow.com/sources/{SOURCE}"))
    assert "s3cret" not in str(caught.value)
