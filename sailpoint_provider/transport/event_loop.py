"""Carries out calls with aiohttp, for event loops."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from tenacity import AsyncRetrying

from sailpoint_provider.isc import calls
from sailpoint_provider.isc.answers import Answer, read_answer
from sailpoint_provider.isc.errors import SailPointError, TenantUnavailableError
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.isc.steps import Pause, Steps, Together, Wish
from sailpoint_provider.transport.failures import unreachable
from sailpoint_provider.transport.network import proxy_for, tls_context
from sailpoint_provider.transport.polling import Poller
from sailpoint_provider.transport.requests_made import address_of, headers_of, silence_of
from sailpoint_provider.transport.retrying import retrying_options
from sailpoint_provider.transport.shared import is_refused_token, scrubbed, share_of, strike_out
from sailpoint_provider.transport.upload_payload import UploadPayload

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from types import TracebackType

    from sailpoint_provider.isc.calls import Call
    from sailpoint_provider.isc.policy import RequestBudget
    from sailpoint_provider.isc.tenant import Tenant
    from sailpoint_provider.isc.tokens import Token
    from sailpoint_provider.transport.multipart import MultipartBody

T = TypeVar("T")

_CONNECTIONS = 10


class event_loop_transport:
    """
    Lends the transport that all users of the tenant on this event loop share; the last one closes it.

    :param tenant: the tenant to call.
    """

    __slots__ = ("_tenant", "_transport")

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def __aenter__(self) -> EventLoopTransport:
        """Lend it."""
        loop = asyncio.get_running_loop()
        with _lock:
            transports = _transports.setdefault(loop, {})
            transport = transports.get(self._tenant)
            if transport is None:
                transport = transports[self._tenant] = EventLoopTransport(self._tenant)
            transport.users += 1
        self._transport = transport
        return transport

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it back."""
        transport = self._transport
        transport.users -= 1
        if transport.users == 0:
            _transports[asyncio.get_running_loop()].pop(self._tenant, None)
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
        self._proxies: dict[bool, str | None] = {}
        self._token_lock = asyncio.Lock()
        self._tls_lock = asyncio.Lock()

    @cached_property
    def poller(self) -> Poller:
        """What looks at the aggregations that are waited for here."""
        return Poller(self)

    @property
    def budget(self) -> RequestBudget:
        """The request budget that all calls keep to."""
        return self._share.budget

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
        """End all waits and close the connections."""
        if "poller" in self.__dict__:
            await self.poller.stop()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _fulfil(self, wish: Wish) -> Any:
        if isinstance(wish, Pause):
            await asyncio.sleep(wish.seconds)
            return None
        if isinstance(wish, Together):
            return await asyncio.gather(*(self._once(call) for call in wish.calls))
        return await self.send(wish)

    async def _once(self, call: Call[T]) -> T | SailPointError:
        try:
            return await self._attempt(call)
        except SailPointError as error:
            return error

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
        await self._wait_for_turn()
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

    async def _wait_for_turn(self) -> None:
        while (turn := self._share.line_up(self._policy)).seconds:
            await asyncio.sleep(turn.seconds)
            if self._share.still_holds(turn):
                return

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
                    proxy=self._proxy_for(call, url),
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

    def _proxy_for(self, call: Call[Any], url: str) -> str | None:
        """Return the proxy, asked for once: to read the environment takes as long as a request itself."""
        if call.is_token_request not in self._proxies:
            self._proxies[call.is_token_request] = proxy_for(self.tenant, url)
        return self._proxies[call.is_token_request]

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
    opening = asyncio.ensure_future(asyncio.to_thread(_body_of, call))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unused)
        raise


def _body_of(call: Call[Any]) -> MultipartBody:
    # Waits, of which there are far more than starts on an event loop, do without it.
    from sailpoint_provider.transport.multipart import MultipartBody

    return MultipartBody(call)


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
