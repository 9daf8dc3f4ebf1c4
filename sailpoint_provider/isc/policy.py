"""How to be patient: what may be sent again, how long to wait, how many requests to send."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.isc.errors import RateLimitError, TenantUnavailableError

if TYPE_CHECKING:
    from sailpoint_provider.isc.calls import Call


@dataclass(frozen=True)
class RetryPolicy:
    """
    Which failed call is sent again, and when.

    :param attempts: how often a call is sent at most.
    :param first_pause: seconds before the second attempt; each further pause is twice as long.
    :param longest_pause: seconds that a pause grows to.
    :param longest_wish: seconds of ``Retry-After`` that are still obeyed on the spot; a longer wish ends the
        call with an error that carries it.
    """

    attempts: int = 5
    first_pause: float = 1.0
    longest_pause: float = 30.0
    longest_wish: float = 120.0

    def may_repeat(self, call: Call[Any], error: BaseException | None) -> bool:
        """
        Tell whether the call may be sent again after this error.

        A call that is not safe to repeat, such as a start, is sent again only where it had no effect for
        certain: no connection was made, or ISC answered 429.
        """
        if not isinstance(error, RateLimitError | TenantUnavailableError) or error.final or error.exhausted:
            return False
        if (error.retry_after or 0.0) > self.longest_wish:
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
        wish = getattr(error, "retry_after", None)
        return pause if wish is None else max(pause, wish + jitter)


@dataclass(frozen=True)
class Pace:
    """
    How often a wait looks: soon at first, then ever less often up to the poll interval.

    :param poll_interval: seconds between two looks at the most.
    :param first: seconds before the second look, unless the poll interval is shorter.
    :param growth: factor from one pause to the next.
    """

    poll_interval: float
    first: float = 2.0
    growth: float = 1.5

    def pause(self, looks: int, jitter: float) -> float:
        """
        Return the seconds until the next look.

        :param looks: how many looks there were.
        :param jitter: a number from 0 to 1; the pause is shortened by up to a fifth of itself.
        """
        grown = self.first * self.growth ** min(looks - 1, 60)
        return min(self.poll_interval, grown) * (1.0 - 0.2 * jitter)


class RequestBudget:
    """
    A token bucket over 10 seconds, shared by all threads and event loops of a process.

    It knows no clock: every call says what time it is, in seconds of a clock that never goes back.

    :param requests_per_10s: how many requests may be sent in any 10 seconds.
    """

    def __init__(self, requests_per_10s: float) -> None:
        # A fifth may be sent at once and the rest flows in, so that any 10 s together stay within the budget.
        self.burst = max(1.0, requests_per_10s * 0.2)
        self.rate = requests_per_10s * 0.08
        self._available = self.burst
        self._seen = 0.0
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def reserve(self, now: float) -> float:
        """Take one request out of the budget and return the seconds to wait before sending it."""
        with self._lock:
            # After a pause the bucket holds one burst and no more, or all that waited would be sent at once.
            opens = max(now, self._closed_until)
            if self._seen:
                earned = max(0.0, opens - self._seen) * self.rate
                self._available = min(self.burst, self._available + earned)
            self._seen = max(opens, self._seen)
            self._available -= 1.0
            own = -self._available / self.rate if self._available < 0 else 0.0
            return max(opens + own - now, 0.0)

    def close_until(self, moment: float) -> None:
        """Let nobody send before that moment, because ISC asked for a pause."""
        with self._lock:
            self._closed_until = max(self._closed_until, moment)
