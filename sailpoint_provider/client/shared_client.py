"""One client per tenant and event loop, however many waits need it."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import TYPE_CHECKING

from sailpoint_provider.client.async_client import AsyncClient

if TYPE_CHECKING:
    from types import TracebackType

    from sailpoint_provider.client.call_flow import Observe
    from sailpoint_provider.isc.tenant.config import Tenant


class shared_async_client:
    """
    Lends the client that all users of a tenant on this event loop share; the last one closes it.

    :param tenant: the tenant to call.
    :param observe: is called with each request, for metrics; None for nothing. That of the first user counts.
    """

    __slots__ = ("_client", "_observe", "_tenant")

    def __init__(self, tenant: Tenant, observe: Observe | None = None) -> None:
        self._tenant = tenant
        self._observe = observe

    async def __aenter__(self) -> AsyncClient:
        loop = asyncio.get_running_loop()
        with _lock:
            clients = _clients.setdefault(loop, {})
            client = clients.get(self._tenant)
            if client is None:
                client = clients[self._tenant] = AsyncClient(self._tenant, observe=self._observe)
            client.users += 1
        self._client = client
        return client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client if nobody else uses it."""
        client = self._client
        client.users -= 1
        if client.users == 0:
            _clients[asyncio.get_running_loop()].pop(self._tenant, None)
            await client.close()


_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Tenant, AsyncClient]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()
