"""Whatever a server sends back: no secret and no token in errors and logs."""

import json
import logging
import pickle
import traceback
from urllib.parse import quote_plus

import pytest

from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, ONCE, SECRET, tenant_at
from tests.unit.client.recording_servers import TOKEN_ANSWER, RecordingServer, closed_port, json_answer

CALL = endpoints.source(API_VERSIONS["v1"], HR)
TOKEN = json.loads(TOKEN_ANSWER[2])["access_token"]
WORDS = f"You sent {SECRET} and Bearer {TOKEN}"
HARD_SECRETS = ['quo"ted', "back\\slash", "sla/sh+and=more", "ümläut"]


def shown(error, caplog):
    """Return all that a log or a screen may show of an error, and all that was logged."""
    logged = [caplog.handler.format(record) for record in caplog.records]
    return "\n".join(
        [
            *traceback.format_exception(error),
            repr(error),
            repr(error.__dict__),
            repr(pickle.dumps(error)),
            *logged,
        ]
    )


def fails(world, answer, caplog, *, at_token=False, secret=SECRET):
    """Return what is shown after a server answered a call, or the token request, like this."""
    caplog.set_level(logging.DEBUG)

    def respond(request):
        return answer if at_token or "oauth" not in request.target else TOKEN_ANSWER

    with RecordingServer(respond) as server, pytest.raises(SailPointError) as failure:
        world.send(tenant_at(server.url, password=secret), CALL, ONCE)
    return shown(failure.value, caplog)


ECHOES = {
    "message": lambda words: {"message": words},
    "messages": lambda words: {"messages": [{"text": words}]},
    "error": lambda words: {"error": "x", "error_description": words},
    "detail": lambda words: {"detailCode": words, "trackingId": words},
}


@pytest.mark.parametrize("at_token", [False, True], ids=["call", "token"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("echo", ECHOES)
def test_an_error_that_echoes_them_is_reported_without_them(world, caplog, echo, status, at_token):
    text = fails(world, json_answer(ECHOES[echo](WORDS), status), caplog, at_token=at_token)
    assert SECRET not in text
    if not at_token:
        assert TOKEN not in text


@pytest.mark.parametrize("at_token", [False, True], ids=["call", "token"])
@pytest.mark.parametrize("secret", HARD_SECRETS)
def test_a_secret_is_known_in_the_escapes_of_json_too(world, caplog, secret, at_token):
    words = f"You sent {secret} as {quote_plus(secret)}"
    body = json.dumps({"message": words}).replace("/", "\\/").encode()
    text = fails(world, (400, {}, body), caplog, at_token=at_token, secret=secret)
    assert secret not in text
    assert quote_plus(secret) not in text


@pytest.mark.parametrize(
    ("status", "header"), [(400, "slpt-request-id"), (302, "Location"), (200, "Content-Type")]
)
@pytest.mark.parametrize("at_token", [False, True], ids=["call", "token"])
def test_headers_that_echo_them_are_reported_without_them(world, caplog, status, header, at_token):
    value = f"https://{SECRET}.{TOKEN}/" if header == "Location" else f"{SECRET}.{TOKEN}"
    text = fails(world, (status, {header: value}, b"<html>"), caplog, at_token=at_token)
    assert SECRET not in text
    if not at_token:
        assert TOKEN not in text


def test_a_model_holds_no_echo(world):
    def respond(request):
        return TOKEN_ANSWER if "oauth" in request.target else json_answer({"id": HR, "name": WORDS})

    with RecordingServer(respond) as server:
        source = world.send(tenant_at(server.url), CALL)
    assert source.name == "You sent *** and Bearer ***"


def test_nothing_is_logged_of_them_when_all_goes_well(world, caplog):
    caplog.set_level(logging.DEBUG)

    def respond(request):
        return TOKEN_ANSWER if "oauth" in request.target else json_answer({"id": HR})

    with RecordingServer(respond) as server:
        world.send(tenant_at(server.url), CALL)
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text
    assert {request.headers.get("authorization") for request in server.received} == {None, f"Bearer {TOKEN}"}


@pytest.mark.parametrize("where", ["extra", "environment"])
@pytest.mark.parametrize("password", ["pr0xyword", "pr0xy%2Fword"])
def test_the_password_of_a_proxy_that_fails_is_not_reported(world, caplog, monkeypatch, where, password):
    caplog.set_level(logging.DEBUG)
    proxy = f"http://user:{password}@127.0.0.1:{closed_port()}"
    if where == "environment":
        monkeypatch.setenv("HTTPS_PROXY", proxy)
    tenant = tenant_at("acme", extra={"proxies": proxy} if where == "extra" else {})
    with pytest.raises(SailPointError, match="Nothing was sent") as failure:
        world.send(tenant, CALL, ONCE)
    text = shown(failure.value, caplog)
    assert password not in text
    assert "pr0xy/word" not in text
