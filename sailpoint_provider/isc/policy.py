"""How to be patient: what may be sent again, how long to wait, how many requests to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import RateLimitError, TenantUnavailableError

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.endpoints import Request


@dataclass(frozen=True)
class RetryPolicy:
    """
    Which failed call is sent again, and when.

    :param attempts: how often a call is sent at most.
    :param first_pause: seconds before the second attempt; each further pause is twice as long.
    :param longest_pause: seconds that a pause grows to.
    :param longest_retry_after: longest ``Retry-After`` in seconds that a call obeys; a longer one ends the
        call with an error that carries it.
    """

    attempts: int = 5
    first_pause: float = 1.0
    longest_pause: float = 30.0
    longest_retry_after: float = 120.0

    def may_repeat(self, call: Request[Any], error: BaseException | None) -> bool:
        """
        Tell whether the call may be sent again after this error.

        A call that is not safe to repeat, such as a start, is sent again only where it had no effect for
        certain: no connection was made, or ISC answered 429.
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
        :param error: why it failed; what ISC wished is waited for in full.
        :param jitter: a number from 0 to 1 that keeps many clients apart.
        """
        pause = min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * jitter)
        effect = getattr(error, "retry_after", None)
        return pause if effect is None else max(pause, effect + jitter)
