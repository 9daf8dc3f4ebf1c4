"""Lets aiohttp send an upload without holding it, and for as long as the other side takes something of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import Payload

from sailpoint_provider.transport.failures import NothingTakenError

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from sailpoint_provider.transport.multipart import MultipartBody

_PIECE = 64 * 1024


class UploadPayload(Payload):
    """
    The body of one attempt, for aiohttp, which has a time-out for reading but none for writing.

    :param body: the body.
    :param silence: seconds for which the other side may take nothing.
    """

    def __init__(self, body: MultipartBody, silence: float) -> None:
        super().__init__(body, content_type=body.content_type)
        self._size = body.len
        self._body = body
        self._silence = silence

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

    async def _send(self, writer: AbstractStreamWriter, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._silence):
                await writer.write(piece)
                await writer.drain()
        except TimeoutError:
            raise NothingTakenError(self._silence) from None
