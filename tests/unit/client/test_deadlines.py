"""A caller's deadline ends whatever a call is at."""

from __future__ import annotations

import logging
import socket
import threading
import time
from dataclasses import replace

import pytest

from sailpoint_provider.client import tenant_state
from sailpoint_provider.exceptions import RateLimitError, SailPointError, TenantUnavailableError
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.flow import Gather, Sleep
from sailpoint_provider.isc.policy import RetryPolicy
from tests.unit.client import hostile_server as hostile
from tests.unit.client.client_cases import FAST, HR, Blocking, tenant_at, write_csv
from tests.unit.client.hostile_server import HostileServer
from tests.unit.client.recording_servers import TOKEN_ANSWER, RecordingServer, closed_port, json_answer
from tests.unit.client.slow_server import SlowServer
from tests.unit.isc.isc_cases import load_accounts

pytestmark = pytest.mark.real_time

V1 = API_VERSIONS["v1"]
SOURCE = endpoints.source(V1, HR)
START = load_accounts(V1, HR)
LEFT = 1.0
SLACK = 1.0
PATIENT = RetryPolicy(attempts=1000, first_pause=0.05, longest_pause=0.05)


class Answers(RecordingServer):
    """Answers for a token, and all else with one answer."""

    def __init__(self, answer):
        super().__init__(lambda request: TOKEN_ANSWER if "oauth" in request.target else answer)

    @property
    def asked(self):
        return [request for request in self.received if "oauth" not in request.target]


def send(world, tenant, call, until, policy=FAST):
    return world.use(tenant, lambda transport: transport.send(call, until=until), policy)


def given_up(world, tenant, call=SOURCE, policy=FAST, left=LEFT):
    """Return the error of a call with a deadline, which has to come in time."""
    begun = time.time()
    with pytest.raises(TenantUnavailableError, match="no response from ISC before the deadline") as failure:
        send(world, tenant, call, begun + left, policy)
    assert left - 0.05 <= time.time() - begun < left + SLACK
    assert failure.value.exhausted
    return failure.value


@pytest.mark.parametrize(
    "deed",
    [hostile.silence, hostile.dripping_head, hostile.dripping_body, hostile.dripping_chunks],
    ids=lambda deed: deed.__name__,
)
def test_a_request_ends_at_the_deadline(world, deed):
    with HostileServer(deed) as server:
        error = given_up(world, tenant_at(server.url, extra={"timeout": 30}))
    assert error.sent
    assert f"Could not read source {HR}" in str(error)


def test_a_start_that_was_sent_by_then_may_have_happened(world):
    with HostileServer(hostile.silence) as server:
        error = given_up(world, tenant_at(server.url, extra={"timeout": 30}), START)
    assert error.sent


def test_a_token_request_ends_at_the_deadline_and_nothing_else_was_sent(world):
    class Silent(HostileServer):
        def _answer(self, reader, connection):
            self.closing.wait()

    with Silent(None) as server:
        error = given_up(world, tenant_at(server.url, extra={"timeout": 30}), START)
    assert "get a token" in str(error)
    assert not error.sent


def test_a_connection_that_is_not_made_ends_at_the_deadline(world):
    with socket.socket() as full:
        # A queue of connections that is full leaves further ones without an answer.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        try:
            tenant = tenant_at(f"http://127.0.0.1:{full.getsockname()[1]}", extra={"timeout": 30})
            error = given_up(world, tenant, START)
        finally:
            for one in waiting:
                one.close()
    assert not error.sent
    assert "Nothing was sent" in str(error)


def test_a_look_up_of_the_host_ends_at_the_deadline(world, monkeypatch):
    look_up, is_over = socket.getaddrinfo, threading.Event()

    def slow(host, *args, **kwargs):
        if "slow.example" in str(host):
            is_over.wait(10)
        return look_up("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    begun = time.time()
    timer = threading.Timer(LEFT + 0.5, is_over.set)  # lets the event loop's threads end
    timer.start()
    with pytest.raises(TenantUnavailableError, match="deadline") as failure:
        send(world, tenant_at("https://slow.example", extra={"timeout": 30}), START, begun + LEFT)
    timer.join()
    assert time.time() - begun < LEFT + SLACK
    assert not failure.value.sent


def test_a_tls_handshake_ends_at_the_deadline(world):
    class Silent(HostileServer):
        def _answer(self, reader, connection):
            self.closing.wait()

    with Silent(None) as server:
        tenant = tenant_at(server.url.replace("http:", "https:"), extra={"timeout": 30})
        error = given_up(world, tenant, START)
    assert not error.sent


@pytest.mark.parametrize(("status", "call"), [(429, SOURCE), (503, SOURCE), (429, START)])
def test_a_pause_before_the_next_attempt_ends_at_the_deadline(world, status, call, caplog):
    caplog.set_level(logging.INFO)
    answer = json_answer({"error": "busy"}, status)
    with Answers((status, {"Retry-After": "60"}, answer[2])) as server:
        error = given_up(world, tenant_at(server.url), call)
        assert len(server.asked) == 1
    assert "Last error" in str(error)
    assert f"HTTP {status}" in str(error)
    assert error.sent is (status == 503)
    assert "Not retrying, because the deadline comes first" in caplog.text


def test_attempts_go_on_until_the_deadline_only(world):
    with Answers(json_answer({"error": "x"}, 500)) as server:
        given_up(world, tenant_at(server.url), policy=PATIENT)
        assert len(server.asked) > 3


def test_a_start_that_cannot_connect_is_tried_until_the_deadline_and_never_sent(world):
    error = given_up(world, tenant_at(f"http://127.0.0.1:{closed_port()}"), START, PATIENT)
    assert not error.sent


def test_the_request_budget_is_waited_for_until_the_deadline(world):
    with Answers(json_answer({"id": HR})) as server:
        tenant = tenant_at(server.url)
        world.send(tenant, SOURCE)
        tenant_state.state_of(tenant).budget.close_until(time.monotonic() + 60)
        error = given_up(world, tenant, START)
        assert len(server.asked) == 1
    assert not error.sent
    assert "Nothing was sent" in str(error)


def test_a_very_long_retry_after_is_reported_at_once(world):
    with Answers((429, {"Retry-After": "600"}, b'{"message": " Rate Limit Exceeded "}')) as server:
        begun = time.time()
        with pytest.raises(RateLimitError) as failure:
            send(world, tenant_at(server.url), SOURCE, begun + 5)
    assert failure.value.retry_after == 600
    assert time.time() - begun < 2


def test_a_token_that_another_thread_gets_is_waited_for_until_the_deadline():
    with Answers(json_answer({"id": HR})) as server:
        tenant = tenant_at(server.url)
        with tenant_state.state_of(tenant).token_lock:
            error = given_up(Blocking, tenant, START)
        assert server.received == []
    assert not error.sent


@pytest.mark.parametrize("call", [SOURCE, START], ids=["safe", "start"])
def test_a_call_after_the_deadline_sends_nothing(world, call):
    with Answers(json_answer({"id": HR})) as server:
        begun = time.time()
        with pytest.raises(
            TenantUnavailableError, match=r"before the deadline.* Nothing was sent"
        ) as failure:
            send(world, tenant_at(server.url), call, begun - 1)
        assert time.time() - begun < 0.5
        assert server.received == []
    assert not failure.value.sent
    assert failure.value.exhausted


def test_a_deadline_that_is_far_changes_nothing(world):
    with Answers(json_answer({"id": HR, "name": "HR"})) as server:
        assert send(world, tenant_at(server.url), SOURCE, time.time() + 3600).name == "HR"


def test_a_procedure_meets_the_deadline_as_an_error_and_its_pauses_end(world):
    met = []

    def flow():
        yield Sleep(60)
        for effect in (SOURCE, SOURCE):
            try:
                yield effect
            except TenantUnavailableError as error:
                met.append(error)
        met.extend((yield Gather((SOURCE, SOURCE))))
        return "over"

    with Answers(json_answer({"id": HR})) as server:
        begun = time.time()
        done = world.use(
            tenant_at(server.url), lambda transport: transport.run(flow(), until=begun + LEFT), FAST
        )
        assert server.received == []
    assert LEFT - 0.05 <= time.time() - begun < LEFT + SLACK
    assert done == "over"
    assert [type(error) for error in met] == [TenantUnavailableError] * 4


def test_a_file_that_is_under_way_is_sent_to_its_end(world, tmp_path):
    path = tmp_path / "large.csv"
    path.write_bytes(b"id,name\n" + b"x" * 8 * 1024 * 1024)
    with SlowServer(pause=0.25) as server:
        tenant = tenant_at(server.url)
        begun = time.time()
        task = send(world, tenant, load_accounts(V1, HR, find_csv(path)), begun + LEFT)
    assert time.time() - begun > LEFT + 0.3
    assert task.file["size_bytes"] == path.stat().st_size


def test_a_file_is_not_sent_once_the_deadline_has_passed(world, tmp_path):
    with SlowServer() as server:
        tenant = tenant_at(server.url)
        world.send(tenant, endpoints.token(tenant))
        tenant_state.state_of(tenant).budget.close_until(time.monotonic() + 60)
        error = given_up(world, tenant, load_accounts(V1, HR, find_csv(write_csv(tmp_path))))
        assert server.size == 0
    assert not error.sent


@pytest.mark.parametrize("deed", [hostile.silence, hostile.dripping_body], ids=lambda deed: deed.__name__)
def test_the_answer_to_a_file_outlasts_the_deadline_until_its_own_time_limit(world, deed, tmp_path):
    """ISC may be about to acknowledge the upload, and only that lets it count."""
    call = replace(load_accounts(V1, HR, find_csv(write_csv(tmp_path))), time_limit=1.5)
    begun = time.time()
    with HostileServer(deed) as server, pytest.raises(SailPointError):
        send(world, tenant_at(server.url), call, begun + LEFT)
    assert 1.5 <= time.time() - begun < 1.5 + SLACK


@pytest.mark.parametrize("deed", [hostile.silence, hostile.dripping_body], ids=lambda deed: deed.__name__)
def test_the_time_limit_of_a_call_with_a_file_counts_from_the_end_of_sending(world, deed, tmp_path):
    call = load_accounts(V1, HR, find_csv(write_csv(tmp_path)))
    begun = time.monotonic()
    with HostileServer(deed) as server, pytest.raises(SailPointError, match="1 s, the time limit"):
        world.send(tenant_at(server.url), replace(call, time_limit=1.0), FAST)
    assert 1.0 <= time.monotonic() - begun < 2.5
