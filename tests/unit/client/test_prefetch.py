"""Blocks are read in order and only a few ahead; the file is closed whatever happens."""

from __future__ import annotations

import threading

import pytest

from sailpoint_provider.client import prefetch
from sailpoint_provider.client.prefetch import Prefetcher


class Blocks:
    """A file of numbered blocks that records how it is used; it may hang or fail."""

    def __init__(self, count, error=None):
        self.left = count
        self.error = error
        self.read_count = 0
        self.closed = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def read(self):
        self.may_go_on.wait(10)
        if self.left == 0:
            if self.error is not None:
                raise self.error
            return b""
        self.left -= 1
        self.read_count += 1
        return b"%d" % self.read_count


def reading(blocks):
    return Prefetcher(blocks.read, blocks.closed.set)


def test_blocks_come_in_order_and_the_file_is_closed():
    blocks = Blocks(20)
    ahead = reading(blocks)
    assert list(iter(ahead.next, b"")) == [b"%d" % number for number in range(1, 21)]
    ahead.stop()
    assert blocks.closed.wait(10)


def test_it_reads_only_a_little_ahead():
    blocks = Blocks(1000)
    ahead = reading(blocks)
    ahead.next()
    ahead.stop()
    assert blocks.read_count < 10


def test_what_goes_wrong_comes_after_the_blocks_before_it():
    ahead = reading(Blocks(2, OSError("broken")))
    assert [ahead.next(), ahead.next()] == [b"1", b"2"]
    with pytest.raises(OSError, match="broken"):
        ahead.next()
    ahead.stop()


def test_one_that_was_never_asked_is_closed():
    blocks = Blocks(5)
    reading(blocks).stop()
    assert blocks.closed.is_set()
    assert blocks.read_count == 0


def test_whoever_asks_after_the_stop_is_not_kept_waiting():
    unasked, asked = reading(Blocks(5)), reading(Blocks(50))
    asked.next()
    for ahead in (unasked, asked):
        ahead.stop()
        assert [ahead.next(), ahead.next()] == [b"", b""]


def test_whoever_waits_for_a_block_is_let_go_by_the_stop(monkeypatch):
    monkeypatch.setattr(prefetch, "_STOP_SECONDS", 0.05)
    blocks = Blocks(5)
    blocks.may_go_on.clear()
    ahead, got = reading(blocks), []
    waiting = threading.Thread(target=lambda: got.append(ahead.next()))
    waiting.start()
    ahead.stop()
    waiting.join(10)
    blocks.may_go_on.set()
    assert got == [b""]
    assert blocks.closed.wait(10)
