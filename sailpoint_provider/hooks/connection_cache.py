"""Reads Airflow connections on an event loop, once for all callers that need the same one."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import SailPointError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from typing import Any

    from airflow.providers.common.compat.sdk import BaseHook, Connection

    from sailpoint_provider.isc.tenant.config import Tenant

_FRESH_SECONDS = 5.0
_SERVED_PER_TURN = 20
_BLOCKING_SECONDS = 30.0
"""How long a blocking look-up of a connection may take."""


class ConnectionCache:
    """
    Returns tenants; a triggerer that restarts needs the same one a thousand times at once.

    Each look-up is a request to Airflow's API, so callers that arrive during one, or within seconds of it,
    share its outcome. They are served a few at a time, because each resumes its work at once and all of them
    together would stall the event loop.
    """

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[Tenant, float]] = {}
        self._lines: dict[Hashable, deque[asyncio.Future[Tenant]]] = {}
        self._readings: set[asyncio.Task[Tenant]] = set()

    async def tenant(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, Tenant]]) -> Tenant:
        """
        Return the tenant of a connection.

        :param key: identifies the connection.
        :param read: reads the connection.
        """
        loop = asyncio.get_running_loop()
        caller: asyncio.Future[Tenant] = loop.create_future()
        line = self._lines.get(key)
        if line is not None:
            line.append(caller)
        else:
            self._lines[key] = deque([caller])
            found = self._found.get(key)
            if found is not None and loop.time() < found[1]:
                loop.call_soon(self._serve, key, found[0])
            else:
                reading = loop.create_task(read())
                self._readings.add(reading)
                reading.add_done_callback(partial(self._read, key))
        return await caller

    def _read(self, key: Hashable, reading: asyncio.Task[Tenant]) -> None:
        self._readings.discard(reading)
        if reading.cancelled():
            for caller in self._lines.pop(key):
                caller.cancel()
        elif (error := reading.exception()) is not None:
            for caller in self._lines.pop(key):
                if not caller.done():
                    caller.set_exception(error)
        else:
            loop = asyncio.get_running_loop()
            self._found[key] = (reading.result(), loop.time() + _FRESH_SECONDS)
            self._serve(key, reading.result())

    def _serve(self, key: Hashable, tenant: Tenant) -> None:
        line, served = self._lines[key], 0
        while line and served < _SERVED_PER_TURN:
            caller = line.popleft()
            if not caller.done():
                caller.set_result(tenant)
                served += 1
        if line:
            asyncio.get_running_loop().call_soon(self._serve, key, tenant)
        else:
            del self._lines[key]


async def read_connection(conn_id: str, hook: BaseHook) -> Connection:
    """
    Return an Airflow connection without blocking the event loop.

    :param conn_id: ID of the connection.
    :param hook: the hook that looks it up.
    :raises AirflowNotFoundException: there is no such connection.
    :raises SailPointError: Airflow did not respond in time.
    """
    from airflow.providers.common.compat.connection import get_async_connection

    from sailpoint_provider.version_compat import supervisor_cannot_be_awaited

    if not supervisor_cannot_be_awaited():
        return await get_async_connection(conn_id, hook=hook)
    try:
        async with asyncio.timeout(_BLOCKING_SECONDS):
            return await asyncio.to_thread(hook.get_connection, conn_id)
    except TimeoutError:
        raise SailPointError(
            f"Airflow did not return the connection {conn_id!r} within {_BLOCKING_SECONDS:g} s."
        ) from None


def connection_cache() -> ConnectionCache:
    """Return the cache of this event loop."""
    with _lock:
        return _caches.setdefault(asyncio.get_running_loop(), ConnectionCache())


_caches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, ConnectionCache] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
