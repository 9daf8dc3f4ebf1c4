"""Handles many items a few at a time, so that an event loop does not stall."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_SLICE_SECONDS = 0.008


class WorkQueue(Generic[T]):
    """
    Handles items for some milliseconds in each iteration of the event loop.

    :param handle: handles one item and returns how many tasks that woke up.
    :param most_wakes: how many tasks may be woken up per iteration; each has work of its own.
    """

    def __init__(self, handle: Callable[[T], int], most_wakes: int = 40) -> None:
        self._handle = handle
        self._most_wakes = most_wakes
        self._waiting: deque[T] = deque()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def put(self, items: Iterable[T]) -> None:
        """Add items, and start with them if the queue was empty."""
        self._waiting.extend(items)
        if self._waiting and self._is_empty.is_set():
            self._is_empty.clear()
            self._work()

    async def done(self) -> None:
        """Wait until all items are handled."""
        await self._is_empty.wait()

    def _work(self) -> None:
        until, wakes = time.perf_counter() + _SLICE_SECONDS, 0
        while self._waiting and wakes < self._most_wakes and time.perf_counter() < until:
            wakes += self._handle(self._waiting.popleft())
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._work)
        else:
            self._is_empty.set()
