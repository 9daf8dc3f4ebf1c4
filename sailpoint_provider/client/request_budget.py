"""How many requests a process may send, whatever its threads and event loops."""

from __future__ import annotations

import math
import threading
from collections import deque


class RequestBudget:
    """
    A token bucket over 10 seconds, shared by all threads and event loops of a process.

    It knows no clock: every call says what time it is, in seconds of a clock that never goes back.

    Others may share the credential, and ISC counts them all together. So after a 429 less is sent for a
    while, and then slowly more again: clients that all do so come to share what there is.

    :param requests_per_10s: how many requests may be sent in any 10 seconds.
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

    def reserve(self, now: float) -> float:
        """
        Take one request out of the budget and return the seconds to wait before sending it.

        Where :attr:`closures` has grown meanwhile, the turn is void: ISC asked for a pause.
        """
        with self._lock:
            opens = max(now, self._closed_until)
            self._earn(opens)
            self._available -= 1.0
            own = -self._available / self.rate(opens) if self._available < 0 else 0.0
            self._turns.append(opens + own)
            return max(opens + own - now, 0.0)

    def spare(self, now: float) -> float:
        """Return how many requests could be sent at once, as part of a full burst: 0 to 1, 0 in a pause."""
        with self._lock:
            if now < self._closed_until:
                return 0.0
            self._earn(now)
            return max(0.0, self._available / self._burst(now))

    def rate(self, now: float) -> float:
        """Return how many requests flow in each second."""
        return self.requests_per_10s * 0.08 * self._share_at(now)

    def close_until(self, moment: float) -> None:
        """
        Let nobody send before that moment, because ISC asked for a pause.

        After it the bucket holds one request, or all that waited would be sent at once.
        """
        with self._lock:
            self.closures += 1
            self._closed_until = max(self._closed_until, moment)
            self._available = min(1.0, self._burst(moment))
            self._seen = max(self._seen, self._closed_until)

    def slow_down(self, now: float) -> None:
        """Send less from now on, because ISC answered 429; what follows within 10 s tells nothing new."""
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
        # A fifth may be sent at once and the rest flows in, so that any 10 s together stay within the budget.
        return max(1.0, self.requests_per_10s * 0.2 * self._share_at(now))

    def _share_at(self, now: float) -> float:
        regained = max(0.0, now - self._slowed_at - _CALM_SECONDS) * _REGAINED_PER_SECOND
        return min(1.0, self._share + regained)


_WINDOW = 10.0
_LEAST_SHARE = 0.1
_CALM_SECONDS = 60.0
_REGAINED_PER_SECOND = 0.001
