"""Time-outs of an upload are for silence; its progress is told; its file is read a little ahead, no more."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from sailpoint_provider.client import upload_progress
from sailpoint_provider.client.prefetch import Prefetcher
from sailpoint_provider.exceptions import TenantUnavailableError
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.client.client_cases import HR, ONCE, tenant_at
from tests.unit.client.slow_server import SlowServer

MIB = 1024 * 1024


@pytest.fixture(params=["http", "https"])
def authority(request, certificates):
    return certificates if request.param == "https" else None


@pytest.fixture
def large(tmp_path):
    """Give a file that no buffer of a connection takes as a whole."""
    path = tmp_path / "large.csv"
    path.write_bytes(b"id,name\n")
    os.truncate(path, 24 * MIB)
    return path


def send(world, server, path, certificates, **extra):
    verify = {} if certificates is None else {"verify": str(certificates.authority)}
    tenant = tenant_at(server.url, extra={**extra, **verify})
    return world.send(tenant, endpoints.load_accounts(API_VERSIONS["v1"], HR, find_csv(path)), ONCE)


def test_an_upload_may_take_longer_than_its_time_out_while_something_is_taken(world, large, authority):
    with SlowServer(pause=0.08, certificates=authority) as server:
        task = send(world, server, large, authority, timeout=1, upload_timeout=1)
    assert task.file.size_bytes == 24 * MIB
    assert server.size > 24 * MIB
    assert server.seconds > 1


def test_an_upload_of_which_nothing_is_taken_is_given_up(world, large, authority):
    with (
        SlowServer(stops=True, certificates=authority) as server,
        pytest.raises(
            TenantUnavailableError, match=r"took nothing of the upload for 0\.3 s.*may have been started"
        ) as failure,
    ):
        send(world, server, large, authority, timeout=5, upload_timeout=0.3)
    assert failure.value.sent
    assert not failure.value.final
    assert server.size < 24 * MIB


def test_a_long_upload_tells_its_progress_in_the_log(world, large, monkeypatch, caplog):
    caplog.set_level(logging.INFO, logger="sailpoint_provider")
    monkeypatch.setattr(upload_progress, "INTERVAL", 0.2)
    with SlowServer(pause=0.03) as server:
        send(world, server, large, None)
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Sent ")]
    assert "of 24 MiB (" in said[0]
    assert "large.csv" in said[0]
    assert said[-1].startswith("Sent all 24 MiB of large.csv in ")
    assert len(said) < 24 * MIB // (256 * 1024)


def test_a_short_upload_tells_nothing(world, large, caplog):
    caplog.set_level(logging.INFO, logger="sailpoint_provider")
    with SlowServer() as server:
        send(world, server, large, None)
    assert [record for record in caplog.records if record.getMessage().startswith("Sent ")] == []


class Reading:
    """Blocks to read ahead, and what became of them."""

    def __init__(self, *blocks):
        self.left = list(blocks)
        self.taken = threading.Semaphore(0)
        self.closed = threading.Event()

    def read(self):
        self.taken.release()
        block = self.left.pop(0) if self.left else b""
        if isinstance(block, Exception):
            raise block
        return block


def ahead_of(*blocks):
    reading = Reading(*blocks)
    return reading, Prefetcher(reading.read, reading.closed.set)


def test_blocks_come_in_order_and_then_the_end():
    reading, ahead = ahead_of(*(bytes([number]) for number in range(1, 50)))
    assert [ahead.next()[0] for _ in range(49)] == list(range(1, 50))
    assert ahead.next() == b""
    assert reading.closed.wait(5)
    ahead.stop()


def test_what_goes_wrong_while_reading_is_raised_in_its_turn():
    reading, ahead = ahead_of(b"a", ValueError("broken"))
    assert ahead.next() == b"a"
    with pytest.raises(ValueError, match="broken"):
        ahead.next()
    ahead.stop()
    assert reading.closed.is_set()


def test_only_a_few_blocks_are_read_ahead():
    reading, ahead = ahead_of(*[b"a"] * 1000)
    ahead.next()
    for _ in range(5):
        assert reading.taken.acquire(timeout=5)
    ahead.stop()
    assert reading.closed.is_set()
    assert len(reading.left) > 980


def test_nothing_is_read_before_the_first_block_is_asked_for():
    reading, ahead = ahead_of(b"a")
    ahead.stop()
    assert reading.left == [b"a"]
    assert reading.closed.is_set()


def test_somebody_who_waits_for_a_block_is_let_go_when_reading_stops():
    begun, go_on, reached = threading.Event(), threading.Event(), []

    def read():
        begun.set()
        go_on.wait(10)
        return b""

    ahead = Prefetcher(read, lambda: None)
    waiting = threading.Thread(target=lambda: reached.append(ahead.next()))
    waiting.start()
    assert begun.wait(5)
    stopping = threading.Thread(target=ahead.stop)
    stopping.start()
    go_on.set()
    stopping.join(10)
    waiting.join(10)
    assert reached == [b""]
