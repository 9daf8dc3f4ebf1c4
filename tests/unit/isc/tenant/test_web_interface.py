"""Where the web interface of a tenant is: derived from the API where that is certain, else named by users."""

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.tenant.web_pages import aggregation_activity_page, source_page
from tests.unit.isc.isc_cases import SECRET, SOURCE, tenant

UI = "https://acme.identitynow.com"


def ui_of(host, **extra):
    return tenant(host=host, extra=extra).ui_url


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("acme", UI),
        ("https://acme.api.identitynow.com", UI),
        ("acme.api.identitynow.com:443", UI),
        ("acme.api.identitynow-demo.com", "https://acme.identitynow-demo.com"),
        ("acme.api.saas.sailpointfedramp.com", "https://acme.saas.sailpointfedramp.com"),
        ("acme.api.idn.sailpointfedramp.com", "https://acme.idn.sailpointfedramp.com"),
        ("isc.api.example.org", "https://isc.example.org"),
        ("api.api.example.org", "https://api.example.org"),
    ],
)
def test_the_web_interface_is_the_api_without_its_label(host, expected):
    assert ui_of(host) == expected


@pytest.mark.parametrize(
    "host",
    [
        "isc.example.org",
        "api.example.org",
        "apis.acme.example.org",
        "isc.api",
        "acme.api.identitynow.com:8443",
        "http://localhost:8787",
        "https://localhost",
        "http://127.0.0.1:8787",
        "https://[2001:db8::1]",
    ],
)
def test_nothing_is_guessed_about_another_host(host):
    assert ui_of(host) is None


@pytest.mark.parametrize("host", ["acme", "isc.example.org", "http://127.0.0.1:8787"])
@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://id.example.org", "https://id.example.org"),
        (" HTTPS://ID.example.org:8443/ ", "https://id.example.org:8443"),
        ("https://acme.identitynow.com", UI),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
    ],
)
def test_the_connection_may_name_it(host, given, read):
    assert ui_of(host, ui_url=given) == read


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("id.example.org", "begins with https://"),
        ("http://id.example.org", "users sign in only over https://"),
        ("ftp://id.example.org", "must be https"),
        ("javascript://id.example.org", "must be https"),
        (f"https://me:{SECRET}@id.example.org", "contains credentials"),
        ("https://id.example.org?next=x", "query or a fragment"),
        ("https://id.example.org/#admin", "query or a fragment"),
        ("https://id.example.org/ui/a/admin", r"has a path \('/ui/a/admin'\)"),
        ("https://acme.api.identitynow.com", "is SailPoint's API.* Use https://acme.identitynow.com"),
        ("https://id.example.org:port", "not a URL"),
        ("https://", "not a host name"),
        ('https://id.example.org"onclick', "not a host name"),
    ],
)
def test_what_cannot_be_a_web_interface_is_refused(given, reason):
    with pytest.raises(InvalidInputError, match=f"ui_url.*{reason}") as refusal:
        ui_of("acme", ui_url=given)
    assert SECRET not in str(refusal.value)


def test_tenants_that_differ_in_it_alone_share_a_client():
    assert tenant() == tenant(extra={"ui_url": "https://id.example.org"})


def test_the_pages_are_below_the_web_interface():
    pages = source_page(UI, SOURCE), aggregation_activity_page(UI)
    assert pages == (
        f"{UI}/ui/a/admin/connections/sources/{SOURCE}",
        f"{UI}/ui/a/admin/connections/sources-list/configured-sources",
    )


@pytest.mark.parametrize("source_id", [None, "", "../../logout", "a b", 7])
def test_there_is_no_page_of_an_unknown_source(source_id):
    assert source_page(UI, source_id) is None


def test_there_is_no_page_without_a_web_interface():
    assert (source_page(None, SOURCE), aggregation_activity_page(None)) == (None, None)
