import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.tenant.urls import base_address, is_loopback, proxy_address, token_address
from tests.unit.isc.isc_cases import SECRET, tenant

API = "https://acme.api.identitynow.com"
DOMAINS = (
    "identitynow.com",
    "identitynow-demo.com",
    "saas.sailpointfedramp.com",
    "idn.sailpointfedramp.com",
)


def url(host, schema=None, port=None):
    return base_address(host, schema, port).url


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("acme", API),
        ("ACME", API),
        ("acme-sb", "https://acme-sb.api.identitynow.com"),
        ("7", "https://7.api.identitynow.com"),
        (" acme.api.identitynow.com ", API),
        ("HTTPS://Acme.API.identitynow.com/", API),
        (f"{API}:443", f"{API}:443"),
        (f"{API}:0", API),
        ("acme.api.identitynow.com.", API),
        ("acme.api.identitynow.com:8443", f"{API}:8443"),
        ("isc.example.com", "https://isc.example.com"),
        ("isc_test.example.com", "https://isc_test.example.com"),
        ("localhost", "https://localhost"),
        ("http://localhost:8787", "http://localhost:8787"),
        ("http://LOCALHOST.:8787", "http://localhost:8787"),
        ("http://127.0.0.1:8787/", "http://127.0.0.1:8787"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8787", "http://[::1]:8787"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        *((f"acme.api.{domain}", f"https://acme.api.{domain}") for domain in DOMAINS),
    ],
)
def test_a_host_becomes_the_address_of_the_api(host, expected):
    assert url(host) == expected


@pytest.mark.parametrize(
    ("host", "schema", "port", "expected"),
    [
        ("acme", "https", None, API),
        ("acme", "HTTPS://", 443, f"{API}:443"),
        ("acme", " ", 0, API),
        (API, "https", 0, API),
        (f"{API}:8443", "", 8443, f"{API}:8443"),
        ("127.0.0.1", "http", 8787, "http://127.0.0.1:8787"),
        ("localhost", "http", 8787, "http://localhost:8787"),
    ],
)
def test_scheme_and_port_may_stand_in_their_own_fields(host, schema, port, expected):
    assert url(host, schema, port) == expected


@pytest.mark.parametrize(
    ("host", "schema", "port", "reason"),
    [
        (None, None, None, "no host"),
        ("  ", None, None, "no host"),
        (API, "http", None, "Leave schema empty"),
        ("acme", "ftp", None, "must be https"),
        (f"{API}:8443", None, 443, "Leave the field empty"),
        ("ftp://acme.api.identitynow.com", None, None, "must be https"),
        ("https://", None, None, "not a host name"),
        ("https://acme.api.identitynow.com:port", None, None, "not a URL"),
        ("https://acme.api.identitynow.com:70000", None, None, "not a URL"),
        ("https://[::1", None, None, "not a URL"),
        ("acme", None, 70000, "port"),
        ("acme", None, -1, "port"),
    ],
)
def test_fields_that_contradict_or_cannot_be_an_address_are_refused(host, schema, port, reason):
    with pytest.raises(InvalidInputError, match=reason):
        base_address(host, schema, port)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("prefix", ["", "https://"])
def test_the_web_page_of_a_tenant_is_refused_with_the_address_of_its_api(prefix, domain):
    with pytest.raises(InvalidInputError, match=f"Use https://acme.api.{domain}"):
        url(f"{prefix}acme.{domain}")


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("host", ["{}", "api.{}", "acme.apis.{}", "api.acme.{}"])
def test_a_page_of_sailpoint_that_is_no_api_is_refused(host, domain):
    with pytest.raises(InvalidInputError, match=r"web interface, not its API"):
        url(host.format(domain))


@pytest.mark.parametrize(
    "pasted",
    [
        "https://acme.identitynow.com/ui/d/dashboard",
        "https://acme.identitynow.com/ui/admin#admin:connections:sources",
        "https://acme.identitynow.com/ui/a/admin/identities/all-identities?page=2",
        "https://acme.identitynow.com/#",
        "https://acme.identitynow.com?",
        "https://acme.identitynow.com:443/ui",
        "https://acme.identitynow.com/ui/d/inbox#to=someone@example.com",
        "https://acme.identitynow.com/oauth/token",
        "http://acme.identitynow.com/",
        "//acme.identitynow.com/ui",
        "acme.identitynow.com/ui/session",
        "HTTPS://ACME.IdentityNow.com./ui",
        "https://www.acme.identitynow.com",
        "https://acme.ui.identitynow.com",
        "api.acme.identitynow.com",
        "https://acme.login.sailpoint.com/signin",
        "https://acme.login.sailpoint.com/oauth/authorize?client_id=x&response_type=code",
    ],
)
def test_a_pasted_page_of_the_web_interface_is_answered_with_the_address_of_the_api(pasted):
    with pytest.raises(
        InvalidInputError, match=r"web interface, not its API\. Use https://acme\.api\.identitynow\.com\.$"
    ):
        url(pasted)


@pytest.mark.parametrize(
    "pasted", ["https://identitynow.com", "api.identitynow.com/ui", "login.sailpoint.com"]
)
def test_a_page_that_names_no_tenant_is_answered_with_a_pattern(pasted):
    with pytest.raises(InvalidInputError, match=r"Use https://<tenant>\.api\.identitynow\.com"):
        url(pasted)


@pytest.mark.parametrize("rest", ["/ui", "/ui/d/dashboard", "/ui/admin#admin:connections", "/ui/session?x=y"])
def test_a_page_of_the_web_interface_at_a_companys_own_domain_is_recognised_by_its_path(rest):
    with pytest.raises(InvalidInputError, match=r"web interface.* baseUrl .*/ui/session"):
        url(f"https://access.example.com{rest}")


@pytest.mark.parametrize("rest", ["/uix", "/x/ui", "/UI-gateway"])
def test_another_path_that_only_looks_like_the_web_interface_is_refused_as_a_path(rest):
    with pytest.raises(InvalidInputError, match="has a path"):
        url(f"https://access.example.com{rest}")


def test_the_api_with_a_path_of_the_web_interface_is_refused_as_a_path():
    with pytest.raises(InvalidInputError, match="has a path"):
        url(f"{API}/ui/d/dashboard")


@pytest.mark.parametrize(
    "host",
    [
        "http://acme.api.identitynow.com",
        "http://isc.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.1",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[2001:db8::1]",
    ],
)
def test_http_is_refused_off_loopback(host):
    with pytest.raises(InvalidInputError, match="only over https"):
        url(host)


def test_http_in_the_schema_field_is_refused_off_loopback():
    with pytest.raises(InvalidInputError, match="only over https"):
        url("acme", "http")


@pytest.mark.parametrize("path", ["/v3", "/beta/sources", "/oauth/token", "/x/"])
def test_a_path_is_refused(path):
    with pytest.raises(InvalidInputError, match="has a path"):
        url(API + path)


@pytest.mark.parametrize("rest", ["?a=b", "#top", "?", "#", "/?a=b"])
def test_a_query_or_a_fragment_is_refused(rest):
    with pytest.raises(InvalidInputError, match="query or a fragment"):
        url(API + rest)


@pytest.mark.parametrize(
    "host",
    [
        f"https://client:{SECRET}@acme.api.identitynow.com",
        f"client:{SECRET}@acme.api.identitynow.com",
        f"https://{SECRET}@acme.api.identitynow.com",
        f"https://client:{SECRET}@acme.api.identitynow.com:port",
        f"https://client:{SECRET}/x@acme.api.identitynow.com",
        f"https://client:{SECRET}@acme.identitynow.com/ui",
        f"https://acme.identitynow.com/ui?client_secret={SECRET}",
        f"https://access.example.com/ui/{SECRET}",
        f"https://client:{SECRET}@acme\u2100.api.identitynow.com",
        f"https://acme.api.identitynow.com?client_secret={SECRET}",
        f"https://acme.api.identitynow.com#{SECRET}",
    ],
)
def test_credentials_in_the_host_are_refused_and_not_shown(host):
    with pytest.raises(InvalidInputError) as refusal:
        url(host)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "host",
    [
        "acme\uff0eapi\uff0eidentitynow\uff0ecom",
        "\u0430cme.api.identitynow.com",
        "acme.api.identitynow.com\\.example.com",
        "acme.api..identitynow.com",
        "-acme.example.com",
        ".acme.example.com",
        "acme example.com",
        "acme.api.identitynow.com,example.com",
        "acme.example.com-",
        "\u0430cme",
        "acme_.-",
        "a" * 64 + ".example.com",
        ".".join(["a" * 60] * 5),
    ],
)
def test_what_only_looks_like_a_host_name_is_refused(host):
    with pytest.raises(InvalidInputError):
        url(f"https://{host}")


def test_a_tenant_name_with_a_look_alike_letter_is_refused():
    with pytest.raises(InvalidInputError, match="not a host name"):
        url("\u0430cme")


@pytest.mark.parametrize(
    "host", ["acme.api.identitynow.com.example.com", "acme-identitynow.com", "notidentitynow.com"]
)
def test_a_look_alike_of_sailpoints_domains_is_an_ordinary_host(host):
    assert url(host) == f"https://{host}"


@pytest.mark.parametrize(
    ("token_url", "expected"),
    [
        ("https://login.example.com", "https://login.example.com/oauth/token"),
        ("https://login.example.com/", "https://login.example.com/"),
        ("https://login.example.com:8443/o/t", "https://login.example.com:8443/o/t"),
        ("http://127.0.0.1:99/oauth/token", "http://127.0.0.1:99/oauth/token"),
        ("https://acme.login.sailpoint.com/oauth/token", "https://acme.login.sailpoint.com/oauth/token"),
    ],
)
def test_a_token_address_may_have_a_path(token_url, expected):
    assert token_address(token_url).url == expected


@pytest.mark.parametrize(
    "token_url",
    [
        "login.example.com/oauth/token",
        "http://login.example.com/oauth/token",
        "https://acme.identitynow.com/oauth/token",
        f"https://acme.identitynow.com/oauth/token?client_secret={SECRET}",
        f"https://client:{SECRET}@login.example.com/oauth/token",
        f"https://login.example.com/oauth/token?client_secret={SECRET}",
        "ftp://login.example.com",
    ],
)
def test_a_token_address_keeps_the_other_rules(token_url):
    with pytest.raises(InvalidInputError) as refusal:
        token_address(token_url)
    assert SECRET not in str(refusal.value)


def test_the_token_address_is_the_hosts_own_unless_set():
    assert tenant().token_url == f"{API}/oauth/token"
    own = tenant(extra={"token_url": "https://login.example.com/t"})
    assert (own.base_url, own.token_url) == (API, "https://login.example.com/t")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("proxy:3128", "http://proxy:3128"),
        (" http://proxy.example.com:3128 ", "http://proxy.example.com:3128"),
        ("https://proxy", "https://proxy"),
        ("http://user:word@proxy:3128", "http://user:word@proxy:3128"),
    ],
)
def test_a_proxy_is_an_http_address_with_credentials_or_without(given, expected):
    assert proxy_address(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "http://",
        f"socks5://user:{SECRET}@proxy",
        f"http://user:{SECRET}@proxy:port",
        f"http://user:{SECRET}@[::1",
        f"http://user:{SECRET}@proxy:0",
    ],
)
def test_what_is_no_proxy_is_refused_and_not_shown(given):
    with pytest.raises(InvalidInputError) as refusal:
        proxy_address(given)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_known_by_name_and_by_number(host, expected):
    assert is_loopback(host) is expected
