"""How often a wait looks: soon at first, seldom in a long run, soon again near the expected end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    How long a wait pauses between two looks.

    :param poll_interval: seconds between two looks at the most.
    :param first: seconds between two looks at the least, unless the poll interval is shorter.
    :param growth: factor from one pause to the next.
    """

    poll_interval: float
    first: float = 2.0
    growth: float = 1.5

    def pause(self, elapsed: float, remaining: float | None = None, jitter: float = 0.0) -> float:
        """
        Return the seconds until the next look.

        :param elapsed: seconds since the wait began. That it counts, and not the number of looks, lets a
            wait that moves to another triggerer go on as it was.
        :param remaining: seconds until the expected end, negative once it is overdue; None where nothing is
            expected.
        :param jitter: a number from 0 to 1; the pause is shortened by up to a fifth of itself.
        """
        pause = self.first + (self.growth - 1.0) * max(0.0, elapsed)
        if remaining is not None:
            pause = min(pause, max(self.first, abs(remaining) / 2.0))
        return min(self.poll_interval, pause) * (1.0 - 0.2 * jitter)


class EndEstimate:
    """
    When an aggregation may end, from its progress and from how long such a run took before.

    :param begun: seconds of the caller's clock at which the run began.
    :param usual_seconds: how long a run of this source usually takes, None where that is not known.
    """

    __slots__ = ("_begun", "_first", "_latest", "_usual_seconds")

    def __init__(self, begun: float, usual_seconds: float | None = None) -> None:
        self._begun = begun
        self._usual_seconds = usual_seconds
        self._first: tuple[float, float] | None = None
        self._latest: tuple[float, float] | None = None

    def note(self, share: float | None, now: float) -> None:
        """
        Take in how far the run is.

        :param share: 0 to 1; None where nothing is known.
        """
        if share is None or (self._latest is not None and share == self._latest[1]):
            return
        if self._latest is None or share < self._latest[1]:
            self._first = (now, share)
        self._latest = (now, share)

    def remaining(self, now: float) -> float | None:
        """Return the seconds until the expected end, negative once overdue; None where nothing is known."""
        if self._first is not None and self._latest is not None:
            (first, from_share), (latest, to_share) = self._first, self._latest
            if to_share - from_share >= _LEAST_PROGRESS and latest > first:
                per_share = (latest - first) / (to_share - from_share)
                return latest + (1.0 - to_share) * per_share - now
        if self._usual_seconds is not None:
            return self._begun + self._usual_seconds - now
        return None


_LEAST_PROGRESS = 0.05
"""How far a run must have come between two looks before its speed tells anything."""
