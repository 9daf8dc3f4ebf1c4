"""How many requests a process may send, whatever its threads and event loops."""

from __future__ import annotations

import math
import threading
from collections import deque


class RequestBudget:
    """
    A token bucket over 10 seconds, shared by all threads and event loops of a process.

    It has no clock: the caller passes the time, in seconds of a monotonic clock.

    Other processes may share the credential, and ISC counts them together. After a 429 the rate drops and
    then recovers slowly, so that such processes converge to a fair share.

    :param requests_per_10s: maximum number of requests in any 10 seconds.
    """

    def __init__(self, requests_per_10s: float) -> None:
        self.requests_per_10s = requests_per_10s
        self.closures = 0
        self._share = 1.0
        self._slowed_at = -math.inf
        self._turns: deque[float] = deque(maxlen=1000)
        self._available = self._burst(0.0)
        self._seen = 0.0
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def reserve(self, now: float, longest: float = math.inf) -> float:
        """
        Take one request out of the budget and return the seconds to wait before sending it.

        If :attr:`closures` has grown meanwhile, the turn is void: ISC asked for a pause.

        :param longest: seconds of the longest wait; with a longer one, nothing is taken.
        """
        with self._lock:
            opens = max(now, self._closed_until)
            self._earn(opens)
            left = self._available - 1.0
            own = -left / self.rate(opens) if left < 0 else 0.0
            wait = max(opens + own - now, 0.0)
            if wait <= longest:
                self._available = left
                self._turns.append(opens + own)
            return wait

    def spare(self, now: float) -> float:
        """Return the part of a full burst that could be sent now: 0 to 1, and 0 during a pause."""
        with self._lock:
            if now < self._closed_until:
                return 0.0
            self._earn(now)
            return max(0.0, self._available / self._burst(now))

    def rate(self, now: float) -> float:
        """Return the requests that are added per second."""
        return self.requests_per_10s * 0.08 * self._share_at(now)

    def close_until(self, moment: float) -> None:
        """
        Block all requests until that moment, because ISC asked for a pause.

        After it the bucket holds one request; otherwise all waiting requests would be sent at once.
        """
        with self._lock:
            self.closures += 1
            self._closed_until = max(self._closed_until, moment)
            self._available = min(1.0, self._burst(moment))
            self._seen = max(self._seen, self._closed_until)

    def slow_down(self, now: float) -> None:
        """Reduce the rate after a 429; further ones within 10 s are ignored."""
        with self._lock:
            if now - self._slowed_at < _WINDOW:
                return
            got_through = sum(1 for turn in self._turns if now - _WINDOW < turn <= now)
            share = self._share_at(now)
            fair = 0.8 * got_through / self.requests_per_10s
            self._share = max(_LEAST_SHARE, min(0.6 * share, max(fair, 0.3 * share)))
            self._slowed_at = now

    def _earn(self, now: float) -> None:
        if self._seen:
            earned = max(0.0, now - self._seen) * self.rate(now)
            self._available = min(self._burst(now), self._available + earned)
        self._seen = max(now, self._seen)

    def _burst(self, now: float) -> float:
        # A fifth may be sent at once, the rest is added over time: any 10 s stay within the budget.
        return max(1.0, self.requests_per_10s * 0.2 * self._share_at(now))

    def _share_at(self, now: float) -> float:
        regained = max(0.0, now - self._slowed_at - _CALM_SECONDS) * _REGAINED_PER_SECOND
        return min(1.0, self._share + regained)


_WINDOW = 10.0
_LEAST_SHARE = 0.1
_CALM_SECONDS = 60.0
_REGAINED_PER_SECOND = 0.001
