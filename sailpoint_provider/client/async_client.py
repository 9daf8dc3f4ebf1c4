"""Carries out calls with aiohttp, for event loops."""

from __future__ import annotations

import asyncio
import io
import threading
import time
import weakref
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from tenacity import AsyncRetrying

from sailpoint_provider.client.attempt import Attempt, Deadline
from sailpoint_provider.client.bounded_client import bounded, bounded_session, read_body
from sailpoint_provider.client.failures import HeadTooLongError, failure_of, host_of
from sailpoint_provider.client.network import proxy_for, tls_context
from sailpoint_provider.client.requests_made import address_of, headers_of
from sailpoint_provider.client.response_body import AnswerBody
from sailpoint_provider.client.retrying import retrying_options
from sailpoint_provider.client.shared import is_refused_token, redact, redacted, share_of
from sailpoint_provider.client.upload_payload import UploadPayload, opened_body
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.raw import raw_request
from sailpoint_provider.isc.api.responses import BIG, Response, read_response
from sailpoint_provider.isc.flow import Effect, Flow, Gather, Sleep
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.polling.poller import Poller

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.api.raw import Params
    from sailpoint_provider.isc.policy import RequestBudget
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token

T = TypeVar("T")

_CONNECTIONS = 10


class shared_async_client:
    """
    Lends the transport that all users of the tenant on this event loop share; the last one closes it.

    :param tenant: the tenant to call.
    """

    __slots__ = ("_tenant", "_transport")

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def __aenter__(self) -> AsyncClient:
        """Lend it."""
        loop = asyncio.get_running_loop()
        with _lock:
            transports = _transports.setdefault(loop, {})
            transport = transports.get(self._tenant)
            if transport is None:
                transport = transports[self._tenant] = AsyncClient(self._tenant)
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


class AsyncClient:
    """
    Carries out calls to one tenant on one event loop; get it from :func:`shared_async_client`.

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

    async def run(self, flow: Flow[T], *, until: float | None = None) -> T:
        """
        Carry out a procedure.

        :param until: epoch seconds at which its calls and pauses end, None for no end; see :meth:`send`.
        :raises SailPointError: as the procedure says.
        """
        try:
            effect = next(flow)
            while True:
                try:
                    value = await self._fulfil(effect, until)
                except SailPointError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    async def send(self, call: Request[T], *, until: float | None = None) -> T:
        """
        Carry out one call, with the retries that the policy allows.

        :param until: epoch seconds at which it is given up, None for no end. A file that is under way by
            then is sent to its end, and its answer has its own time limit.
        :raises TenantUnavailableError: ISC had not answered by then; ``sent`` is False where it cannot have
            acted.
        :raises SailPointError: the call failed for good.
        """
        deadline = Deadline(until)
        retrying = AsyncRetrying(**retrying_options(call, self._policy, deadline))
        try:
            return await retrying(self._attempt, call, deadline)
        except SailPointError as error:
            error.exhausted = True
            raise

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: str | bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the name of the blocking counterpart
        until: float | None = None,
    ) -> Response:
        """
        Send a request to any endpoint of the tenant; see :func:`~sailpoint_provider.isc.api.raw.raw_request`.

        :param until: epoch seconds at which it is given up, None for no deadline.
        :returns: status, headers and body of a successful response (2xx).
        :raises InvalidInputError: a value cannot be sent, such as an absolute URL.
        :raises SailPointError: ISC responded with an error status, or did not respond.
        """
        call = raw_request(
            method, path, params=params, json=json, data=data, headers=headers, timeout=timeout
        )
        return await self.send(call, until=until)

    async def close(self) -> None:
        """End all waits and close the connections."""
        if "poller" in self.__dict__:
            await self.poller.stop()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _fulfil(self, effect: Effect, until: float | None) -> Any:
        if isinstance(effect, Sleep):
            await asyncio.sleep(Deadline(until).bounded(effect.seconds))
            return None
        if isinstance(effect, Gather):
            return await asyncio.gather(*(self._once(call, until) for call in effect.calls))
        return await self.send(effect, until=until)

    async def _once(self, call: Request[T], until: float | None) -> T | SailPointError:
        try:
            return await self._attempt(call, Deadline(until))
        except SailPointError as error:
            return error

    async def _attempt(self, call: Request[T], deadline: Deadline) -> T:
        deadline.check(call)
        token = None if call.is_token_request else await self._token(call, deadline)
        answer = await self._exchange(call, token, deadline)
        if token is not None and is_refused_token(answer, token):
            self._share.drop(token)
            token = await self._token(call, deadline)
            answer = await self._exchange(call, token, deadline)
        try:
            if len(answer.body) > BIG:
                return await asyncio.to_thread(read_response, call, answer)
            return read_response(call, answer)
        except SailPointError as error:
            redact(error, self.tenant, token)
            self._share.on_throttled(error)
            raise

    async def _token(self, call: Request[Any], deadline: Deadline) -> Token:
        token = self._share.token()
        if token is None:
            async with self._token_turn(call, deadline):
                token = self._share.token()
                if token is None:
                    asked = time.monotonic()
                    token = await self._new_token(deadline)
                    self._share.keep(token, asked)
        return token

    @asynccontextmanager
    async def _token_turn(self, call: Request[Any], deadline: Deadline) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(None if deadline.until is None else deadline.left()):
                await self._token_lock.acquire()
        except TimeoutError:
            raise deadline.passed(call, is_sent=False) from None
        try:
            yield
        finally:
            self._token_lock.release()

    async def _new_token(self, deadline: Deadline) -> Token:
        try:
            return await self.send(endpoints.token(self.tenant), until=deadline.until)
        except SailPointError as error:
            # Without a token the call itself was never sent.
            error.sent = False
            raise

    async def _exchange(self, call: Request[Any], token: Token | None, deadline: Deadline) -> Response:
        await self._wait_for_turn(call, deadline)
        if not call.multipart:
            attempt = Attempt(self.tenant, call, deadline)
            return await self._request(call, token, _plain_body(call), headers_of(call, token), attempt)
        body = await opened_body(call)
        try:
            deadline.check(call)
            headers = headers_of(call, token, body.content_type)
            attempt = Attempt(self.tenant, call, deadline)
            payload = UploadPayload(body, self.tenant.upload_timeout, attempt)
            answer = await self._request(call, token, payload, headers, attempt)
            return replace(answer, sent=body.sent())
        finally:
            await asyncio.to_thread(body.__exit__, None, None, None)

    async def _wait_for_turn(self, call: Request[Any], deadline: Deadline) -> None:
        while (turn := self._share.line_up(self._policy)).seconds:
            await asyncio.sleep(deadline.bounded(turn.seconds))
            deadline.check(call)
            if self._share.still_holds(turn):
                return

    async def _request(
        self, call: Request[Any], token: Token | None, body: Any, headers: dict[str, str], attempt: Attempt
    ) -> Response:
        url = address_of(self.tenant, call)
        silence = aiohttp.ClientTimeout(
            total=None, sock_connect=self.tenant.timeout, sock_read=attempt.silence
        )
        received: AnswerBody | None = None
        async with self._session_for(call) as session:
            try:
                async with (
                    bounded(attempt),
                    session.request(
                        call.method,
                        url,
                        params=call.query,
                        data=body,
                        headers=headers,
                        timeout=silence,
                        allow_redirects=False,
                        proxy=self._proxy_for(call, url),
                    ) as response,
                ):
                    attempt.end_sending()
                    fields = {name.lower(): value for name, value in response.headers.items()}
                    received = AnswerBody(call, response.status, fields)
                    await read_body(response, received)
            except (aiohttp.ClientError, TimeoutError, HeadTooLongError) as error:
                if received is None or not (received.is_error and attempt.is_over):
                    never_sent, status = _never_sent(error), None if received is None else received.status
                    failure = failure_of(
                        self.tenant, call, attempt, error, never_sent=never_sent, status=status
                    )
                    redact(failure, self.tenant, token)
                    raise failure from None
        return Response(
            status=received.status,
            headers=fields,
            body=redacted(received.content(), self.tenant, token),
            received=time.time(),
            host=host_of(self.tenant, call),
        )

    def _proxy_for(self, call: Request[Any], url: str) -> str | None:
        """Return the proxy, asked for once: to read the environment takes as long as a request itself."""
        if call.is_token_request not in self._proxies:
            self._proxies[call.is_token_request] = proxy_for(self.tenant, url)
        return self._proxies[call.is_token_request]

    @asynccontextmanager
    async def _session_for(self, call: Request[Any]) -> AsyncIterator[aiohttp.ClientSession]:
        """Lend the session; a start gets a fresh connection, as in the blocking transport."""
        if self._tls is None:
            async with self._tls_lock:
                if self._tls is None:
                    self._tls = await asyncio.to_thread(tls_context, self.tenant)
        if call.safe_to_repeat:
            if self._session is None:
                self._session = bounded_session(self._tls, _CONNECTIONS)
            yield self._session
            return
        async with bounded_session(self._tls, _CONNECTIONS) as session:
            yield session


def _plain_body(call: Request[Any]) -> aiohttp.FormData | io.BytesIO | None:
    """Return a body without a file."""
    if call.form:
        return aiohttp.FormData(list(call.form))
    # aiohttp sends a stream piece by piece, but bytes in one step, however many there are.
    return None if call.content is None else io.BytesIO(call.content)


def _never_sent(error: BaseException) -> bool:
    """Tell whether no connection was made, so that ISC cannot have seen the request."""
    return isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError
    )


_transports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Tenant, AsyncClient]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()
