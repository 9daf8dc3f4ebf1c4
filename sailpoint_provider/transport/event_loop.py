"""Carries out calls with aiohttp, for event loops."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from tenacity import AsyncRetrying

from sailpoint_provider.isc import calls
from sailpoint_provider.isc.answers import Answer, read_answer
from sailpoint_provider.isc.errors import SailPointError, TenantUnavailableError
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.isc.steps import Pause, Steps
from sailpoint_provider.transport.failures import unreachable
from sailpoint_provider.transport.multipart import MultipartBody
from sailpoint_provider.transport.network import proxy_for, tls_context
from sailpoint_provider.transport.requests_made import address_of, headers_of, silence_of
from sailpoint_provider.transport.retrying import retrying_options
from sailpoint_provider.transport.shared import is_refused_token, scrubbed, share_of, strike_out
from sailpoint_provider.transport.upload_payload import UploadPayload

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from sailpoint_provider.isc.calls import Call
    from sailpoint_provider.isc.tenant import Tenant
    from sailpoint_provider.isc.tokens import Token

T = TypeVar("T")

_CONNECTIONS = 10


@asynccontextmanager
async def event_loop_transport(tenant: Tenant) -> AsyncIterator[EventLoopTransport]:
    """Lend the transport that all users of the tenant on this event loop share; the last one closes it."""
    loop = asyncio.get_running_loop()
    with _lock:
        transports = _transports.setdefault(loop, {})
        transport = transports.setdefault(tenant, EventLoopTransport(tenant))
        transport.users += 1
    try:
        yield transport
    finally:
        transport.users -= 1
        if transport.users == 0:
            transports.pop(tenant, None)
            await transport.close()


class EventLoopTransport:
    """
    Carries out calls to one tenant on one event loop; get it from :func:`event_loop_transport`.

    :param tenant: the tenant to call.
    :param policy: what is sent again, and when.
    """

    def __init__(self, tenant: Tenant, policy: RetryPolicy | None = None) -> None:
        self.tenant = tenant
        self.users = 0
        self._policy = policy or RetryPolicy()
        self._share = share_of(tenant)
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._token_lock = asyncio.Lock()
        self._tls_lock = asyncio.Lock()

    async def run(self, steps: Steps[T]) -> T:
        """
        Carry out a procedure.

        :raises SailPointError: as the procedure says.
        """
        try:
            wish = next(steps)
            while True:
                try:
                    value = await self._fulfil(wish)
                except SailPointError as error:
                    wish = steps.throw(error)
                else:
                    wish = steps.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    async def send(self, call: Call[T]) -> T:
        """
        Carry out one call, with the retries that the policy allows.

        :raises SailPointError: the call failed for good.
        """
        retrying = AsyncRetrying(**retrying_options(call, self._policy))
        try:
            return await retrying(self._attempt, call)
        except SailPointError as error:
            error.exhausted = True
            raise

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _fulfil(self, wish: Call[Any] | Pause) -> Any:
        if isinstance(wish, Pause):
            await asyncio.sleep(wish.seconds)
            return None
        return await self.send(wish)

    async def _attempt(self, call: Call[T]) -> T:
        token = None if call.is_token_request else await self._token()
        answer = await self._exchange(call, token)
        if token is not None and is_refused_token(answer, token):
            self._share.drop(token)
            token = await self._token()
            answer = await self._exchange(call, token)
        try:
            return read_answer(call, answer)
        except SailPointError as error:
            strike_out(error, self.tenant, token)
            self._share.heed(error)
            raise

    async def _token(self) -> Token:
        token = self._share.token()
        if token is None:
            async with self._token_lock:
                token = self._share.token()
                if token is None:
                    asked = time.monotonic()
                    token = await self._new_token()
                    self._share.keep(token, asked)
        return token

    async def _new_token(self) -> Token:
        try:
            return await self.send(calls.token(self.tenant))
        except TenantUnavailableError as error:
            # Without a token the call itself was never sent.
            error.sent = False
            raise

    async def _exchange(self, call: Call[Any], token: Token | None) -> Answer:
        await asyncio.sleep(self._share.wait_for_turn(self._policy))
        if not call.multipart:
            form = aiohttp.FormData(list(call.form)) if call.form else None
            return await self._request(call, token, form, headers_of(token))
        body = await _opened(call)
        try:
            headers = headers_of(token, body.content_type)
            payload = UploadPayload(body, self.tenant.upload_timeout)
            answer = await self._request(call, token, payload, headers)
            return Answer(answer.status, answer.headers, answer.body, answer.received, body.sent())
        finally:
            await asyncio.to_thread(body.__exit__, None, None, None)

    async def _request(
        self, call: Call[Any], token: Token | None, body: Any, headers: dict[str, str]
    ) -> Answer:
        url = address_of(self.tenant, call)
        silence = aiohttp.ClientTimeout(
            total=None, sock_connect=self.tenant.timeout, sock_read=silence_of(self.tenant, call)
        )
        async with self._session_for(call) as session:
            try:
                async with session.request(
                    call.method,
                    url,
                    params=call.query,
                    data=body,
                    headers=headers,
                    timeout=silence,
                    allow_redirects=False,
                    proxy=proxy_for(self.tenant, url),
                ) as response:
                    content = await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                if isinstance(error.__cause__, SailPointError):
                    raise error.__cause__ from None
                raise unreachable(self.tenant, call, error, never_sent=_never_sent(error)) from None
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=scrubbed(content, self.tenant, token),
            received=time.time(),
        )

    @asynccontextmanager
    async def _session_for(self, call: Call[Any]) -> AsyncIterator[aiohttp.ClientSession]:
        """Lend the session; a start gets a fresh connection, as in the blocking transport."""
        if self._tls is None:
            async with self._tls_lock:
                if self._tls is None:
                    self._tls = await asyncio.to_thread(tls_context, self.tenant)
        if call.safe_to_repeat:
            if self._session is None:
                self._session = self._new_session(self._tls)
            yield self._session
            return
        async with self._new_session(self._tls) as session:
            yield session

    def _new_session(self, tls: ssl.SSLContext) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )


async def _opened(call: Call[Any]) -> MultipartBody:
    """Open a start's body in a thread; a cancellation meanwhile does not leave its file open."""
    opening = asyncio.ensure_future(asyncio.to_thread(MultipartBody, call))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unused)
        raise


def _close_unused(opening: asyncio.Future[MultipartBody]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().__exit__(None, None, None)


def _never_sent(error: BaseException) -> bool:
    """Tell whether no connection was made, so that ISC cannot have seen the request."""
    return isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError
    )


_transports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Tenant, EventLoopTransport]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()
