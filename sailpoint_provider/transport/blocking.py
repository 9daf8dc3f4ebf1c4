"""Carries out calls with requests, for workers."""

from __future__ import annotations

import time
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from tenacity import Retrying
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from sailpoint_provider.isc import calls
from sailpoint_provider.isc.answers import Answer, read_answer
from sailpoint_provider.isc.errors import SailPointError, TenantUnavailableError
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.isc.steps import Pause, Steps, Together, Wish
from sailpoint_provider.transport.failures import unreachable
from sailpoint_provider.transport.multipart import MultipartBody
from sailpoint_provider.transport.network import proxy_for
from sailpoint_provider.transport.requests_made import address_of, headers_of, silence_of
from sailpoint_provider.transport.retrying import retrying_options
from sailpoint_provider.transport.shared import (
    is_refused_token,
    scrubbed,
    share_of,
    strike_out,
    token_in_memory,
)
from sailpoint_provider.transport.tls import SharedTlsAdapter, shared_tls_context
from sailpoint_provider.transport.upload_adapter import UploadAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from sailpoint_provider.isc.calls import Call
    from sailpoint_provider.isc.tenant import Tenant
    from sailpoint_provider.isc.tokens import Token

T = TypeVar("T")


class BlockingTransport:
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

    def run(self, steps: Steps[T]) -> T:
        """
        Carry out a procedure.

        :raises SailPointError: as the procedure says.
        """
        try:
            wish = next(steps)
            while True:
                try:
                    value = self._fulfil(wish)
                except SailPointError as error:
                    wish = steps.throw(error)
                else:
                    wish = steps.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    def send(self, call: Call[T]) -> T:
        """
        Carry out one call, with the retries that the policy allows.

        :raises SailPointError: the call failed for good.
        """
        retrying = Retrying(**retrying_options(call, self._policy))
        try:
            value: T = retrying(self._attempt, call)
            return value
        except SailPointError as error:
            error.exhausted = True
            raise

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> BlockingTransport:
        """Use the transport in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _fulfil(self, wish: Wish) -> Any:
        if isinstance(wish, Pause):
            time.sleep(wish.seconds)
            return None
        if isinstance(wish, Together):
            return [self._once(call) for call in wish.calls]
        return self.send(wish)

    def _once(self, call: Call[T]) -> T | SailPointError:
        try:
            return self._attempt(call)
        except SailPointError as error:
            return error

    def _attempt(self, call: Call[T]) -> T:
        token = None if call.is_token_request else self._token()
        answer = self._exchange(call, token)
        if token is not None and is_refused_token(answer, token):
            self._share.drop(token)
            token = self._token()
            answer = self._exchange(call, token)
        try:
            return read_answer(call, answer)
        except SailPointError as error:
            strike_out(error, self.tenant, token)
            self._share.heed(error)
            raise

    def _token(self) -> Token:
        token = self._share.token()
        if token is None:
            with self._share.token_lock:
                token = self._share.token()
                if token is None:
                    asked = time.monotonic()
                    token = self._new_token()
                    self._share.keep(token, asked)
        return token

    def _new_token(self) -> Token:
        try:
            return self.send(calls.token(self.tenant))
        except TenantUnavailableError as error:
            # Without a token the call itself was never sent.
            error.sent = False
            raise

    def _exchange(self, call: Call[Any], token: Token | None) -> Answer:
        self._wait_for_turn()
        if not call.multipart:
            return self._request(call, token, call.form or None, headers_of(token))
        with MultipartBody(call) as body:
            headers = headers_of(token, body.content_type)
            answer = self._request(call, token, body, headers)
            return Answer(answer.status, answer.headers, answer.body, answer.received, body.sent())

    def _wait_for_turn(self) -> None:
        while (turn := self._share.line_up(self._policy)).seconds:
            time.sleep(turn.seconds)
            if self._share.still_holds(turn):
                return

    def _request(self, call: Call[Any], token: Token | None, body: Any, headers: dict[str, str]) -> Answer:
        url = address_of(self.tenant, call)
        proxy = proxy_for(self.tenant, url)
        with self._session_for(call) as session:
            try:
                response = session.request(
                    call.method,
                    url,
                    params=call.query,
                    data=body,
                    headers=headers,
                    timeout=(self.tenant.timeout, silence_of(self.tenant, call)),
                    allow_redirects=False,
                    proxies={"all": proxy} if proxy else None,
                )
            except requests.RequestException as error:
                raise unreachable(self.tenant, call, error, never_sent=_never_sent(error)) from None
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=scrubbed(response.content, self.tenant, token),
            received=time.time(),
        )

    @contextmanager
    def _session_for(self, call: Call[Any]) -> Iterator[requests.Session]:
        """
        Lend the session; a start gets one of its own.

        A kept connection may have been closed by the other side, and then nobody can tell whether the
        request arrived. On a fresh connection a start does not run into that.
        """
        if call.safe_to_repeat:
            if self._session is None:
                self._session = self._new_session()
            yield self._session
            return
        with self._new_session() as session:
            if call.upload is not None:
                context = shared_tls_context(self.tenant)
                for scheme in ("https://", "http://"):
                    session.mount(scheme, UploadAdapter(context, self.tenant.upload_timeout))
            yield session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        # What the environment says is read in network.py; requests itself would also take a password from
        # .netrc and send that instead of the token.
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.mount("https://", SharedTlsAdapter(shared_tls_context(self.tenant)))
        return session


def send_last_word(tenant: Tenant, call: Call[Any], seconds: float) -> Answer | None:
    """
    Send one request, with the token that is in memory, and wait no longer than this.

    It takes no lock and keeps to no budget, because it may run in a signal handler that interrupted whoever
    holds them.

    :returns: the answer, None where there was no token.
    :raises requests.RequestException: nobody answered in time.
    """
    token = token_in_memory(tenant)
    if token is None:
        return None
    url = address_of(tenant, call)
    proxy = proxy_for(tenant, url)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", SharedTlsAdapter(shared_tls_context(tenant)))
        response = session.request(
            call.method,
            url,
            data=call.json_patch,
            headers=headers_of(token, "application/json-patch+json"),
            timeout=seconds,
            allow_redirects=False,
            stream=True,  # the status is all that matters, and a body may drip
            proxies={"all": proxy} if proxy else None,
        )
        return Answer(response.status_code, {}, b"", time.time())


def _never_sent(error: requests.RequestException) -> bool:
    """Tell whether no connection was made, so that ISC cannot have seen the request."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)
