"""Lets aiohttp stream an upload, for as long as the peer keeps accepting data."""

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

_CHUNK_SIZE = 64 * 1024


class UploadPayload(Payload):
    """
    The body of one attempt, for aiohttp, which has a timeout for reading but none for writing.

    :param body: the body.
    :param idle_timeout: seconds for which the peer may accept nothing.
    :param attempt: is notified when all is sent.
    """

    def __init__(self, body: MultipartBody, idle_timeout: float, attempt: Attempt) -> None:
        super().__init__(body, content_type=body.content_type)
        self._size = body.len
        self._body = body
        self._idle_timeout = idle_timeout
        self._attempt = attempt

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Refuse: the body is never held as text."""
        raise TypeError("An upload is streamed and cannot be decoded.")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the body; the file is read in threads."""
        transport: Any = getattr(writer, "transport", None)
        if transport is not None:
            # With a larger buffer, a slow peer could not be told from one that has stopped reading.
            transport.set_write_buffer_limits(high=_CHUNK_SIZE)
        blocks = iter(self._body)
        while block := await asyncio.to_thread(next, blocks, b""):
            for start in range(0, len(block), _CHUNK_SIZE):
                await self._send(writer, block[start : start + _CHUNK_SIZE])
        self._attempt.end_sending()

    async def _send(self, writer: AbstractStreamWriter, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._idle_timeout):
                await writer.write(piece)
                await writer.drain()
        except TimeoutError:
            raise NothingTakenError(self._idle_timeout) from None


async def opened_body(call: Request[Any]) -> MultipartBody:
    """Open the body of a start in a thread; a cancellation in the meantime does not leave its file open."""
    opening = asyncio.ensure_future(asyncio.to_thread(_body_of, call))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unused)
        raise


def _body_of(call: Request[Any]) -> MultipartBody:
    # Most users of an event loop only wait and never upload: they do not pay for this import.
    from sailpoint_provider.client.multipart import MultipartBody

    return MultipartBody(call)


def _close_unused(opening: asyncio.Future[MultipartBody]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
