"""Proxies, certificate authorities and .netrc mean the same in both worlds."""

import base64
import sys

import pytest

from sailpoint_provider.client.network import ca_path, proxy_for
from sailpoint_provider.exceptions import InvalidInputError, TenantUnavailableError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.start.load import start
from tests.unit.client.client_cases import HR, ONCE, asked, tenant_at
from tests.unit.client.recording_servers import (
    TOKEN_ANSWER,
    RecordingProxy,
    RecordingServer,
    closed_port,
    json_answer,
)

V1 = API_VERSIONS["v1"]
CALL = endpoints.source(V1, HR)
DIRECTORY = "2c918085000000000000000000000a03"
API = "https://acme.api.identitynow.com"


@pytest.fixture
def proxy():
    with RecordingProxy() as server:
        yield server


@pytest.fixture
def dead_proxy():
    return f"http://127.0.0.1:{closed_port()}"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used(world, tenant, proxy, monkeypatch, variable):
    monkeypatch.setenv(variable, proxy.url)
    assert world.send(tenant, CALL).id == HR
    assert [request.target for request in proxy.received] == [
        f"{tenant.base_url}/oauth/token",
        f"{tenant.base_url}/sources/v1/{HR}",
    ]


def test_no_proxy_alone_names_no_proxy_and_needs_no_requests(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setitem(sys.modules, "requests.utils", None)  # its import fails
    assert proxy_for(tenant_at("acme"), f"{API}/sources/v1") is None


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_goes_through_a_tunnel_of_the_proxy(
    world, tls_simulator, certificates, proxy, monkeypatch, variable
):
    monkeypatch.setenv(variable, proxy.url)
    tenant = tenant_at(tls_simulator.url, extra={"verify": str(certificates.authority)})
    assert world.send(tenant, CALL).id == HR
    assert {request.method for request in proxy.received} == {"CONNECT"}
    assert {request.target for request in proxy.received} == {tls_simulator.url.removeprefix("https://")}
    assert not any("uthorization" in name for request in proxy.received for name in request.headers)


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "127.0.0.0/8", "example.com, 127.0.0.1"])
def test_no_proxy_leads_directly_there(world, tenant, proxy, monkeypatch, no_proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert world.send(tenant, CALL).id == HR
    assert proxy.received == []


@pytest.mark.parametrize("form", ["address", "https and http", "all", "without scheme"])
def test_the_proxy_of_the_connection_is_used_before_that_of_the_environment(
    world, sailpoint_simulator, proxy, dead_proxy, monkeypatch, form
):
    monkeypatch.setenv("HTTP_PROXY", dead_proxy)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    proxies = {
        "address": proxy.url,
        "https and http": {"https": dead_proxy, "http": proxy.url},
        "all": {"all": proxy.url},
        "without scheme": proxy.url.removeprefix("http://"),
    }[form]
    tenant = tenant_at(sailpoint_simulator.url, extra={"proxies": proxies})
    assert world.send(tenant, CALL).id == HR
    assert len(proxy.received) == 2


def test_credentials_of_a_proxy_go_to_the_proxy_only(world, sailpoint_simulator, proxy):
    address = proxy.url.replace("http://", "http://user:pr0xyword@")
    tenant = tenant_at(sailpoint_simulator.url, extra={"proxies": address})
    assert world.send(tenant, CALL).id == HR
    expected = "Basic " + base64.b64encode(b"user:pr0xyword").decode()
    assert {request.headers["proxy-authorization"] for request in proxy.received} == {expected}
    assert proxy.received[1].headers["authorization"].startswith("Bearer ")


def test_a_proxy_that_cannot_be_reached_means_that_nothing_was_sent(world, sailpoint_simulator, dead_proxy):
    tenant = tenant_at(sailpoint_simulator.url, extra={"proxies": dead_proxy})
    with pytest.raises(TenantUnavailableError, match="Nothing was sent") as failure:
        world.send(tenant, endpoints.token(tenant))
    assert not failure.value.sent


@pytest.mark.parametrize("kind", ["disconnect", "reset"])
@pytest.mark.parametrize("way", ["forwarded", "tunneled"])
def test_a_start_whose_response_is_lost_behind_a_proxy_is_not_repeated(
    world, sailpoint_simulator, control, tls_simulator, certificates, proxy, way, kind
):
    """urllib3 calls it an error of the proxy, as if nothing had reached ISC."""
    extra, simulator = {"proxies": proxy.url}, sailpoint_simulator
    if way == "tunneled":
        extra["verify"] = str(certificates.authority)
        simulator, control = tls_simulator, tls_simulator.control
    control.fault(kind, path="load-accounts", when="after")
    with pytest.raises(TenantUnavailableError) as failure:
        world.run(tenant_at(simulator.url, extra=extra), start(V1, DIRECTORY))
    assert failure.value.sent
    assert "Nothing was sent" not in str(failure.value)
    assert len(control.runs()) == 1


def test_a_proxy_that_refuses_the_tunnel_is_reported(world):
    with RecordingServer(tunnels=False) as server:
        tenant = tenant_at("acme", extra={"proxies": server.url})
        with pytest.raises(TenantUnavailableError, match="Nothing was sent"):
            world.send(tenant, CALL, ONCE)


@pytest.mark.parametrize("place", ["connection", "environment"])
@pytest.mark.parametrize("password", ["pr0xyword", "pr0xy%2dword", "pr0xy%2Fw@rd"])
def test_the_password_of_a_proxy_that_refuses_the_tunnel_is_not_shown(world, monkeypatch, place, password):
    with RecordingServer(tunnels=False) as server:
        # The libraries show the host in small letters, and some escapes as plain characters.
        address = server.url.replace("http://127.0.0.1", f"http://user:{password}@LOCALHOST")
        monkeypatch.setenv("HTTPS_PROXY", address if place == "environment" else "")
        tenant = tenant_at("acme", extra={"proxies": address} if place == "connection" else {})
        with pytest.raises(TenantUnavailableError, match="Nothing was sent") as failure:
            world.send(tenant, CALL, ONCE)
    assert "pr0xy" not in str(failure.value)


@pytest.mark.parametrize(
    "address", ["socks5h://user:pr0xyword@proxy:1080", "http://user:pr0xyword@proxy:port"]
)
def test_a_proxy_of_the_environment_that_only_one_client_can_use_is_refused(
    world, tenant, monkeypatch, control, address
):
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(InvalidInputError, match="proxy in the environment, such as HTTPS_PROXY") as failure:
        world.send(tenant, CALL)
    assert "pr0xyword" not in str(failure.value)
    assert control.requests() == []


@pytest.mark.parametrize(
    ("proxies", "environment", "expected"),
    [
        ({}, {}, None),
        ({}, {"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({}, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".identitynow.com"}, None),
        ({}, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "example.com"}, "http://proxy:3128"),
        ({}, {"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"http": "http://own:1"}, {"HTTPS_PROXY": "http://proxy:3128"}, None),
        ({"all": "http://own:1"}, {"HTTPS_PROXY": "http://proxy:3128"}, "http://own:1"),
    ],
)
def test_one_rule_chooses_the_proxy(monkeypatch, proxies, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(tenant_at("acme", extra={"proxies": proxies}), f"{API}/sources/v1") == expected


def test_netrc_is_never_used(world, tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login netrc-user password netrc-word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))

    def respond(request):
        return TOKEN_ANSWER if "oauth" in request.target else json_answer({"id": HR})

    with RecordingServer(respond) as server:
        world.send(tenant_at(server.url), CALL)
    sent = [request.headers.get("authorization") for request in server.received]
    assert sent == [None, "Bearer token-of-the-recording-server"]


def test_a_certificate_that_nobody_knows_is_refused_at_once(world, tls_simulator):
    with pytest.raises(
        TenantUnavailableError, match=r"certificate of .* is not trusted.*Set verify"
    ) as failure:
        world.send(tenant_at(tls_simulator.url), CALL)
    assert failure.value.final
    assert not failure.value.sent
    assert tls_simulator.control.requests() == []


def test_the_authority_of_the_connection_is_trusted(world, tls_simulator, certificates):
    tenant = tenant_at(tls_simulator.url, extra={"verify": str(certificates.authority)})
    assert world.send(tenant, CALL).id == HR
    assert world.run(tenant, start(V1, DIRECTORY)).id == tls_simulator.control.runs()[0]["id"]


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_authority_of_the_environment_is_trusted(
    world, tls_simulator, certificates, monkeypatch, variable
):
    monkeypatch.setenv(variable, str(certificates.authority))
    assert world.send(tenant_at(tls_simulator.url), CALL).id == HR
    assert len(asked(tls_simulator.control, "token")) == 1


def test_a_certificate_for_another_name_is_refused(world, tls_simulator, certificates):
    url = tls_simulator.url.replace("127.0.0.1", "localhost")
    tenant = tenant_at(url, extra={"verify": str(certificates.authority)})
    with pytest.raises(TenantUnavailableError, match="is not trusted"):
        world.send(tenant, CALL)


def test_the_authority_of_the_connection_comes_before_that_of_the_environment(
    certificates, monkeypatch, tmp_path
):
    for number, name in enumerate(["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]):
        own = tmp_path / f"{number}.pem"
        own.touch()
        monkeypatch.setenv(name, str(own))
        assert ca_path(tenant_at("acme")) == str(own)
    assert ca_path(tenant_at("acme", extra={"verify": str(certificates.chain)})) == str(certificates.chain)


def test_a_folder_of_authorities_can_be_named(world, tls_simulator, tmp_path):
    """An empty one trusts nobody."""
    with pytest.raises(TenantUnavailableError, match="is not trusted"):
        world.send(tenant_at(tls_simulator.url, extra={"verify": str(tmp_path)}), CALL)


@pytest.mark.parametrize("place", ["connection", "environment"])
def test_a_file_of_authorities_that_is_missing_is_reported(world, tmp_path, monkeypatch, place):
    missing = str(tmp_path / "missing.pem")
    if place == "environment":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", missing)
    tenant = tenant_at("acme", extra={"verify": missing} if place == "connection" else {})
    with pytest.raises(InvalidInputError, match=r"CA file .*missing.pem.* does not exist"):
        world.send(tenant, CALL)


@pytest.mark.parametrize("content", ["", "no certificate at all"])
def test_a_file_of_authorities_that_holds_none_is_reported(world, tls_simulator, tmp_path, content):
    empty = tmp_path / "empty.pem"
    empty.write_text(content)
    with pytest.raises(InvalidInputError, match=r"CA file .*empty.pem.* cannot be used"):
        world.send(tenant_at(tls_simulator.url, extra={"verify": str(empty)}), CALL)
    assert tls_simulator.control.requests() == []


def test_a_server_without_tls_at_an_https_address_is_an_outage(world, sailpoint_simulator):
    tenant = tenant_at(sailpoint_simulator.url.replace("http://", "https://"))
    with pytest.raises(TenantUnavailableError, match="no response from"):
        world.send(tenant, CALL)
