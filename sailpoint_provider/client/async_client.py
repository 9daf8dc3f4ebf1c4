"""The client for event loops, on aiohttp."""

from __future__ import annotations

import asyncio
import io
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp

from sailpoint_provider.client.aiohttp_session import bounded, bounded_session, read_body
from sailpoint_provider.client.attempt import Attempt, Deadline
from sailpoint_provider.client.call_flow import (
    CallFlow,
    CallSteps,
    HoldTokenLock,
    Parallel,
    Parse,
    Send,
    Step,
)
from sailpoint_provider.client.failures import HeadTooLongError, failure_of
from sailpoint_provider.client.network import proxy_for, shared_tls_context
from sailpoint_provider.client.request_head import address_of, headers_of
from sailpoint_provider.client.response_body import ResponseBody
from sailpoint_provider.client.upload_payload import UploadPayload, opened_body
from sailpoint_provider.isc.api.exchange import BIG
from sailpoint_provider.isc.api.raw import raw_request
from sailpoint_provider.isc.api.responses import read_response
from sailpoint_provider.isc.flow import Flow, Sleep
from sailpoint_provider.isc.policy import RetryPolicy

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable
    from typing import Unpack

    from sailpoint_provider.client.call_flow import Observe
    from sailpoint_provider.client.request_budget import RequestBudget
    from sailpoint_provider.isc.api.exchange import Request, Response
    from sailpoint_provider.isc.api.raw import RawOptions
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token


T = TypeVar("T")

_CONNECTIONS = 10


class AsyncClient:
    """
    A client for one tenant on one event loop.

    Get it from :class:`~sailpoint_provider.client.shared_client.shared_async_client`, which counts its users.

    :param tenant: the tenant to call.
    :param policy: which failed calls are repeated, and when.
    :param observe: is called with each request, for metrics; None for nothing.
    """

    def __init__(
        self,
        tenant: Tenant,
        policy: RetryPolicy | None = None,
        observe: Observe | None = None,
    ) -> None:
        self.tenant = tenant
        self.users = 0
        self._flow = CallFlow(tenant, policy or RetryPolicy(), observe)
        self._companions: dict[Any, Any] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._proxies: dict[bool, str | None] = {}
        self._token_lock = asyncio.Lock()
        self._tls_lock = asyncio.Lock()

    @property
    def budget(self) -> RequestBudget:
        """The request budget that all calls share."""
        return self._flow.state.budget

    def companion(self, kind: Callable[[AsyncClient], T]) -> T:
        """
        Return the one object of that kind that lives as long as this client.

        It is made on first use, and :meth:`close` stops it with its method ``stop``.

        :param kind: makes it for the client.
        """
        if kind not in self._companions:
            self._companions[kind] = kind(self)
        companion: T = self._companions[kind]
        return companion

    async def run(self, procedure: Flow[T], *, until: float | None = None) -> T:
        """
        Carry out a procedure of several calls.

        See :meth:`~sailpoint_provider.client.blocking.BlockingClient.run`.
        """
        return await self._carry_out(self._flow.run(procedure, until))

    async def send(self, call: Request[T], *, until: float | None = None) -> T:
        """
        Carry out one call, with the retries that the policy allows.

        See :meth:`~sailpoint_provider.client.blocking.BlockingClient.send`.
        """
        return await self._carry_out(self._flow.send(call, until))

    async def request(self, method: str, path: str, **options: Unpack[RawOptions]) -> Response:
        """
        Send a request to any endpoint of the tenant.

        See :meth:`~sailpoint_provider.client.blocking.BlockingClient.request`.

        :returns: status, headers and body of a successful response (2xx).
        """
        return await self.send(raw_request(method, path, **options))

    async def close(self) -> None:
        """Stop the companions and close the connections."""
        while self._companions:
            await self._companions.popitem()[1].stop()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _carry_out(self, steps: CallSteps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    outcome = await self._perform(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _perform(self, step: Step) -> Any:
        match step:
            case Send(call, token, deadline):
                return await self._exchange(call, token, deadline)
            case Parse(call, response):
                if len(response.body) > BIG:
                    return await asyncio.to_thread(read_response, call, response)
                return read_response(call, response)
            case Parallel(flows):
                return await asyncio.gather(*(self._carry_out(flow) for flow in flows))
            case HoldTokenLock(flow, call, deadline):
                async with self._held_token_lock(call, deadline):
                    return await self._carry_out(flow)
            case Sleep(seconds):
                return await asyncio.sleep(seconds)

    @asynccontextmanager
    async def _held_token_lock(self, call: Request[Any], deadline: Deadline) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(None if deadline.until is None else deadline.left()):
                await self._token_lock.acquire()
        except TimeoutError:
            raise deadline.passed(call, is_sent=False) from None
        try:
            yield
        finally:
            self._token_lock.release()

    async def _exchange(self, call: Request[Any], token: Token | None, deadline: Deadline) -> Response:
        if not call.multipart:
            attempt = Attempt(self.tenant, call, deadline)
            return await self._request(call, token, _plain_body(call), headers_of(call, token), attempt)
        body = await opened_body(call)
        try:
            deadline.check(call)
            headers = headers_of(call, token, body.content_type)
            attempt = Attempt(self.tenant, call, deadline)
            payload = UploadPayload(body, self.tenant.upload_timeout, attempt)
            response = await self._request(call, token, payload, headers, attempt)
            return replace(response, sent=body.sent())
        finally:
            await asyncio.to_thread(body.close)

    async def _request(
        self, call: Request[Any], token: Token | None, body: Any, headers: dict[str, str], attempt: Attempt
    ) -> Response:
        url = address_of(self.tenant, call)
        idle_timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self.tenant.timeout, sock_read=attempt.idle_timeout
        )
        received: ResponseBody | None = None
        proxy = await self._proxy_for(call, url)
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
                        # ISC answers 500 to a media type without a body, as aiohttp would send with a POST.
                        skip_auto_headers=("Content-Type",) if body is None else None,
                        timeout=idle_timeout,
                        allow_redirects=False,
                        proxy=proxy,
                    ) as response,
                ):
                    attempt.end_sending()
                    received = ResponseBody(call, response.status, response.headers)
                    await read_body(response, received)
            except (aiohttp.ClientError, TimeoutError, HeadTooLongError) as error:
                if received is None or not (received.is_error and attempt.is_over):
                    never_sent, status = _never_sent(error), None if received is None else received.status
                    raise failure_of(
                        self.tenant, call, attempt, error, never_sent=never_sent, status=status
                    ) from None
        return received.response(self.tenant, time.time())

    async def _proxy_for(self, call: Request[Any], url: str) -> str | None:
        """
        Return the proxy, looked up once: reading the environment takes as long as a request.

        It is looked up in a thread, because the first look-up may import requests.
        """
        if call.is_token_request not in self._proxies:
            self._proxies[call.is_token_request] = await asyncio.to_thread(proxy_for, self.tenant, url)
        return self._proxies[call.is_token_request]

    @asynccontextmanager
    async def _session_for(self, call: Request[Any]) -> AsyncIterator[aiohttp.ClientSession]:
        """Lend the session; an unsafe call gets a fresh connection, as in the blocking client."""
        if self._tls is None:
            async with self._tls_lock:
                if self._tls is None:
                    self._tls = await asyncio.to_thread(shared_tls_context, self.tenant)
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
    """Return whether no connection was made, so that ISC cannot have seen the request."""
    return isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError
    )
