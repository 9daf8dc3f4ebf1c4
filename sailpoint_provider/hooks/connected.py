"""A hook's way to the event loop's transport."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from sailpoint_provider.client.async_client import AsyncClient
    from sailpoint_provider.hooks.sailpoint import SailPointHook


class Connected:
    """
    Lends the transport that all users of a hook's tenant on this event loop share.

    A triggerer holds thousands of these; contextlib's generators would take three times the memory.

    :param hook: names the tenant.
    """

    __slots__ = ("_hook", "_lent")

    def __init__(self, hook: SailPointHook) -> None:
        self._hook = hook

    async def __aenter__(self) -> AsyncClient:
        """Read the connection, and lend the transport."""
        tenant = await self._hook.atenant()
        self._lent: Any = (await async_client_module()).shared_async_client(tenant)
        transport: AsyncClient = await self._lent.__aenter__()
        return transport

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it back."""
        await self._lent.__aexit__(kind, error, trace)


_modules: list[Any] = []


async def async_client_module() -> Any:
    """
    Return the transport for event loops.

    The first import of aiohttp takes 100 ms, too long to block an event loop.
    """
    if not _modules:
        for name in ("isc.tenant.config", "isc.wait.watch", "polling.poller", "client.async_client"):
            module = await asyncio.to_thread(import_module, f"sailpoint_provider.{name}")
        _modules.append(module)
    return _modules[0]
