"""The client for workers, on requests."""

from __future__ import annotations

import http.client
import io
import math
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.utils import get_encoding_from_headers
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError

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
from sailpoint_provider.client.failures import HeadTooLongError, failure_of, out_of_time
from sailpoint_provider.client.multipart import MultipartBody
from sailpoint_provider.client.network import proxy_for
from sailpoint_provider.client.request_head import address_of, headers_of
from sailpoint_provider.client.requests_session import bounded_session
from sailpoint_provider.client.response_body import CHUNK_SIZE, ResponseBody
from sailpoint_provider.isc.api.raw import raw_request
from sailpoint_provider.isc.api.responses import read_response
from sailpoint_provider.isc.flow import Flow, Sleep
from sailpoint_provider.isc.policy import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Unpack

    from sailpoint_provider.client.call_flow import Observe
    from sailpoint_provider.isc.api.exchange import Request, Response
    from sailpoint_provider.isc.api.raw import RawOptions
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token

T = TypeVar("T")


class BlockingClient:
    """
    A client for one tenant; use it as a context manager, or close it.

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
        self._flow = CallFlow(tenant, policy or RetryPolicy(), observe)
        self._session: requests.Session | None = None

    def run(self, procedure: Flow[T], *, until: float | None = None) -> T:
        """
        Carry out a procedure of several calls.

        :param until: epoch seconds at which its calls and pauses end, None for no deadline; see :meth:`send`.
        :raises SailPointError: as the procedure says.
        """
        return self._carry_out(self._flow.run(procedure, until))

    def send(self, call: Request[T], *, until: float | None = None) -> T:
        """
        Carry out one call, with the retries that the policy allows.

        :param until: epoch seconds at which the call is given up, None for no deadline. A file whose upload
            has begun by then is sent to its end, and the response to it has a time limit of its own.
        :raises TenantUnavailableError: no response by then; ``sent`` is False if the call cannot have had an
            effect.
        :raises SailPointError: the call failed.
        """
        return self._carry_out(self._flow.send(call, until))

    def request(self, method: str, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """
        Send a request to any endpoint of the tenant; see :func:`~sailpoint_provider.isc.api.raw.raw_request`.

        :returns: a successful response (2xx), read to its end.
        :raises InvalidInputError: a value cannot be sent, such as an absolute URL.
        :raises SailPointError: ISC responded with an error status, or did not respond.
        """
        call = raw_request(method, path, **options)
        return _as_requests(self.tenant, call, self.send(call))

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _carry_out(self, steps: CallSteps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    outcome = self._perform(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)
        except StopIteration as end:
            result: T = end.value
            return result

    def _perform(self, step: Step) -> Any:
        match step:
            case Send(call, token, deadline):
                return self._exchange(call, token, deadline)
            case Parse(call, response):
                return read_response(call, response)
            case Parallel(flows):
                return [self._carry_out(flow) for flow in flows]
            case HoldTokenLock(flow, call, deadline):
                with self._token_lock(call, deadline):
                    return self._carry_out(flow)
            case Sleep(seconds):
                return time.sleep(seconds)

    @contextmanager
    def _token_lock(self, call: Request[Any], deadline: Deadline) -> Iterator[None]:
        lock, left = self._flow.state.token_lock, deadline.left()
        if not lock.acquire(timeout=-1 if left == math.inf else max(0.0, left)):
            raise deadline.passed(call, is_sent=False)
        try:
            yield
        finally:
            lock.release()

    def _exchange(self, call: Request[Any], token: Token | None, deadline: Deadline) -> Response:
        if not call.multipart:
            return self._request(call, token, call.form or call.content, headers_of(call, token), deadline)
        with closing(MultipartBody(call)) as body:
            headers = headers_of(call, token, body.content_type)
            response = self._request(call, token, body, headers, deadline)
            return replace(response, sent=body.sent())

    def _request(
        self, call: Request[Any], token: Token | None, body: Any, headers: dict[str, str], deadline: Deadline
    ) -> Response:
        deadline.check(call)
        url = address_of(self.tenant, call)
        proxy = proxy_for(self.tenant, url)
        attempt = Attempt(self.tenant, call, deadline)
        try:
            with self._session_for(call) as session, attempt.current():
                response = session.request(
                    call.method,
                    url,
                    params=call.query,
                    data=body,
                    headers=headers,
                    timeout=(self.tenant.timeout, attempt.idle_timeout),
                    allow_redirects=False,
                    stream=True,
                    proxies={"all": proxy} if proxy else None,
                )
                with response:
                    received = self._read_body(call, response, attempt)
        except (requests.RequestException, HTTPError, HeadTooLongError) as error:
            # urllib3 blames the proxy for a response that was lost behind it, too.
            never_sent = not attempt.is_sent and _never_sent(error)
            raise failure_of(self.tenant, call, attempt, error, never_sent=never_sent) from None
        return received.response(self.tenant, time.time())

    def _read_body(self, call: Request[Any], response: requests.Response, attempt: Attempt) -> ResponseBody:
        body = ResponseBody(call, response.status_code, response.headers)
        try:
            for piece in response.raw.stream(CHUNK_SIZE, decode_content=False):
                for _ in body.add(piece):
                    pass
                if body.is_full:
                    break
        except HTTPError:
            if not attempt.is_over:
                raise
            if not body.is_error:
                raise out_of_time(self.tenant, call, attempt, status=response.status_code) from None
        return body

    @contextmanager
    def _session_for(self, call: Request[Any]) -> Iterator[requests.Session]:
        """
        Lend the session; a call that is not safe to repeat gets a session of its own.

        The server may have closed a kept connection, and then it is unknown whether the request arrived. A
        fresh connection avoids that.
        """
        if call.safe_to_repeat:
            if self._session is None:
                self._session = bounded_session(self.tenant)
            yield self._session
            return
        with bounded_session(self.tenant) as session:
            yield session


def _as_requests(tenant: Tenant, call: Request[Response], answered: Response) -> requests.Response:
    """Return a response as requests would, so that users find the methods that they know."""
    response = requests.Response()
    response.status_code = answered.status
    response.reason = http.client.responses.get(answered.status, "")
    response.headers.update(answered.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = io.BytesIO(answered.body)
    response.request = requests.Request(call.method, address_of(tenant, call), params=call.query).prepare()
    response.url = response.request.url or ""
    _ = response.content  # reads the body, as requests does unless it is told to stream
    return response


def _never_sent(error: Exception) -> bool:
    """Return whether no connection was made, so that ISC cannot have seen the request."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)
