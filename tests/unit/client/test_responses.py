"""Answers that are not ISC's: pages of proxies, redirects, cut and strange bodies."""

import gzip
import json
import zlib

import pytest

from sailpoint_provider.exceptions import ProtocolError, SailPointError, TenantUnavailableError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import DIRECTORY, HR, ONCE, asked, tenant_at
from tests.unit.client.hostile_server import HostileServer
from tests.unit.client.recording_servers import TOKEN_ANSWER, RecordingServer, json_answer
from tests.unit.isc.isc_cases import load_accounts

V1 = API_VERSIONS["v1"]
RUN = "af1b82086c194f89acce82e156ff6e61"
CALLS = {
    "source": endpoints.source(V1, HR),
    "sources": endpoints.sources(V1),
    "start": load_accounts(V1, DIRECTORY),
    "status": endpoints.account_aggregation_status(V1, RUN),
    "task": endpoints.task_status(V1, RUN),
    "tasks": endpoints.task_statuses(V1.path("task-status"), limit=250, offset=0),
}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


@pytest.mark.parametrize("kind", ["html", "not_json"])
def test_a_good_status_without_json_is_reported_as_such(world, tenant, control, call, kind):
    control.fault(kind, path="v1", status=202 if call.method == "POST" else 200)
    with pytest.raises(ProtocolError, match="a proxy or a login page may have responded"):
        world.send(tenant, call)


@pytest.mark.parametrize("body", ["text", 7, None, True])
def test_json_of_another_shape_is_reported_as_such(world, tenant, control, call, body):
    control.fault(
        "answer", path="v1", body='"text"' if body == "text" else {7: "7", None: "null"}.get(body, "true")
    )
    with pytest.raises(ProtocolError, match=r"ISC returned .* instead of"):
        world.send(tenant, call)


@pytest.mark.parametrize("kind", ["html", "not_json", "other_shape"])
def test_a_token_endpoint_that_answers_otherwise_is_reported(world, tenant, control, kind):
    control.fault(kind, path="oauth")
    with pytest.raises(ProtocolError, match="Could not get a token"):
        world.send(tenant, CALLS["source"])
    assert len(control.requests()) == 1


def test_a_body_that_is_always_cut_short_is_an_outage(world, tenant, control):
    control.fault("cut_body", path="sources")
    with pytest.raises(TenantUnavailableError, match="no response from"):
        world.send(tenant, CALLS["source"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", ["source", "start"])
def test_a_redirect_to_another_host_is_not_followed(world, tenant, control, status, name):
    with RecordingServer() as elsewhere:
        control.fault("redirect", path="v1", status=status, location=f"{elsewhere.url}/x?y=z")
        with pytest.raises(ProtocolError, match=f"redirects to '127.0.0.1:{elsewhere.port}'"):
            world.send(tenant, CALLS[name])
    assert elsewhere.received == []
    assert len(asked(control, "load_accounts") + asked(control, "get_source")) == 1


def test_credentials_are_not_taken_to_where_the_token_endpoint_redirects(world, tenant, control):
    with RecordingServer(lambda request: TOKEN_ANSWER) as elsewhere:
        control.fault("redirect", path="oauth", status=307, location=f"{elsewhere.url}/oauth/token")
        with pytest.raises(ProtocolError, match="credentials are sent to the connection's host only"):
            world.send(tenant, CALLS["source"])
    assert elsewhere.received == []


def test_a_redirect_on_the_same_host_is_not_followed_either(world, tenant, control):
    control.fault("redirect", path=f"{HR}$", times=1, location="/sources/v1")
    with pytest.raises(ProtocolError, match="redirects to 'the same host'"):
        world.send(tenant, CALLS["source"])
    assert asked(control, "list_sources") == []


def ask_server(world, answer):
    def respond(request):
        return TOKEN_ANSWER if "oauth" in request.target else answer

    with RecordingServer(respond) as server:
        return world.send(tenant_at(server.url, extra={"timeout": 2}), CALLS["source"], ONCE)


def test_a_compressed_answer_is_unpacked(world):
    status, headers, body = json_answer({"id": HR, "name": "ünï"})
    packed = (status, headers | {"Content-Encoding": "gzip"}, gzip.compress(body))
    assert ask_server(world, packed).name == "ünï"


def _zlib(body, window):
    packer = zlib.compressobj(wbits=window)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("deflate", lambda body: _zlib(body, 15)),
        ("deflate", lambda body: _zlib(body, -15)),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
        ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("deflate, gzip", lambda body: gzip.compress(_zlib(body, 15))),
        ("gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
        ("gzip", lambda body: gzip.compress(body) + bytes(100)),
        ("gzip", lambda body: gzip.compress(body) + b"no gzip"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_packing_that_is_asked_for_is_unpacked(world, encoding, pack):
    status, headers, body = json_answer({"id": HR, "name": "ünï" * 100_000})
    packed = (status, headers | {"Content-Encoding": encoding}, pack(body))
    assert ask_server(world, packed).name == "ünï" * 100_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_not_packed_as_it_says_is_reported(world, encoding):
    with pytest.raises(ProtocolError, match="does not match its Content-Encoding"):
        ask_server(world, (200, {"Content-Encoding": encoding}, b"no such thing at all"))


def test_the_host_of_an_answer_that_is_not_iscs_is_named(world):
    answer = (405, {"Content-Type": "text/html"}, b"<html>")
    with pytest.raises(
        SailPointError, match=r"127\.0\.0\.1:\d+ returned HTTP 405 with text/html, which is not"
    ):
        ask_server(world, answer)


@pytest.mark.parametrize("status", [103, 102])
def test_interim_answers_are_passed_over(world, status):
    def deed(line):
        body = json.dumps({"id": HR, "name": "HR"}).encode()
        line.send(b"HTTP/1.1 %d Early\r\nLink: </x>\r\n\r\n" % status)
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with HostileServer(deed) as server:
        assert world.send(tenant_at(server.url), CALLS["source"], ONCE).name == "HR"


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Encoding": "gzip"}, b"no gzip at all"),
        (200, {"Content-Length": "1000"}, b"{}"),
        (200, {"Content-Length": "many"}, b"{}"),
        (204, {}, b""),
        (200, {}, b""),
        (200, {"Content-Type": "application/json; charset=utf-16"}, b'{"id": '),
    ],
)
def test_a_strange_answer_is_an_error_of_ours(world, answer):
    with pytest.raises(SailPointError, match="Could not read source"):
        ask_server(world, answer)


def test_deeply_nested_json_is_a_broken_protocol(world):
    with pytest.raises(ProtocolError):
        ask_server(world, (200, {}, b"[" * 200_000))


def test_cookies_are_not_kept(world):
    seen = []

    def respond(request):
        seen.append(request.headers.get("cookie"))
        status, headers, body = TOKEN_ANSWER if "oauth" in request.target else json_answer({"id": HR})
        return status, headers | {"Set-Cookie": "session=1; Path=/"}, body

    with RecordingServer(respond) as server:
        world.send_all(tenant_at(server.url), [CALLS["source"]] * 2)
    assert seen == [None] * 3
