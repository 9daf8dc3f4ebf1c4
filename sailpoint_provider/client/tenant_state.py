"""What all clients of one tenant share within a process: the token and the request budget."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, quote_plus

from sailpoint_provider.client.request_budget import RequestBudget
from sailpoint_provider.exceptions import RateLimitError, SailPointError
from sailpoint_provider.isc.api.responses import says_token_expired

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.policy import RetryPolicy
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token


class Turn(NamedTuple):
    """
    A place in the queue of requests.

    :param seconds: how long to wait for it.
    :param closures: how often ISC had asked for a pause by then.
    """

    seconds: float
    closures: int


class TenantState:
    """
    Token and budget of one credential at one tenant and API version.

    :param budget: the request budget, which all secrets of the same client ID share.
    """

    def __init__(self, budget: RequestBudget) -> None:
        self.budget = budget
        self.token_lock = threading.Lock()
        self._token: Token | None = None
        self._usable_until = 0.0

    def token(self) -> Token | None:
        """Return the token while it is usable, else None."""
        token = self._token
        return token if token is not None and time.monotonic() < self._usable_until else None

    def keep(self, token: Token, asked: float) -> None:
        """Keep a token that was requested at that time of the monotonic clock."""
        self._usable_until = asked + token.usable_for
        self._token = token

    def drop(self, token: Token) -> None:
        """Forget a token that ISC refused, unless a newer one has replaced it."""
        if self._token is token:
            self._token = None

    def reserve(self, policy: RetryPolicy) -> Turn:
        """
        Take one request out of the budget and return its turn.

        :raises RateLimitError: the wait is longer than the policy allows.
        """
        closures = self.budget.closures
        seconds = self.budget.reserve(time.monotonic(), policy.longest_retry_after)
        if seconds > policy.longest_retry_after:
            raise RateLimitError(
                f"The next request would have to wait {seconds:.0f} s for the request budget or a pause that "
                "ISC asked for; nothing was sent.",
                retry_after=seconds,
            )
        return Turn(seconds, closures)

    def still_holds(self, turn: Turn) -> bool:
        """Return whether a turn is still valid; a pause that ISC asked for meanwhile voids it."""
        return turn.closures == self.budget.closures

    def on_throttled(self, error: SailPointError) -> None:
        """Make all clients pause if ISC asked one of them to, and resume one after the other."""
        now = time.monotonic()
        if error.status == 429:
            self.budget.slow_down(now)
        elif error.status != 503 or error.retry_after is None:
            return
        pause = _DEFAULT_PAUSE if error.retry_after is None else error.retry_after
        # Other processes pause until the same moment: jitter keeps them apart.
        self.budget.close_until(now + pause + random.random() * min(_LONGEST_JITTER, pause / 2))


_DEFAULT_PAUSE = 1.0
_LONGEST_JITTER = 2.0


def state_of(tenant: Tenant) -> TenantState:
    """
    Return what this process shares for the tenant.

    ISC counts requests by client ID and API version, whatever the secret: these share a budget.
    """
    with _lock:
        counted = (tenant.base_url, tenant.client_id, tenant.api_version.name)
        budget = _budgets.setdefault(counted, RequestBudget(tenant.requests_per_10s))
        budget.requests_per_10s = tenant.requests_per_10s
        return _states.setdefault(_key(tenant), TenantState(budget))


def token_in_memory(tenant: Tenant) -> Token | None:
    """Return the tenant's token if this process has a usable one, without taking a lock."""
    state = _states.get(_key(tenant))
    return None if state is None else state.token()


def _key(tenant: Tenant) -> tuple[Any, ...]:
    return (
        tenant.base_url,
        tenant.token_url,
        tenant.client_id,
        tenant.client_secret,
        tenant.api_version.name,
    )


def redacted(body: bytes, tenant: Tenant, token: Token | None) -> bytes:
    """Return a body without the secret and the token, in case a server echoes them."""
    secrets = [tenant.client_secret] if token is None else [tenant.client_secret, token.value]
    for secret in secrets:
        body = body.replace(secret.encode(), b"***")
    return body


def redact(error: SailPointError, tenant: Tenant, token: Token | None) -> None:
    """Remove secret and token from an error, however the response encoded them."""
    secrets = [tenant.client_secret] if token is None else [tenant.client_secret, token.value]
    spellings = [one for secret in secrets for one in (secret, quote_plus(secret), quote(secret, safe=""))]

    def clean(text: Any) -> Any:
        for one in spellings:
            text = text.replace(one, "***") if isinstance(text, str) else text
        return text

    error.args = tuple(clean(part) for part in error.args)
    error.detail_code, error.tracking_id = clean(error.detail_code), clean(error.tracking_id)


def is_refused_token(response: Response) -> bool:
    """Return whether ISC refused the token: the call had no effect, and a new token may help."""
    return response.status == 401 or says_token_expired(response)


_states: dict[tuple[Any, ...], TenantState] = {}
_budgets: dict[tuple[Any, ...], RequestBudget] = {}
_lock = threading.Lock()


def _start_afresh() -> None:
    """Reset the state in a forked process: a lock may have been held, and each process has its own budget."""
    global _lock
    _lock = threading.Lock()
    _states.clear()
    _budgets.clear()


os.register_at_fork(after_in_child=_start_afresh)
