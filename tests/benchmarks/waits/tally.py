"""What a server saw of its one client."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from sailpoint_provider.simulator.model.rate_limit import RateLimit

WINDOW = 10.0


@dataclass(frozen=True)
class Tally:
    """
    Counts of one run.

    :param requests: how many requests, by kind.
    :param refused: how many were answered 429.
    :param would_refuse: how many ISC's limit (100 per client and version in a fixed window of 10 s) would
        have refused, whoever was asked.
    :param busiest: the most requests in any 10 s.
    :param opened: connections opened.
    :param most_open: the most of them at once.
    """

    requests: dict[str, int]
    refused: int
    would_refuse: int
    busiest: int
    opened: int
    most_open: int

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.requests.values())


@dataclass
class Counting:
    """Counts while the client runs."""

    requests: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    would_refuse: int = 0
    opened: int = 0
    open: int = 0
    most_open: int = 0
    busiest: int = 0
    _recent: deque[float] = field(default_factory=deque, repr=False)
    _limit: RateLimit = field(default_factory=RateLimit, repr=False)

    def connected(self) -> None:
        """Count a connection."""
        self.opened += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)

    def disconnected(self) -> None:
        """Count the end of a connection."""
        self.open -= 1

    def requested(self, kind: str, now: float) -> None:
        """Count a request."""
        self.requests[kind] += 1
        self._recent.append(now)
        while self._recent[0] <= now - WINDOW:
            self._recent.popleft()
        self.busiest = max(self.busiest, len(self._recent))

    def over_limit(self, now: float) -> float | None:
        """Count a request to the API; return the seconds to wait where ISC's limit refuses it, else None."""
        seconds = self._limit.refusal("", "", now)
        if seconds is not None:
            self.would_refuse += 1
        return seconds

    def tally(self) -> Tally:
        """Return what was counted."""
        return Tally(
            dict(self.requests),
            self.refused,
            self.would_refuse,
            self.busiest,
            self.opened,
            self.most_open,
        )
