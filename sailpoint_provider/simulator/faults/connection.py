"""The connection of an ASGI request: send, hold, drain, close and reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from sailpoint_provider.simulator.api.answers import Answer
    from sailpoint_provider.simulator.model.clock import TenantClock

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


async def send_answer(send: Send, answer: Answer, clock: TenantClock, skew_seconds: float = 0.0) -> None:
    """Send a whole answer.

    :param skew_seconds: seconds added to its ``Date`` header.
    """
    await send(answer_head(answer, clock, skew_seconds))
    await send({"type": "http.response.body", "body": answer.body})


def answer_head(answer: Answer, clock: TenantClock, skew_seconds: float = 0.0) -> Message:
    """Return the ASGI message that starts an answer, with its ``Date`` and its full length."""
    headers = [
        (b"date", clock.http_date(skew_seconds)),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    if answer.content_type:
        headers.append((b"content-type", answer.content_type.encode()))
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


def _transport(receive: Receive) -> asyncio.Transport:
    """Return the socket transport of the request.

    ASGI cannot break a connection. This reaches through uvicorn instead: ``receive`` is a method of its
    request cycle, which holds the transport.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if not isinstance(transport, asyncio.BaseTransport):
        raise RuntimeError("connection faults need uvicorn with http='h11' and no middleware in front")
    # A socket's transport can also be written to; its base class does not declare that.
    return transport  # type: ignore[return-value]


async def reset(receive: Receive) -> None:
    """Break the connection with a TCP reset."""
    transport = _transport(receive)
    endpoint = transport.get_extra_info("socket")
    if endpoint is not None:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _closed(receive)


async def disconnect(receive: Receive) -> None:
    """Close the connection cleanly, after everything written so far."""
    _transport(receive).close()
    await _closed(receive)


async def _closed(receive: Receive) -> None:
    """Read and discard until the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def hold(receive: Receive, seconds: float) -> bool:
    """Wait this long without sending; return True if the client disconnects."""
    try:
        async with asyncio.timeout(seconds):
            await _closed(receive)
            return True
    except TimeoutError:
        return False


async def drain(receive: Receive) -> bool:
    """Read the request's body to its end; return True if the client disconnects."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return True
        if not message.get("more_body", False):
            return False
