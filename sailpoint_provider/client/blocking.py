"""Carries out calls with requests, for workers."""

from __future__ import annotations

import http.client
import io
import math
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.utils import get_encoding_from_headers
from tenacity import Retrying
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError

from sailpoint_provider.client.attempt import Attempt, Deadline
from sailpoint_provider.client.bounded_adapter import bounded_session
from sailpoint_provider.client.failures import HeadTooLongError, failure_of, host_of, out_of_time
from sailpoint_provider.client.multipart import MultipartBody
from sailpoint_provider.client.network import proxy_for
from sailpoint_provider.client.requests_made import address_of, headers_of
from sailpoint_provider.client.response_body import PIECE, AnswerBody
from sailpoint_provider.client.retrying import retrying_options
from sailpoint_provider.client.shared import is_refused_token, redact, redacted, share_of, token_in_memory
from sailpoint_provider.client.tls import shared_tls_context
from sailpoint_provider.client.upload_adapter import UploadAdapter
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.raw import raw_request
from sailpoint_provider.isc.api.responses import Response, read_response
from sailpoint_provider.isc.flow import Effect, Flow, Gather, Sleep
from sailpoint_provider.isc.policy import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.api.raw import Params
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token

T = TypeVar("T")


class BlockingClient:
    """
    Carries out calls to one tenant; use it as a context manager, or close it.

    :param tenant: the tenant to call.
    :param policy: what is sent again, and when.
    """

    def __init__(self, tenant: Tenant, policy: RetryPolicy | None = None) -> None:
        self.tenant = tenant
        self._policy = policy or RetryPolicy()
        self._share = share_of(tenant)
        self._session: requests.Session | None = None

    def run(self, flow: Flow[T], *, until: float | None = None) -> T:
        """
        Carry out a procedure.

        :param until: epoch seconds at which its calls and pauses end, None for no end; see :meth:`send`.
        :raises SailPointError: as the procedure says.
        """
        try:
            effect = next(flow)
            while True:
                try:
                    value = self._fulfil(effect, until)
                except SailPointError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    def send(self, call: Request[T], *, until: float | None = None) -> T:
        """
        Carry out one call, with the retries that the policy allows.

        :param until: epoch seconds at which it is given up, None for no end. A file that is under way by
            then is sent to its end, and its answer has its own time limit.
        :raises TenantUnavailableError: ISC had not answered by then; ``sent`` is False where it cannot have
            acted.
        :raises SailPointError: the call failed for good.
        """
        deadline = Deadline(until)
        retrying = Retrying(**retrying_options(call, self._policy, deadline))
        try:
            value: T = retrying(self._attempt, call, deadline)
            return value
        except SailPointError as error:
            error.exhausted = True
            raise

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: str | bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        until: float | None = None,
    ) -> requests.Response:
        """
        Send a request to any endpoint of the tenant; see :func:`~sailpoint_provider.isc.api.raw.raw_request`.

        :param until: epoch seconds at which it is given up, None for no deadline.
        :returns: a successful response (2xx), read to its end.
        :raises InvalidInputError: a value cannot be sent, such as an absolute URL.
        :raises SailPointError: ISC responded with an error status, or did not respond.
        """
        call = raw_request(
            method, path, params=params, json=json, data=data, headers=headers, timeout=timeout
        )
        return _as_requests(self.tenant, call, self.send(call, until=until))

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> BlockingClient:
        """Use the transport in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _fulfil(self, effect: Effect, until: float | None) -> Any:
        if isinstance(effect, Sleep):
            time.sleep(Deadline(until).bounded(effect.seconds))
            return None
        if isinstance(effect, Gather):
            return [self._once(call, until) for call in effect.calls]
        return self.send(effect, until=until)

    def _once(self, call: Request[T], until: float | None) -> T | SailPointError:
        try:
            return self._attempt(call, Deadline(until))
        except SailPointError as error:
            return error

    def _attempt(self, call: Request[T], deadline: Deadline) -> T:
        deadline.check(call)
        token = None if call.is_token_request else self._token(call, deadline)
        answer = self._exchange(call, token, deadline)
        if token is not None and is_refused_token(answer, token):
            self._share.drop(token)
            token = self._token(call, deadline)
            answer = self._exchange(call, token, deadline)
        try:
            return read_response(call, answer)
        except SailPointError as error:
            redact(error, self.tenant, token)
            self._share.on_throttled(error)
            raise

    def _token(self, call: Request[Any], deadline: Deadline) -> Token:
        token = self._share.token()
        if token is None:
            with self._token_lock(call, deadline):
                token = self._share.token()
                if token is None:
                    asked = time.monotonic()
                    token = self._new_token(deadline)
                    self._share.keep(token, asked)
        return token

    @contextmanager
    def _token_lock(self, call: Request[Any], deadline: Deadline) -> Iterator[None]:
        left = deadline.left()
        if not self._share.token_lock.acquire(timeout=-1 if left == math.inf else max(0.0, left)):
            raise deadline.passed(call, is_sent=False)
        try:
            yield
        finally:
            self._share.token_lock.release()

    def _new_token(self, deadline: Deadline) -> Token:
        try:
            return self.send(endpoints.token(self.tenant), until=deadline.until)
        except SailPointError as error:
            # Without a token the call itself was never sent.
            error.sent = False
            raise

    def _exchange(self, call: Request[Any], token: Token | None, deadline: Deadline) -> Response:
        self._wait_for_turn(call, deadline)
        if not call.multipart:
            return self._request(call, token, call.form or call.content, headers_of(call, token), deadline)
        with MultipartBody(call) as body:
            headers = headers_of(call, token, body.content_type)
            answer = self._request(call, token, body, headers, deadline)
            return replace(answer, sent=body.sent())

    def _wait_for_turn(self, call: Request[Any], deadline: Deadline) -> None:
        while (turn := self._share.line_up(self._policy)).seconds:
            time.sleep(deadline.bounded(turn.seconds))
            deadline.check(call)
            if self._share.still_holds(turn):
                return

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
                    timeout=(self.tenant.timeout, attempt.silence),
                    allow_redirects=False,
                    stream=True,
                    proxies={"all": proxy} if proxy else None,
                )
                with response:
                    fields = {name.lower(): value for name, value in response.headers.items()}
                    content = self._content(call, response, fields, attempt)
        except (requests.RequestException, HTTPError, HeadTooLongError) as error:
            failure = failure_of(self.tenant, call, attempt, error, never_sent=_never_sent(error))
            redact(failure, self.tenant, token)
            raise failure from None
        return Response(
            status=response.status_code,
            headers=fields,
            body=redacted(content, self.tenant, token),
            received=time.time(),
            host=host_of(self.tenant, call),
        )

    def _content(
        self, call: Request[Any], response: requests.Response, fields: dict[str, str], attempt: Attempt
    ) -> bytes:
        body = AnswerBody(call, response.status_code, fields)
        try:
            for piece in response.raw.stream(PIECE, decode_content=False):
                for _ in body.add(piece):
                    pass
                if body.is_full:
                    break
        except HTTPError:
            if not attempt.is_over:
                raise
            if not body.is_error:
                raise out_of_time(self.tenant, call, attempt, status=response.status_code) from None
        return body.content()

    @contextmanager
    def _session_for(self, call: Request[Any]) -> Iterator[requests.Session]:
        """
        Lend the session; a start gets one of its own.

        A kept connection may have been closed by the other side, and then nobody can tell whether the
        request arrived. On a fresh connection a start does not run into that.
        """
        if call.safe_to_repeat:
            if self._session is None:
                self._session = bounded_session(self.tenant)
            yield self._session
            return
        with bounded_session(self.tenant) as session:
            if call.upload is not None:
                context = shared_tls_context(self.tenant)
                for scheme in ("https://", "http://"):
                    session.mount(scheme, UploadAdapter(context, self.tenant.upload_timeout))
            yield session


def send_last_word(tenant: Tenant, call: Request[Any], seconds: float) -> Response | None:
    """
    Send one request, with the token that is in memory, and wait no longer than this.

    It takes no lock and keeps to no budget, because it may run in a signal handler that interrupted whoever
    holds them.

    :returns: the answer, None where there was no token.
    :raises requests.RequestException: nobody answered in time.
    :raises HeadTooLongError: the head of the answer did not end.
    """
    token = token_in_memory(tenant)
    if token is None:
        return None
    url = address_of(tenant, call)
    proxy = proxy_for(tenant, url)
    attempt = Attempt(tenant, replace(call, time_limit=seconds), Deadline())
    with bounded_session(tenant) as session, attempt.current():
        response = session.request(
            call.method,
            url,
            data=call.content,
            headers=headers_of(call, token),
            timeout=seconds,
            allow_redirects=False,
            stream=True,  # the status is all that matters, and a body may drip
            proxies={"all": proxy} if proxy else None,
        )
        response.close()
        return Response(response.status_code, {}, b"", time.time())


def _as_requests(tenant: Tenant, call: Request[Response], answer: Response) -> requests.Response:
    """Return a response as requests would, so that users find the methods that they know."""
    response = requests.Response()
    response.status_code = answer.status
    response.reason = http.client.responses.get(answer.status, "")
    response.headers.update(answer.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = io.BytesIO(answer.body)
    response.request = requests.Request(call.method, address_of(tenant, call), params=call.query).prepare()
    response.url = response.request.url or ""
    _ = response.content  # reads the body, as requests does unless it is told to stream
    return response


def _never_sent(error: Exception) -> bool:
    """Tell whether no connection was made, so that ISC cannot have seen the request."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)
