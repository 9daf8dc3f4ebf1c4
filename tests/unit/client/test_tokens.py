"""A token is fetched once, shared, and renewed in time."""

import time
from types import SimpleNamespace

import pytest

from sailpoint_provider.client import async_client, blocking, call_flow, tenant_state
from sailpoint_provider.exceptions import AuthenticationError, ProtocolError, TenantUnavailableError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import CLIENT, HR, SECRET, asked, tenant_at
from tests.unit.client.recording_servers import RecordingServer, json_answer

V1 = API_VERSIONS["v1"]
CALL = endpoints.source(V1, HR)
CROWD = {"blocking": 20, "event_loop": 50}


class Hands:
    """The clock of the transports, moved by hand; their pauses and wall time stay real."""

    def __init__(self, monkeypatch):
        self.ahead = 0.0
        moved = SimpleNamespace(monotonic=self.monotonic, sleep=time.sleep, time=time.time)
        for module in (blocking, async_client, call_flow, tenant_state):
            monkeypatch.setattr(module, "time", moved)

    def monotonic(self):
        return time.monotonic() + self.ahead


def test_a_crowd_fetches_one_token(world, tenant, control):
    found = world.send_at_once(tenant, CALL, CROWD[world.name])
    assert [source.id for source in found] == [HR] * CROWD[world.name]
    assert len(asked(control, "token")) == 1


def test_a_crowd_whose_token_was_revoked_fetches_one_new_token(world, tenant, control):
    world.send(tenant, CALL)
    control.revoke_tokens()
    found = world.send_at_once(tenant, CALL, CROWD[world.name])
    assert len(found) == CROWD[world.name]
    assert len(asked(control, "token")) == 2


def test_a_token_outlives_its_transport(world, tenant, control):
    for _ in range(3):
        world.send(tenant, CALL)
    assert len(asked(control, "token")) == 1


def test_a_token_of_15_seconds_is_used_for_12_and_renewed_before_it_ends(world, tenant, control, monkeypatch):
    control.client(CLIENT, token_lifetime=15)
    hands = Hands(monkeypatch)
    world.send(tenant, CALL)
    hands.ahead = 11.5
    world.send(tenant, CALL)
    assert len(asked(control, "token")) == 1
    hands.ahead = 12.1
    world.send(tenant, CALL)
    assert len(asked(control, "token")) == 2
    assert {request["status"] for request in control.requests()} == {200}


def test_a_token_that_ended_early_is_renewed_once(world, tenant, control):
    world.send(tenant, CALL)
    control.revoke_tokens()
    world.send(tenant, CALL)
    assert [request["status"] for request in asked(control, "get_source")] == [200, 401, 200]
    assert len(asked(control, "token")) == 2


def test_a_token_that_is_refused_again_is_not_renewed_over_and_over(world, tenant, control):
    control.fault("expired_token", path="sources")
    with pytest.raises(AuthenticationError, match="JWT is expired"):
        world.send(tenant, CALL)
    assert len(asked(control, "token")) == 2
    assert len(asked(control, "get_source")) == 2


@pytest.mark.parametrize("changes", [{"password": "wrong-secret"}, {"login": "nobody"}])
def test_wrong_credentials_are_reported_at_once(world, sailpoint_simulator, control, changes):
    tenant = tenant_at(sailpoint_simulator.url, **changes)
    with pytest.raises(AuthenticationError, match="Check the connection's login") as failure:
        world.send(tenant, CALL)
    assert failure.value.final
    assert len(control.requests()) == 1
    assert tenant.client_secret not in str(failure.value)


def test_a_corrected_secret_is_used_at_once(world, sailpoint_simulator):
    with pytest.raises(AuthenticationError):
        world.send(tenant_at(sailpoint_simulator.url, password="wrong-secret"), CALL)
    assert world.send(tenant_at(sailpoint_simulator.url), CALL).id == HR


def test_a_token_address_of_its_own_is_asked_and_only_for_tokens(world, sailpoint_simulator, control):
    token = world.send(
        tenant_at(sailpoint_simulator.url), endpoints.token(tenant_at(sailpoint_simulator.url))
    )
    with RecordingServer(lambda request: json_answer({"access_token": token.value})) as server:
        tenant = tenant_at(sailpoint_simulator.url, extra={"token_url": f"{server.url}/own/token"})
        control.clear_requests()
        assert world.send(tenant, CALL).id == HR
    (request,) = server.received
    assert (request.method, request.target) == ("POST", "/own/token")
    assert "authorization" not in request.headers
    assert f"client_secret={SECRET}".encode() in request.body
    assert asked(control, "token") == []


def test_credentials_go_url_encoded_in_the_body(world):
    secret, sent = "a&b=c+d%20 é", []

    def take(request):
        sent.append(request)
        return json_answer({"error": "no"}, 401)

    with RecordingServer(take) as server, pytest.raises(AuthenticationError):
        world.send(tenant_at(server.url, password=secret), CALL)
    (request,) = sent
    assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert b"client_secret=a%26b%3Dc%2Bd%2520+%C3%A9" in request.body
    assert "?" not in request.target


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\u2713", "a\x00b"])
def test_a_token_that_fits_no_header_is_a_broken_protocol(world, value):
    def answer(request):
        return json_answer({"access_token": value}) if "oauth" in request.target else json_answer({"id": HR})

    with RecordingServer(answer) as server, pytest.raises(ProtocolError) as failure:
        world.send(tenant_at(server.url), CALL)
    assert value not in str(failure.value)
    assert len(server.received) == 1


def test_a_token_endpoint_that_is_not_there_says_so(world, control, tenant):
    control.fault("disconnect", path="oauth")
    with pytest.raises(TenantUnavailableError, match="Could not get a token") as failure:
        world.send(tenant, CALL)
    assert not failure.value.sent


def test_an_expired_token_that_is_reported_by_a_400_is_renewed_once(world):
    def respond(request):
        if "oauth" in request.target:
            tokens.append(f"token-{len(tokens)}")
            return json_answer({"access_token": tokens[-1], "expires_in": 750})
        if request.headers["authorization"] == "Bearer token-0":
            return json_answer({"error": "JWT validation failed: JWT is expired"}, 400)
        return json_answer({"id": HR, "name": "HR"})

    tokens = []
    with RecordingServer(respond) as server:
        assert world.send(tenant_at(server.url), CALL).name == "HR"
    assert tokens == ["token-0", "token-1"]


def test_a_400_that_mentions_an_expired_token_twice_is_an_authentication_error(world):
    def respond(request):
        if "oauth" in request.target:
            return json_answer({"access_token": "of-the-server", "expires_in": 750})
        return json_answer({"error": "JWT validation failed: JWT is expired"}, 400)

    with RecordingServer(respond) as server:
        with pytest.raises(AuthenticationError, match="rejects the token") as failure:
            world.send(tenant_at(server.url), CALL)
        assert len([one for one in server.received if "oauth" not in one.target]) == 2
    assert not failure.value.final
