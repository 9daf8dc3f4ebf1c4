"""The connection behind an ASGI request: sending, holding, closing and resetting it."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


def transport_behind(receive: Receive) -> asyncio.Transport:
    """Return the socket transport of the request.

    ASGI has no word for breaking a connection, and a client's behaviour on a broken one is what the scripted
    faults are for. So this reaches through uvicorn: ``receive`` is a method of its request cycle, which holds
    the transport.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if not isinstance(transport, asyncio.BaseTransport):
        raise RuntimeError("connection faults need uvicorn with http='h11' and no middleware in front")
    # A socket's transport can write too, which its base class does not say.
    return transport  # type: ignore[return-value]


async def reset(receive: Receive) -> None:
    """Break the connection with a TCP reset."""
    transport = transport_behind(receive)
    endpoint = transport.get_extra_info("socket")
    if endpoint is not None:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await gone(receive)


async def disconnect(receive: Receive) -> None:
    """Close the connection in order, after what was already written."""
    transport_behind(receive).close()
    await gone(receive)


async def gone(receive: Receive) -> None:
    """Read on until the connection is gone, throwing away what comes."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def hold(receive: Receive, seconds: float) -> bool:
    """Say nothing for so long; return True if the client left meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            await gone(receive)
            return True
    except TimeoutError:
        return False


async def drain(receive: Receive) -> bool:
    """Read the request's body to its end; return True if the client left meanwhile."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return True
        if not message.get("more_body", False):
            return False
