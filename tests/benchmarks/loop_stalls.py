"""
How long an event loop stood still, and how much of that was the garbage collector.

A task that sleeps 5 ms again and again, and notes when it comes too late, wakes an idle loop 200 times a
second; that takes more processor time than what is measured here. So the ticks are worked out where the
loop waits for something to do: a tick that comes due while the loop sleeps would come in time and wakes
nobody, one that comes due while the loop is busy is put among its timers, and comes as late as such a task
would.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK = 0.005

Interval = tuple[float, float]


@dataclass(frozen=True)
class Stalls:
    """
    How the loop kept time, in seconds.

    :param longest: the most that a tick came too late.
    :param longest_apart: the same without the time that the garbage collector took meanwhile.
    :param longest_collection: the longest run of the garbage collector.
    """

    longest: float
    longest_apart: float
    longest_collection: float


def stalls_of(late: Sequence[Interval], collections: Sequence[Interval]) -> Stalls:
    """
    Take the collections out of the ticks that came too late.

    :param late: from when a tick was due until it came.
    :param collections: from when to when the garbage collector ran.
    """
    apart = (
        end - due - sum(max(0.0, min(end, stop) - max(due, start)) for start, stop in collections)
        for due, end in late
    )
    return Stalls(
        longest=max((end - due for due, end in late), default=0.0),
        longest_apart=max(apart, default=0.0),
        longest_collection=max((stop - start for start, stop in collections), default=0.0),
    )


class TickingSelector(selectors.DefaultSelector):
    """Tells how late ticks of 5 ms come on the loop that it is the selector of."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.late: list[Interval] = []
        self._due = time.monotonic() + TICK
        self._is_put = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as any selector does, and see to the tick."""
        asked = time.monotonic()
        sleeps = timeout is None or timeout > 0
        if self._due <= asked and sleeps and not self._is_put:
            # There is nothing else to do, so the tick would come now.
            self._tick(asked)
        found = super().select(timeout)
        if sleeps and self._due > asked:
            self._due = max(self._due, time.monotonic())
        if self._due <= asked and self.loop is not None and not self._is_put:
            self._is_put = True
            # A task that sleeps is woken by a timer and goes on in the turn of the loop after that.
            self.loop.call_at(self._due, self.loop.call_soon, self._tick_on_loop)
        return found

    def settle(self) -> None:
        """Count the tick that is due by now, if one is."""
        self._tick(max(self._due, time.monotonic()))

    def _tick_on_loop(self) -> None:
        self._is_put = False
        self._tick(time.monotonic())

    def _tick(self, now: float) -> None:
        if now - self._due > TICK:
            self.late.append((self._due, now))
        self._due = now + TICK


class StallWatch:
    """
    An event loop whose stalls are told, from :meth:`begin` to :meth:`end`.

    :meth:`loop` is a loop factory for :class:`asyncio.Runner`.
    """

    def __init__(self) -> None:
        self._selector = TickingSelector()
        self._collections: list[Interval] = []
        self._collection_began = 0.0

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop."""
        loop = asyncio.SelectorEventLoop(self._selector)
        self._selector.loop = loop
        return loop

    def begin(self) -> None:
        """Forget what was noted so far."""
        self._selector.settle()
        self._selector.late.clear()
        gc.callbacks.append(self._note_collection)

    def end(self) -> None:
        """Note nothing any more."""
        self._selector.settle()
        gc.callbacks.remove(self._note_collection)

    def stalls(self) -> Stalls:
        """Return what was noted."""
        return stalls_of(self._selector.late, self._collections)

    def _note_collection(self, phase: str, _: dict[str, int]) -> None:
        now = time.monotonic()
        if phase == "start":
            self._collection_began = now
        else:
            self._collections.append((self._collection_began, now))
