"""How long a procedure, and one request of it, may take."""

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

    :param until: epoch seconds, None for no end.
    """

    __slots__ = ("last_error", "until")

    def __init__(self, until: float | None = None) -> None:
        self.until = until
        self.last_error: BaseException | None = None

    def left(self) -> float:
        """Return the seconds until then; negative after it, infinite without an end."""
        return math.inf if self.until is None else self.until - time.time()

    def bounded(self, seconds: float) -> float:
        """Return how much of a pause fits in."""
        return max(0.0, min(seconds, self.left()))

    def check(self, call: Request[Any]) -> None:
        """
        Make sure that there is time left.

        :raises TenantUnavailableError: there is none.
        """
        if self.left() <= 0:
            raise self.passed(call, is_sent=False)

    def passed(self, call: Request[Any], *, is_sent: bool) -> TenantUnavailableError:
        """
        Return the error of a call that was given up.

        :param is_sent: whether the request of the current attempt left.
        """
        last = self.last_error
        words = f"Could not {call.purpose}: the deadline came before ISC answered."
        if last is not None:
            words += f" The last error was: {last}"
        elif not is_sent:
            words += " Nothing was sent."
        error = TenantUnavailableError(words, sent=is_sent or _may_have_worked(last))
        error.exhausted = True
        return error


class Attempt:
    """
    One request: until when its answer may take, and how far it is.

    :param tenant: the tenant to call.
    :param call: the call.
    :param deadline: when the caller gives up.

    Until a file is under way, the time limit counts from here; then again from the moment when all of it is
    sent. In between, only silence ends the call: an upload may last as long as it needs. From its first byte
    the deadline no longer counts, because a start that ISC may be about to acknowledge must not be abandoned.
    """

    __slots__ = (
        "_by_deadline",
        "_deadline",
        "_ends",
        "_is_upload",
        "changed",
        "is_answering",
        "is_sent",
        "limit",
        "silence",
    )

    def __init__(self, tenant: Tenant, call: Request[Any], deadline: Deadline) -> None:
        self.silence = tenant.upload_timeout if call.upload is not None else tenant.timeout
        self.limit = 2 * self.silence if call.time_limit is None else call.time_limit
        self.is_sent = self.is_answering = False
        self.changed: Callable[[], None] | None = None
        self._is_upload = call.upload is not None
        self._deadline = deadline
        self._end_in(self.limit, deadline.left())

    @property
    def is_over(self) -> bool:
        """Whether there is no time left."""
        return self.left() <= _CLOCK_SLACK

    @property
    def is_past_deadline(self) -> bool:
        """Whether there is no time left because the caller gives up, not because of the time limit."""
        return self.is_over and self._by_deadline

    def left(self) -> float:
        """Return the seconds that are left, infinite while a file is sent."""
        return self._ends - time.monotonic()

    def wait(self, most: float) -> float:
        """
        Return for how long to wait for the other side, at most.

        :raises TimeoutError: there is no time left.
        """
        left = self.left()
        if left <= 0:
            raise TimeoutError("no time left")
        return min(most, left)

    def begin_sending(self) -> None:
        """Take in that the connection is made and the request leaves."""
        self.is_sent = True
        if self._is_upload:
            self._ends = math.inf
            self._tell()

    def end_sending(self) -> None:
        """Take in that all is sent and the answer is waited for."""
        if not self._is_upload:
            return
        self._is_upload = False
        self._end_in(self.limit, math.inf)
        self._tell()

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let connections, which others make, find the attempt that they serve."""
        token = current_attempt.set(self)
        try:
            yield
        finally:
            current_attempt.reset(token)

    def passed(self, call: Request[Any]) -> TenantUnavailableError:
        """Return the error for a call whose caller has given up."""
        return self._deadline.passed(call, is_sent=self.is_sent)

    def _end_in(self, limit: float, left: float) -> None:
        self._by_deadline = left <= limit
        self._ends = time.monotonic() + min(limit, left)

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()


current_attempt: ContextVar[Attempt | None] = ContextVar("sailpoint_attempt", default=None)


def _may_have_worked(error: BaseException | None) -> bool:
    """Tell whether ISC may have acted on the request that met this error."""
    if error is None or isinstance(error, RateLimitError):
        return False
    return isinstance(error, SailPointError) and error.sent
