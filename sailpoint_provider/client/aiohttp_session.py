"""Sessions for aiohttp that limit response headers and note how far an attempt is."""

from __future__ import annotations

import asyncio
import functools
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from sailpoint_provider.client.attempt import current_attempt
from sailpoint_provider.client.failures import MAX_HEADER_BYTES, HeadTooLongError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from sailpoint_provider.client.attempt import Attempt
    from sailpoint_provider.client.response_body import ResponseBody

_MAX_INTERIM_RESPONSES = 100


def bounded_session(tls: ssl.SSLContext, connections: int) -> aiohttp.ClientSession:
    """
    Return a session that limits the size of response headers and leaves bodies compressed.

    :param tls: verifies certificates and host names.
    :param connections: maximum number of simultaneous connections.
    """
    return aiohttp.ClientSession(
        connector=_Connector(ssl=tls, limit=connections),
        response_class=_BoundedResponse,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._factory: Any = functools.partial(_BoundedHandler, loop=self._loop)


class _BoundedHandler(ResponseHandler):
    """Measures the header of each response; aiohttp does not limit the number of interim responses."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.attempt: Attempt | None = None
        self.left_of_head: int | None = None

    def data_received(self, data: bytes) -> None:
        if self.attempt is not None:
            self.attempt.is_answering = True
        if self.left_of_head is not None:
            # Thousands of interim responses fit into one read, and each takes time to parse.
            if self.left_of_head <= 0 or data.count(b"\r\nHTTP/1.") > _MAX_INTERIM_RESPONSES:
                self.set_exception(HeadTooLongError())
                self.close()
                return
            # One read may hold the end of the header and much of the body, so the next read decides.
            self.left_of_head -= len(data)
        super().data_received(data)


class _BoundedResponse(aiohttp.ClientResponse):
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Read the header."""
        attempt, handler = current_attempt.get(), connection.protocol
        if attempt is None or not isinstance(handler, _BoundedHandler):
            return await super().start(connection)
        attempt.begin_sending()
        handler.attempt, handler.left_of_head = attempt, MAX_HEADER_BYTES
        try:
            return await super().start(connection)
        finally:
            handler.left_of_head = None


@asynccontextmanager
async def bounded(attempt: Attempt) -> AsyncIterator[None]:
    """Cancel the body of the ``async with`` when the attempt has no time left."""
    loop = asyncio.get_running_loop()
    with attempt.current():
        async with asyncio.timeout(attempt.left()) as scope:

            def changed() -> None:
                left = attempt.left()
                scope.reschedule(None if left == math.inf else loop.time() + left)

            attempt.changed = changed
            try:
                yield
            finally:
                attempt.changed = None


async def read_body(response: aiohttp.ClientResponse, body: ResponseBody) -> None:
    """
    Read a response; other tasks run between the steps of decompressing it.

    :raises ProtocolError: it is too large, or cannot be decompressed.
    """
    async for chunk in response.content.iter_any():
        flow = body.add(chunk)
        next(flow, None)
        for _ in flow:
            await asyncio.sleep(0)
        if body.is_full:
            response.close()
            return
