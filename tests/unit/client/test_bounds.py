"""No answer holds a call for ever, or fills the memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sailpoint_provider.exceptions import ProtocolError, SailPointError, TenantUnavailableError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client import hostile_server as hostile
from tests.unit.client.client_cases import HR, ONCE, SECRET, tenant_at
from tests.unit.client.hostile_server import HostileServer
from tests.unit.isc.isc_cases import load_accounts

pytestmark = pytest.mark.real_time

HERE = Path(__file__).parent
V1 = API_VERSIONS["v1"]
SOURCE = endpoints.source(V1, HR)
LIMIT = 1.0
SLACK = 1.0


def asked(world, deed, call=SOURCE, limit=LIMIT, policy=ONCE):
    """Return the error of a call that is answered in this way, and how long it took."""
    with HostileServer(deed) as server:
        tenant, begun = tenant_at(server.url), time.monotonic()
        with pytest.raises(SailPointError) as failure:
            world.send(tenant, replace(call, time_limit=limit), policy)
        return failure.value, time.monotonic() - begun


def named(deed):
    return deed.__name__


@pytest.mark.parametrize("deed", hostile.TOO_SLOW, ids=named)
def test_an_answer_that_drips_is_given_up_at_the_time_limit(world, deed):
    error, seconds = asked(world, deed)
    assert isinstance(error, ProtocolError)
    assert f"Could not read source {HR}" in str(error)
    assert "was incomplete after 1 s, the time limit" in str(error)
    assert "any proxy in between" in str(error)
    assert LIMIT <= seconds < LIMIT + SLACK
    assert error.status == 200


def test_a_head_that_drips_is_given_up_at_the_time_limit(world):
    error, seconds = asked(world, hostile.dripping_head)
    assert isinstance(error, ProtocolError)
    assert "was incomplete after 1 s, the time limit" in str(error)
    assert LIMIT <= seconds < LIMIT + SLACK


def test_silence_is_given_up_at_the_time_limit_and_may_be_asked_again(world):
    error, seconds = asked(world, hostile.silence)
    assert isinstance(error, TenantUnavailableError)
    assert "within 1 s, the time limit of this call" in str(error)
    assert error.sent
    assert LIMIT <= seconds < LIMIT + SLACK


def test_without_a_time_limit_of_its_own_a_call_has_twice_the_timeout(world):
    with HostileServer(hostile.dripping_body) as server:
        begun = time.monotonic()
        with pytest.raises(ProtocolError, match=r"after 0\.8 s"):
            world.send(tenant_at(server.url, extra={"timeout": 0.4}), SOURCE, ONCE)
    assert 0.8 <= time.monotonic() - begun < 0.8 + SLACK


@pytest.mark.parametrize("deed", hostile.TOO_LONG_A_HEAD, ids=named)
def test_a_head_that_does_not_end_is_given_up_soon(world, deed):
    error, seconds = asked(world, deed, limit=20.0)
    assert isinstance(error, ProtocolError)
    assert "its header" in str(error)
    assert seconds < 3.0


@pytest.mark.parametrize("deed", hostile.TOO_LARGE, ids=named)
def test_a_body_that_is_too_large_is_given_up(world, deed):
    error, seconds = asked(world, deed, limit=20.0)
    assert isinstance(error, ProtocolError)
    assert "its body is larger than 8 MiB" in str(error)
    assert error.status == 200
    assert seconds < 10.0


@pytest.mark.parametrize("deed", hostile.ODD, ids=named)
def test_other_ways_not_to_end_end_too(world, deed):
    error, seconds = asked(world, deed)
    assert isinstance(error, SailPointError)
    assert seconds < LIMIT + 2 * SLACK


@pytest.mark.parametrize("deed", [hostile.dripping_body, hostile.huge_json, hostile.endless_head], ids=named)
def test_an_answer_that_was_given_up_is_not_asked_for_again(world, deed):
    with HostileServer(deed) as server:
        with pytest.raises(ProtocolError):
            world.send(tenant_at(server.url), replace(SOURCE, time_limit=0.5))
        assert len([target for target in server.targets if "oauth" not in target]) == 1


@pytest.mark.parametrize(
    "deed", [hostile.dripping_head, hostile.dripping_body, hostile.huge_json, hostile.endless_head], ids=named
)
def test_a_start_that_is_answered_like_this_may_have_happened(world, deed):
    error, _ = asked(world, deed, load_accounts(V1, HR))
    assert isinstance(error, ProtocolError)
    assert "may have been started anyway" in str(error)


@pytest.mark.parametrize("deed", [hostile.dripping_body, hostile.huge_json], ids=named)
def test_the_token_is_bounded_too(world, deed):
    class Everything(HostileServer):
        def _answer(self, reader, connection):
            reader.readline()
            while reader.readline().strip():
                pass
            deed(hostile.Line(connection, self.closing))
            return False

    with Everything(deed) as server:
        begun = time.monotonic()
        with pytest.raises(SailPointError, match="get a token"):
            world.send(tenant_at(server.url, extra={"timeout": 0.5}), SOURCE, ONCE)
        assert time.monotonic() - begun < 1.0 + 2 * SLACK


@pytest.mark.parametrize("status", [b"400 Bad Request", b"503 Unavailable", b"302 Found", b"404 Not Found"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_the_status_of_an_error_counts_though_its_body_does_not_end(world, status, packed):
    def deed(line):
        encoding = b"Content-Encoding: gzip\r\n" if packed else b""
        # A place to go to makes requests read a redirect's body, if nobody keeps it from that.
        place = b"Location: /elsewhere\r\n" if status.startswith(b"302") else b""
        line.send(b"HTTP/1.1 " + status + b"\r\n" + place + encoding + b"Connection: close\r\n\r\n")
        if packed:
            line.send(hostile.bomb())
        line.for_ever(b"x" * 65536)

    error, seconds = asked(world, deed, limit=10.0)
    assert error.status == int(status[:3])
    assert seconds < 5.0


def test_the_status_of_an_error_counts_though_its_body_drips(world):
    def deed(line):
        line.send(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 10000\r\n\r\n")
        line.drip(b"x" * 10_000)

    error, seconds = asked(world, deed)
    assert isinstance(error, TenantUnavailableError)
    assert error.status == 503
    assert seconds < LIMIT + SLACK


def test_a_packing_that_was_not_asked_for_is_reported(world):
    def deed(line):
        line.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc")

    error, _ = asked(world, deed)
    assert isinstance(error, ProtocolError)
    assert "Content-Encoding is not gzip or deflate" in str(error)


def test_an_answer_that_is_given_up_shows_no_secret(world):
    def echo(line):
        line.send(b"HTTP/1.1 200 OK\r\nX-Echo: %s\r\n" % SECRET.encode())
        line.send(b"Content-Length: 100000\r\n\r\n" + SECRET.encode() * 10)
        line.drip(SECRET.encode() * 1000)

    error, _ = asked(world, echo)
    assert SECRET not in str(error) + repr(error.__dict__)


@pytest.fixture(scope="module", params=["blocking", "event_loop"])
def growths(request):
    """Return by how many bytes one process had grown after each of the answers that are too large."""
    with ExitStack() as stack:
        servers = [stack.enter_context(HostileServer(deed)) for deed in hostile.TOO_LARGE]
        done = subprocess.run(
            [sys.executable, HERE / "answer_probe.py", request.param, *(server.url for server in servers)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[2], HERE)))},
        )
    assert done.returncode == 0, done.stderr
    sizes = [int(line) for line in done.stdout.split()]
    return dict(zip(map(named, hostile.TOO_LARGE), sizes, strict=True))


# One worker runs all of these, because they share a process.
@pytest.mark.parametrize("deed", hostile.TOO_LARGE, ids=named)
def test_an_answer_that_is_too_large_takes_little_memory(growths, deed):
    assert growths[named(deed)] < 40 * hostile.MIB
