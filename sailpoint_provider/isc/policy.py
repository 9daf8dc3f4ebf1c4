"""The retry policy: which failed calls are repeated, and after what pause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import RateLimitError, TenantUnavailableError

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Request


@dataclass(frozen=True)
class RetryPolicy:
    """
    Which failed calls are repeated, and when.

    :param attempts: maximum number of attempts.
    :param first_pause: seconds before the second attempt; each further pause is twice as long.
    :param longest_pause: maximum pause in seconds.
    :param longest_retry_after: longest ``Retry-After`` in seconds that a call obeys; a longer one ends the
        call with an error that carries it.
    """

    attempts: int = 5
    first_pause: float = 1.0
    longest_pause: float = 30.0
    longest_retry_after: float = 120.0

    def may_repeat(self, call: Request[Any], error: BaseException | None) -> bool:
        """
        Return whether the call may be repeated after this error.

        A call that is not safe to repeat, such as a start, is repeated only if it certainly had no effect: no
        connection was made, or ISC answered 429.
        """
        if not isinstance(error, RateLimitError | TenantUnavailableError) or error.final or error.exhausted:
            return False
        if (error.retry_after or 0.0) > self.longest_retry_after:
            return False
        return call.safe_to_repeat or isinstance(error, RateLimitError) or not error.sent

    def pause(self, attempt: int, error: BaseException | None, jitter: float) -> float:
        """
        Return the seconds to wait before the next attempt.

        :param attempt: number of the attempt that failed, from 1.
        :param error: why it failed; its ``retry_after`` is a minimum.
        :param jitter: a number from 0 to 1 that keeps many clients apart.
        """
        pause = min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * jitter)
        retry_after = getattr(error, "retry_after", None)
        return pause if retry_after is None else max(pause, retry_after + jitter)
