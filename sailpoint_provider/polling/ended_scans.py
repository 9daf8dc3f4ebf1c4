"""One scan per interval for all watchers of a tenant on an event loop."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.isc.wait.ended import ScanRequest, merged
from sailpoint_provider.isc.wait.ended_scan import scan_ended

if TYPE_CHECKING:
    from sailpoint_provider.client.async_client import AsyncClient
    from sailpoint_provider.isc.wait.ended import Scan

_MOST_SOURCES = 20
"""How many sources a filter may name; each takes 40 characters of the URL."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    request: ScanRequest
    due: float
    scan: asyncio.Future[Scan]


class EndedScans:
    """
    Reads the task records for the watchers of one client.

    Whoever is waiting when a scan is due gets it, so watchers of one tenant need no more requests than the
    one with the shortest interval.

    :param client: carries out the requests, within its request budget.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._serving: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()

    async def next(self, request: ScanRequest, pause: float) -> Scan:
        """
        Return the next scan.

        :param request: what it must read.
        :param pause: most seconds until it begins; another watcher may need it sooner.
        :raises SailPointError: the tenant cannot be read.
        """
        waiting = _Waiting(request, self._loop.time() + pause, self._loop.create_future())
        self._waiting.append(waiting)
        if self._serving is None:
            # In a context of its own: what it logs belongs to no watcher.
            self._serving = self._loop.create_task(self._serve(), context=contextvars.Context())
        self._joined.set()
        try:
            return await waiting.scan
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    async def stop(self) -> None:
        """Stop scanning; watchers that still wait are cancelled."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._wait_until_due()
                # A watcher that arrives during the scan may need more than is being read.
                served, self._waiting = self._waiting, []
                await self._scan_for(served)
                # Watchers that go on join again at once, and this task stays.
                await asyncio.sleep(0)
        finally:
            self._serving = None
            for waiting in self._waiting:
                waiting.scan.cancel()

    async def _wait_until_due(self) -> None:
        while self._waiting:
            self._joined.clear()
            left = min(waiting.due for waiting in self._waiting) - self._loop.time()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._joined.wait()

    async def _scan_for(self, served: list[_Waiting]) -> None:
        if not served:
            return
        try:
            request = merged([waiting.request for waiting in served], _MOST_SOURCES)
            scan = await self._client.run(scan_ended(self._client.tenant.api_version, request))
        except Exception as error:  # whatever it is, no watcher may wait for ever
            for waiting in served:
                if not waiting.scan.done():
                    waiting.scan.set_exception(error)
            return
        except BaseException:
            for waiting in served:
                waiting.scan.cancel()
            raise
        for waiting in served:
            if not waiting.scan.done():
                waiting.scan.set_result(scan)
