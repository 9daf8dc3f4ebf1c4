"""Requests to any endpoint of the tenant go through the same flow as the package's own calls."""

from __future__ import annotations

import time

import pytest

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError, TenantUnavailableError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.raw import raw_request
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client import hostile_server as hostile
from tests.unit.client.client_cases import FAST, HR, asked, tenant_at
from tests.unit.client.hostile_server import HostileServer
from tests.unit.client.recording_servers import TOKEN_ANSWER, RecordingServer, closed_port, json_answer

PATH = f"/sources/v1/{HR}"


def status_of(response):
    return response.status_code if hasattr(response, "status_code") else response.status


def body_of(response):
    return response.content if hasattr(response, "content") else response.body


def request(world, tenant, method, path, policy=FAST, **settings):
    return world.use(tenant, lambda client: client.request(method, path, **settings), policy)


class Endpoint(RecordingServer):
    """Gives tokens, and one answer after the other to all else, the last of them for ever."""

    def __init__(self, *answers):
        self.left = list(answers) or [json_answer({"ok": True})]
        super().__init__(self.respond)

    def respond(self, request):
        if "oauth" in request.target:
            return TOKEN_ANSWER
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    @property
    def asked(self):
        return [one for one in self.received if "oauth" not in one.target]


@pytest.mark.parametrize("path", [PATH, PATH.removeprefix("/")])
def test_a_path_of_the_tenant_is_read(world, tenant, path):
    response = request(world, tenant, "get", path)
    assert status_of(response) == 200
    assert response.json()["id"] == HR
    assert response.headers["content-type"] == "application/json"


def test_a_response_of_the_blocking_client_is_one_of_requests(tenant):
    from tests.unit.client.client_cases import Blocking

    response = request(Blocking, tenant, "GET", PATH, params={"a": "b c"})
    assert (response.ok, response.reason) == (True, "OK")
    assert response.url == f"{tenant.base_url}{PATH}?a=b+c"
    assert response.headers["Content-Type"] == "application/json"
    assert response.text.startswith("{")
    assert list(response.iter_lines())
    response.raise_for_status()


def test_query_parameters_are_written_as_isc_reads_them(world):
    with Endpoint() as server:
        request(
            world,
            tenant_at(server.url),
            "GET",
            "/v2025/accounts?count=true&empty=",
            params={"limit": 5, "filters": 'name eq "a&b"', "sorters": ["a", "b"], "slim": True, "no": None},
        )
    query = server.asked[0].target.partition("?")[2].replace("+", "%20").lower()
    assert query == (
        "count=true&empty=&limit=5&filters=name%20eq%20%22a%26b%22&sorters=a&sorters=b&slim=true"
    )


@pytest.mark.parametrize(
    ("settings", "content_type", "body"),
    [
        ({"json": {"é": [1, None]}}, "application/json", b'{"\\u00e9": [1, null]}'),
        ({"json": []}, "application/json", b"[]"),
        ({"data": {"a": "b&c", "d": [1, 2]}}, "application/x-www-form-urlencoded", b"a=b%26c&d=1&d=2"),
        ({"data": "text é"}, "application/octet-stream", "text é".encode()),
        ({"data": b"\x00"}, "application/octet-stream", b"\x00"),
        (
            {"json": [{"op": "remove"}], "headers": {"Content-type": "application/json-patch+json"}},
            "application/json-patch+json",
            b'[{"op": "remove"}]',
        ),
    ],
)
def test_bodies_are_sent_as_they_are_given(world, settings, content_type, body):
    with Endpoint() as server:
        request(world, tenant_at(server.url), "PATCH", "/x", **settings)
    (received,) = server.asked
    assert (received.method, received.headers["content-type"], received.body) == ("PATCH", content_type, body)


def test_headers_are_added_and_override_the_defaults(world):
    with Endpoint() as server:
        own = {"accept": "text/csv", "X-Own": "1", "x-sailpoint-experimental": "false"}
        request(world, tenant_at(server.url), "GET", "/x", headers=own)
    headers = server.asked[0].headers
    assert (headers["accept"], headers["x-own"]) == ("text/csv", "1")
    assert headers["x-sailpoint-experimental"] == "false"
    assert headers["authorization"] == "Bearer token-of-the-recording-server"


def test_a_large_body_is_sent_whole(world):
    with Endpoint() as server:
        request(world, tenant_at(server.url), "PUT", "/x", data=b"x" * 3_000_000)
    assert server.asked[0].size == 3_000_000


def test_a_head_request_reads_headers_only(world):
    with Endpoint((200, {"Content-Length": "100000000", "X-Total-Count": "7"}, b"")) as server:
        response = request(world, tenant_at(server.url), "HEAD", "/x")
    assert response.headers["x-total-count"] == "7"
    assert body_of(response) == b""


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "http:%2f%2fevil.example/x",
        "/sources/../x",
        "/sources/%2e%2e/x",
        "/sources/%2e%2E%2Fx",
        "/./x",
        "/a\\..\\b",
        "/a b",
        "/a\r\nX-Evil: 1",
        "/x#fragment",
    ],
)
def test_a_path_that_may_lead_elsewhere_is_refused_before_anything_is_sent(world, path):
    with Endpoint() as server:
        with pytest.raises(InvalidInputError, match="path="):
            request(world, tenant_at(server.url), "GET", path)
        assert server.received == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"headers": {"authorization": "Bearer mine"}}, "set by the client"),
        ({"headers": {"Host": "evil.example"}}, "set by the client"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "malformed"),
        ({"headers": {"X A": "1"}}, "malformed"),
        ({"json": {}, "data": "x"}, "not both"),
        ({"json": object()}, "as JSON"),
        ({"json": float("nan")}, "as JSON"),
        ({"timeout": 0}, "positive number"),
        ({"timeout": float("inf")}, "positive number"),
        ({"method": "CONNECT"}, "is not one of"),
    ],
)
def test_what_cannot_be_sent_is_refused(world, settings, words):
    with Endpoint() as server:
        method = settings.get("method", "POST")
        settings = {name: value for name, value in settings.items() if name != "method"}
        with pytest.raises(InvalidInputError, match=words):
            request(world, tenant_at(server.url), method, "/x", **settings)
        assert server.received == []


def test_an_at_sign_does_not_change_the_host(world):
    with Endpoint() as server:
        request(world, tenant_at(server.url), "GET", "@evil.example/x")
    assert server.asked[0].target == "/@evil.example/x"


def test_a_redirect_to_another_host_is_an_error_and_is_not_followed(world):
    with Endpoint((302, {"Location": "https://evil.example/"}, b"")) as server:
        with pytest.raises(ProtocolError, match=r"evil\.example"):
            request(world, tenant_at(server.url), "GET", "/x")
        assert len(server.asked) == 1


def test_an_error_status_is_our_error_with_what_isc_said(world, tenant):
    with pytest.raises(InvalidInputError, match=r"Could not GET /sources/v1/0+: .*HTTP 404") as failure:
        request(world, tenant, "GET", "/sources/v1/" + "0" * 32)
    assert failure.value.status == 404
    assert failure.value.tracking_id


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_changes_nothing_is_repeated_after_what_passes(world, method):
    with Endpoint((503, {}, b""), (500, {}, b""), (200, {}, b"")) as server:
        assert status_of(request(world, tenant_at(server.url), method, "/x")) == 200
        assert len(server.asked) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_may_have_taken_effect_is_not_repeated(world, method):
    with Endpoint((503, {}, b""), (200, {}, b"")) as server:
        with pytest.raises(TenantUnavailableError) as failure:
            request(world, tenant_at(server.url), method, "/x", json={})
        assert len(server.asked) == 1
    assert failure.value.sent


def test_what_was_throttled_is_repeated_whatever_the_method(world):
    throttled = json_answer({"message": " Rate Limit Exceeded "}, 429)
    with Endpoint((429, {"Retry-After": "0"}, throttled[2]), json_answer({"ok": True}, 201)) as server:
        assert status_of(request(world, tenant_at(server.url), "POST", "/x", json={"a": 1})) == 201
        assert [one.body for one in server.asked] == [b'{"a": 1}'] * 2


def test_a_request_that_was_never_sent_is_repeated_and_says_so(world, tenant):
    world.send(tenant, endpoints.source(API_VERSIONS["v1"], HR))
    with pytest.raises(TenantUnavailableError, match="Nothing was sent") as failure:
        request(world, tenant_at(f"http://127.0.0.1:{closed_port()}"), "POST", "/x")
    assert not failure.value.sent


def test_an_unanswered_request_leaves_its_effect_open_without_naming_an_aggregation(world):
    with HostileServer(hostile.silence) as server, pytest.raises(TenantUnavailableError) as failure:
        request(world, tenant_at(server.url), "POST", "/x", timeout=0.3)
    assert "may have taken effect anyway" in str(failure.value)
    assert "aggregation" not in str(failure.value)


def test_a_token_that_ended_is_renewed_once_whatever_the_method(world):
    with Endpoint(json_answer({"error": "JWT is expired"}, 401), json_answer({"ok": True})) as server:
        assert status_of(request(world, tenant_at(server.url), "DELETE", "/x")) == 200
        assert len([one for one in server.received if "oauth" in one.target]) == 2


def test_requests_keep_to_the_budget_of_the_package(world, sailpoint_simulator, control):
    tenant = tenant_at(sailpoint_simulator.url, extra={"requests_per_10s": 10})
    began = time.monotonic()
    for _ in range(3):
        request(world, tenant, "GET", PATH)
    assert time.monotonic() - began > 1.0
    assert len(asked(control, "get_source")) == 3


def test_a_deadline_ends_it(world):
    with HostileServer(hostile.silence) as server:
        tenant, began = tenant_at(server.url, extra={"timeout": 30}), time.time()
        with pytest.raises(TenantUnavailableError, match="deadline"):
            world.use(tenant, lambda client: client.send(raw_request("GET", "/x"), until=began + 0.5), FAST)
        assert time.time() - began < 1.5


def test_a_timeout_is_for_one_attempt_in_all(world):
    with HostileServer(hostile.dripping_body) as server:
        began = time.time()
        with pytest.raises(ProtocolError, match=r"0\.5 s"):
            request(world, tenant_at(server.url, extra={"timeout": 30}), "GET", "/x", timeout=0.5)
        assert time.time() - began < 1.5
