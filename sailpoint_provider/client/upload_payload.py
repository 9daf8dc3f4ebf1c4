"""Lets aiohttp send an upload without holding it, and for as long as the other side takes something of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import Payload

from sailpoint_provider.client.failures import NothingTakenError

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from sailpoint_provider.client.attempt import Attempt
    from sailpoint_provider.client.multipart import MultipartBody
    from sailpoint_provider.isc.api.exchange import Request

_PIECE = 64 * 1024


class UploadPayload(Payload):
    """
    The body of one attempt, for aiohttp, which has a time-out for reading but none for writing.

    :param body: the body.
    :param silence: seconds for which the other side may take nothing.
    :param attempt: is told when all is sent.
    """

    def __init__(self, body: MultipartBody, silence: float, attempt: Attempt) -> None:
        super().__init__(body, content_type=body.content_type)
        self._size = body.len
        self._body = body
        self._silence = silence
        self._attempt = attempt

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Refuse: the body is never held as text."""
        raise TypeError("An upload is streamed.")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the body; the file is read in threads."""
        transport: Any = getattr(writer, "transport", None)
        if transport is not None:
            # With more in its buffer than this, nothing would tell a slow other side from a silent one.
            transport.set_write_buffer_limits(high=_PIECE)
        blocks = iter(self._body)
        while block := await asyncio.to_thread(next, blocks, b""):
            for start in range(0, len(block), _PIECE):
                await self._send(writer, block[start : start + _PIECE])
        self._attempt.end_sending()

    async def _send(self, writer: AbstractStreamWriter, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._silence):
                await writer.write(piece)
                await writer.drain()
        except TimeoutError:
            raise NothingTakenError(self._silence) from None


async def opened_body(call: Request[Any]) -> MultipartBody:
    """Open a start's body in a thread; a cancellation meanwhile does not leave its file open."""
    opening = asyncio.ensure_future(asyncio.to_thread(_body_of, call))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unused)
        raise


def _body_of(call: Request[Any]) -> MultipartBody:
    # Waits, of which there are far more than starts on an event loop, do without it.
    from sailpoint_provider.client.multipart import MultipartBody

    return MultipartBody(call)


def _close_unused(opening: asyncio.Future[MultipartBody]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().__exit__(None, None, None)
