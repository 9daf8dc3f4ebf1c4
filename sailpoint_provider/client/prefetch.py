"""Reads a file ahead of whoever sends it, a little."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_AHEAD = 4
_PATIENCE = 5.0


class Prefetcher:
    """
    Hands out blocks that a thread of its own reads, while the ones before are sent.

    The thread closes what it reads from. It starts with the first block that is asked for.

    :param read: reads the next block, empty at the end.
    :param close: closes what is read from.
    """

    def __init__(self, read: Callable[[], bytes], close: Callable[[], None]) -> None:
        self._read = read
        self._close = close
        self._blocks: Queue[bytes | BaseException] = Queue(_AHEAD)
        self._is_stopped = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def next(self) -> bytes:
        """
        Return the next block, empty at the end and once the reading was stopped.

        Whatever goes wrong while reading is raised here.
        """
        with self._lock:
            if self._is_stopped:
                return b""
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sailpoint-read-ahead", daemon=True)
                self._thread.start()
        block = self._blocks.get()
        if isinstance(block, BaseException):
            raise block
        return block

    def stop(self) -> None:
        """Read no further and close; a store that does not answer is not waited for endlessly."""
        with self._lock:
            self._is_stopped = True
            thread = self._thread
        if thread is None:
            self._close()
            return
        self._drain()
        thread.join(_PATIENCE)
        self._drain()
        with suppress(Full):
            self._blocks.put_nowait(b"")  # for somebody who still waits for a block, on an event loop

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
