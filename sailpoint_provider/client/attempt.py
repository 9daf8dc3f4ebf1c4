"""Time limits: the deadline of a call, and the time that one attempt has."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import RateLimitError, SailPointError, TenantUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.tenant.config import Tenant

_CLOCK_SLACK = 0.005


class Deadline:
    """
    The moment at which a caller gives up; one object serves one call with all its retries.

    :param until: epoch seconds, None for no deadline.
    """

    __slots__ = ("last_error", "until")

    def __init__(self, until: float | None = None) -> None:
        self.until = until
        self.last_error: BaseException | None = None

    def left(self) -> float:
        """Return the seconds left: negative after the deadline, infinite if there is none."""
        return math.inf if self.until is None else self.until - time.time()

    def bounded(self, seconds: float) -> float:
        """Return a pause, cut at the deadline."""
        return max(0.0, min(seconds, self.left()))

    def check(self, call: Request[Any]) -> None:
        """
        Check that there is time left.

        :raises TenantUnavailableError: there is none.
        """
        if self.left() <= 0:
            raise self.passed(call, is_sent=False)

    def passed(self, call: Request[Any], *, is_sent: bool) -> TenantUnavailableError:
        """
        Return the error for a call that missed its deadline.

        :param is_sent: whether the request of the current attempt was sent.
        """
        last = self.last_error
        message = f"Could not {call.purpose}: no response from ISC before the deadline."
        if last is not None:
            message += f" Last error: {last}"
        elif not is_sent:
            message += " Nothing was sent."
        error = TenantUnavailableError(message, sent=is_sent or _may_have_worked(last))
        error.exhausted = True
        return error


class Attempt:
    """
    One request: its progress, and the time that it has left.

    :param tenant: the tenant to call.
    :param call: the call.
    :param deadline: when the caller gives up.

    The time limit starts with the construction, and again once an upload is completely sent. In between,
    only a stalled connection ends the call: an upload may take as long as it needs. From its first byte, the
    deadline no longer counts, because a start that ISC may be about to acknowledge must
    not be abandoned.
    """

    __slots__ = (
        "_by_deadline",
        "_deadline",
        "_ends",
        "changed",
        "idle_timeout",
        "is_answering",
        "is_sent",
        "is_uploading",
        "limit",
    )

    def __init__(self, tenant: Tenant, call: Request[Any], deadline: Deadline) -> None:
        self.idle_timeout = tenant.upload_timeout if call.upload is not None else tenant.timeout
        self.limit = 2 * self.idle_timeout if call.time_limit is None else call.time_limit
        self.is_sent = self.is_answering = False
        self.changed: Callable[[], None] | None = None
        self.is_uploading = call.upload is not None
        self._deadline = deadline
        self._end_in(self.limit, deadline.left())

    @property
    def is_over(self) -> bool:
        """Whether there is no time left."""
        return self.left() <= _CLOCK_SLACK

    @property
    def is_past_deadline(self) -> bool:
        """Whether time ran out because of the caller's deadline, not because of the time limit."""
        return self.is_over and self._by_deadline

    def left(self) -> float:
        """Return the seconds left, infinite while a file is being sent."""
        return self._ends - time.monotonic()

    def wait(self, most: float) -> float:
        """
        Return how long to wait for the server.

        :param most: seconds to wait if there is more time than that.

        :raises TimeoutError: there is no time left.
        """
        left = self.left()
        if left <= 0:
            raise TimeoutError("no time left")
        return min(most, left)

    def begin_sending(self) -> None:
        """Note that the connection is made and the request is being sent."""
        self.is_sent = True
        if self.is_uploading:
            self._ends = math.inf
            self._notify()

    def end_sending(self) -> None:
        """Note that everything is sent and the response is awaited."""
        if not self.is_uploading:
            return
        self.is_uploading = False
        self._end_in(self.limit, math.inf)
        self._notify()

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let connections, which the HTTP libraries make, find the attempt that they serve."""
        token = current_attempt.set(self)
        try:
            yield
        finally:
            current_attempt.reset(token)

    def passed(self, call: Request[Any]) -> TenantUnavailableError:
        """Return the error for a call that missed its deadline."""
        return self._deadline.passed(call, is_sent=self.is_sent)

    def _end_in(self, limit: float, left: float) -> None:
        self._by_deadline = left <= limit
        self._ends = time.monotonic() + min(limit, left)

    def _notify(self) -> None:
        if self.changed is not None:
            self.changed()


current_attempt: ContextVar[Attempt | None] = ContextVar("sailpoint_attempt", default=None)


def _may_have_worked(error: BaseException | None) -> bool:
    """Return whether ISC may have acted on the request that met this error."""
    if error is None or isinstance(error, RateLimitError):
        return False
    return isinstance(error, SailPointError) and error.sent
