"""Reads a few blocks of a file ahead of the sender."""

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
    Reads blocks in a thread of its own while earlier ones are sent.

    The thread starts with the first call of :meth:`next`, and closes the file at the end.

    :param read: reads the next block, empty at the end.
    :param close: closes the file.
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
        Return the next block, empty at the end and after :meth:`stop`.

        An error of the reading thread is raised here.
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
        """Stop reading and close the file, without waiting longer than 5 s for a hanging store."""
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
            self._blocks.put_nowait(b"")  # for a caller that still waits for a block, on an event loop

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
