"""Reads a file a few blocks ahead of its sender."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCKS_AHEAD = 4
_STOP_SECONDS = 5.0


class Prefetcher:
    """
    Hands out blocks that its own thread reads while earlier ones are sent.

    The thread starts when the first block is requested, and closes what it reads from.

    :param read: reads the next block, empty at the end.
    :param close: closes what is read from.
    """

    def __init__(self, read: Callable[[], bytes], close: Callable[[], None]) -> None:
        self._read = read
        self._close = close
        self._blocks: Queue[bytes | BaseException] = Queue(_BLOCKS_AHEAD)
        self._is_stopped = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def next(self) -> bytes:
        """
        Return the next block, empty at the end and after :meth:`stop`.

        Any error of the reading thread is raised here.
        """
        with self._lock:
            if self._is_stopped:
                return b""
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sailpoint-prefetch", daemon=True)
                self._thread.start()
        block = self._blocks.get()
        if isinstance(block, BaseException):
            raise block
        return block

    def stop(self) -> None:
        """Stop reading and close; waits no longer than a few seconds for a store that hangs."""
        with self._lock:
            self._is_stopped = True
            thread = self._thread
        if thread is None:
            self._close()
            return
        self._drain()
        thread.join(_STOP_SECONDS)
        self._drain()
        with suppress(Full):
            self._blocks.put_nowait(b"")  # releases a thread of the event loop that still waits in next()

    def _run(self) -> None:
        try:
            while not self._is_stopped:
                block = self._read()
                self._blocks.put(block)
                if not block:
                    return
        except BaseException as error:
            self._blocks.put(error)
        finally:
            self._close()

    def _drain(self) -> None:
        with suppress(Empty):
            while True:
                self._blocks.get_nowait()
