"""Reads the progress of a crowd, as far as the request budget allows."""

from __future__ import annotations

import asyncio
import contextvars
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.client.async_client import AsyncClient
    from sailpoint_provider.polling.waits import Wait, Waits

_MOST_AT_ONCE = 20.0
_SHARE_OF_BUDGET = 0.4
_CROWD_WITHOUT_PROGRESS = 200.0
_SPARE = 0.3


class ProgressReader:
    """
    Reads the status endpoint for waits that are polled together, because task records show no progress.

    The more waits there are, the less it reads, because each gains little; and never so much that polls would
    be delayed.

    :param client: carries out the calls.
    :param waits: the waits of the poller.
    :param spawn: starts a task in a context; the poller cancels it when it stops.
    :param wake_up: wakes the poller, for a wait that must be polled now.
    """

    def __init__(
        self,
        client: AsyncClient,
        waits: Waits,
        spawn: Callable[[Any, contextvars.Context], asyncio.Task[None]],
        wake_up: asyncio.Event,
    ) -> None:
        self._client = client
        self._waits = waits
        self._spawn = spawn
        self._wake_up = wake_up
        self._loop = asyncio.get_running_loop()
        self._reading: asyncio.Task[None] | None = None
        self._credit = 0.0
        self._is_refused = False

    def is_affordable(self, spare: float = 0.0) -> bool:
        """
        Return whether the status endpoint may be read now.

        :param spare: share of a full burst of requests that must be left.
        """
        return not self._is_refused and self._client.budget.spare(time.monotonic()) > spare

    def read(self, span: float) -> None:
        """
        Read the progress that is the oldest, unless an earlier call has not finished.

        :param span: seconds until the next batch poll, over which the requests are spread.
        """
        if self._is_refused or self._reading is not None:
            return
        rate = self._client.budget.rate(time.monotonic())
        self._credit += min(
            (_CROWD_WITHOUT_PROGRESS / self._waits.count) ** 2, span * _SHARE_OF_BUDGET * rate
        )
        count = int(min(self._credit, _MOST_AT_ONCE))
        self._credit -= count
        now = self._loop.time()
        # Loads of other kinds have no status endpoint, which says nothing about those that have one.
        shown = (wait for wait in self._waits if wait.watch.shows_status and not wait.is_alone(now))
        running = sorted(shown, key=_by_progress)
        self._reading = self._spawn(self._read_all(running[:count], span), contextvars.Context())

    async def _read_all(self, waits: list[Wait], span: float) -> None:
        try:
            for wait in waits:
                await asyncio.sleep(span / (len(waits) + 1))
                if not self.is_affordable(_SPARE):
                    return
                if not wait.outcome.done():
                    wait.progress_asked = self._loop.time()
                    await self._spawn(self._read_one(wait), wait.context)
        finally:
            self._reading = None

    async def _read_one(self, wait: Wait) -> None:
        try:
            if await self._client.run(wait.watch.progress()):
                wait.needs_full_poll = True
                wait.poll_alone(self._loop.time())
                self._wake_up.set()
        except Exception as error:
            wait.fail(error)
        self._is_refused = not wait.watch.shows_status


def _by_progress(wait: Wait) -> float:
    return wait.progress_asked
