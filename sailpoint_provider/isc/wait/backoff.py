"""How often a wait polls: often at first and near the expected end, rarely in between."""

from __future__ import annotations

from dataclasses import dataclass

_GROWTH = 1.5
"""Factor by which each pause is longer than the one before."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    How long a wait pauses between two polls.

    :param poll_interval: maximum number of seconds between two polls.
    :param first: minimum number of seconds between two polls, unless ``poll_interval`` is shorter.
    """

    poll_interval: float
    first: float = 2.0

    def pause(self, elapsed: float, remaining: float | None = None, jitter: float = 0.0) -> float:
        """
        Return the seconds until the next poll.

        :param elapsed: seconds since the wait began. Because the number of polls does not matter, a wait that
            moves to another triggerer keeps its pace.
        :param remaining: seconds until the expected end, negative once it is overdue; None if unknown.
        :param jitter: a number from 0 to 1, which shortens the pause by up to a fifth.
        """
        pause = self.first + (_GROWTH - 1.0) * max(0.0, elapsed)
        if remaining is not None:
            pause = min(pause, max(self.first, abs(remaining) / 2.0))
        return min(self.poll_interval, pause) * (1.0 - 0.2 * jitter)


class EndEstimate:
    """
    Estimates when an aggregation ends, from its progress or from the duration of earlier ones.

    :param begun: when it began, in seconds of the caller's clock.
    :param usual_seconds: how long aggregations of this source usually take; None if unknown.
    """

    __slots__ = ("_begun", "_first", "_latest", "_usual_seconds")

    def __init__(self, begun: float, usual_seconds: float | None = None) -> None:
        self._begun = begun
        self._usual_seconds = usual_seconds
        self._first: tuple[float, float] | None = None
        self._latest: tuple[float, float] | None = None

    def note(self, share: float | None, now: float) -> None:
        """
        Record the progress.

        :param share: share of the work that is done, 0 to 1; None if unknown.
        :param now: seconds of the caller's clock.
        """
        if share is None or (self._latest is not None and share == self._latest[1]):
            return
        if self._latest is None or share < self._latest[1]:
            self._first = (now, share)
        self._latest = (now, share)

    def remaining(self, now: float) -> float | None:
        """Return the seconds until the expected end, negative once it is overdue; None if unknown."""
        if self._first is not None and self._latest is not None:
            (first, from_share), (latest, to_share) = self._first, self._latest
            if to_share - from_share >= _LEAST_PROGRESS and latest > first:
                per_share = (latest - first) / (to_share - from_share)
                return latest + (1.0 - to_share) * per_share - now
        if self._usual_seconds is not None:
            return self._begun + self._usual_seconds - now
        return None


_LEAST_PROGRESS = 0.05
"""Share of the work that must be done between two polls before the speed is used for the estimate."""
