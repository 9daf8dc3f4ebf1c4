"""
How a call is carried out, written once for workers and for event loops.

A flow is a generator that does no I/O. It yields a step, receives the outcome of the step or its error, and
returns the value of the call. :class:`~sailpoint_provider.client.blocking.BlockingClient` and
:class:`~sailpoint_provider.client.async_client.AsyncClient` carry the steps out.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tenacity import DoAttempt, DoSleep, RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from sailpoint_provider.client.attempt import Deadline
from sailpoint_provider.client.tenant_state import is_refused_token, redact, redacted, state_of
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.flow import Effect, Flow, Gather, Sleep

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Request, Response
    from sailpoint_provider.isc.policy import RetryPolicy
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Send:
    """
    Send one request and read the response to its end.

    :param call: the call.
    :param token: the token to send along, None for a token request.
    :param deadline: when the caller gives up.
    """

    call: Request[Any]
    token: Token | None
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Parse:
    """
    Turn a response into the value of its call, away from an event loop if it is big.

    :param call: the call.
    :param response: its response.
    """

    call: Request[Any]
    response: Response


@dataclass(frozen=True, slots=True)
class Parallel:
    """
    Carry out several flows, in parallel if the client can.

    :param flows: the flows; their values are sent back as a list.
    """

    flows: tuple[CallSteps[Any], ...]


@dataclass(frozen=True, slots=True)
class HoldTokenLock:
    """
    Carry out a flow while holding the lock that lets one caller at a time ask for a token.

    :param flow: the flow; its value is sent back.
    :param call: the call that needs the token.
    :param deadline: when the caller gives up.
    """

    flow: CallSteps[Any]
    call: Request[Any]
    deadline: Deadline


Step: TypeAlias = Send | Parse | Parallel | HoldTokenLock | Sleep
CallSteps: TypeAlias = Generator[Step, Any, T]

Observe: TypeAlias = Callable[[int | None, float], None]
"""
Is called with each request that was sent, or tried, for metrics.

It gets the HTTP status of the response, None if there was none, and the seconds that the request waited
before, for the request budget or a pause that ISC asked for.
"""


class CallFlow:
    """
    The flows of one client: get a token, wait for the request budget, send, renew a refused token, retry.

    :param tenant: the tenant to call.
    :param policy: which failed calls are repeated, and when.
    :param observe: is called with each request, on an event loop too; None for nothing.
    """

    def __init__(self, tenant: Tenant, policy: RetryPolicy, observe: Observe | None = None) -> None:
        self.state = state_of(tenant)
        self._tenant = tenant
        self._policy = policy
        self._observe = observe or (lambda status, waited: None)

    def run(self, procedure: Flow[T], until: float | None) -> CallSteps[T]:
        """Carry out a procedure of several calls until it returns."""
        try:
            effect = next(procedure)
            while True:
                try:
                    value = yield from self._fulfil(effect, until)
                except SailPointError as error:
                    effect = procedure.throw(error)
                else:
                    effect = procedure.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    def send(self, call: Request[T], until: float | None) -> CallSteps[T]:
        """Carry out one call, with the retries that the policy allows."""
        deadline = Deadline(until)
        try:
            return (yield from self._retried(call, deadline))
        except SailPointError as error:
            error.exhausted = True
            raise

    def _fulfil(self, effect: Effect, until: float | None) -> CallSteps[Any]:
        if isinstance(effect, Sleep):
            return (yield Sleep(Deadline(until).bounded(effect.seconds)))
        if isinstance(effect, Gather):
            return (yield Parallel(tuple(self._once(call, until) for call in effect.calls)))
        return (yield from self.send(effect, until))

    def _once(self, call: Request[T], until: float | None) -> CallSteps[T | SailPointError]:
        try:
            return (yield from self._attempt(call, Deadline(until)))
        except SailPointError as error:
            return error

    def _retried(self, call: Request[T], deadline: Deadline) -> CallSteps[T]:
        """Let tenacity decide about each attempt and pause, as its own loops do."""
        retrying = self._retrying(call, deadline)
        retrying.begin()
        state = RetryCallState(retrying, fn=None, args=(), kwargs={})
        while True:
            step = retrying.iter(retry_state=state)
            if isinstance(step, DoAttempt):
                try:
                    value = yield from self._attempt(call, deadline)
                except SailPointError as error:
                    state.set_exception((type(error), error, error.__traceback__))
                else:
                    state.set_result(value)
            elif isinstance(step, DoSleep):
                state.prepare_for_next_attempt()
                yield Sleep(float(step))
            else:
                result: T = step
                return result

    def _retrying(self, call: Request[Any], deadline: Deadline) -> Retrying:
        """
        Return the policy as tenacity takes it.

        A pause ends at the deadline, and the attempt after it finds that there is no time left.
        """
        policy = self._policy

        def wait(state: RetryCallState) -> float:
            return deadline.bounded(policy.pause(state.attempt_number, _error(state), random.random()))

        def before_sleep(state: RetryCallState) -> None:
            deadline.last_error = _error(state)
            if state.upcoming_sleep < deadline.left():
                log.info("Retrying in %.1f s: %s", state.upcoming_sleep, deadline.last_error)
            else:
                log.info("Not retrying, because the deadline comes first: %s", deadline.last_error)

        return Retrying(
            retry=retry_if_exception(lambda error: policy.may_repeat(call, error)),
            wait=wait,
            stop=stop_after_attempt(policy.attempts),
            before_sleep=before_sleep,
            reraise=True,
        )

    def _attempt(self, call: Request[T], deadline: Deadline) -> CallSteps[T]:
        deadline.check(call)
        token = None if call.is_token_request else (yield from self._token(call, deadline))
        response = yield from self._exchange(call, token, deadline)
        if token is not None and is_refused_token(response):
            self.state.drop(token)
            token = yield from self._token(call, deadline)
            response = yield from self._exchange(call, token, deadline)
        try:
            value: T = yield Parse(call, response)
            return value
        except SailPointError as error:
            redact(error, self._tenant, token)
            self.state.on_throttled(error)
            raise

    def _token(self, call: Request[Any], deadline: Deadline) -> CallSteps[Token]:
        token = self.state.token()
        if token is None:
            token = yield HoldTokenLock(self._new_token(deadline), call, deadline)
        return token

    def _new_token(self, deadline: Deadline) -> CallSteps[Token]:
        token = self.state.token()  # another caller may have fetched one while this one waited for the lock
        if token is None:
            asked = time.monotonic()
            try:
                token = yield from self.send(endpoints.token(self._tenant), deadline.until)
            except SailPointError as error:
                error.sent = False  # without a token, the call itself was never sent
                raise
            self.state.keep(token, asked)
        return token

    def _exchange(self, call: Request[Any], token: Token | None, deadline: Deadline) -> CallSteps[Response]:
        waited, status = 0.0, None
        while (turn := self.state.reserve(self._policy)).seconds:
            waited += (pause := deadline.bounded(turn.seconds))
            yield Sleep(pause)
            deadline.check(call)
            if self.state.still_holds(turn):
                break
        try:
            response: Response = yield Send(call, token, deadline)
            status = response.status
        except SailPointError as error:
            redact(error, self._tenant, token)
            raise
        finally:
            self._observe(status, waited)
        return replace(response, body=redacted(response.body, self._tenant, token))


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
