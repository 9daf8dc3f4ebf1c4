"""The tenant's clock: wall time for records, a steady one for durations."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate

MOST_SKEW_SECONDS = 3_000_000_000
"""Some 95 years, so that every date stays one that can be written."""


@dataclass
class TenantClock:
    """Tell the time as the tenant sees it.

    :param speed: how much faster than life an aggregation runs, a factor above 0. Token lifetimes and
        rate-limit windows stay in real seconds.
    """

    speed: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a speed at which time would stand still."""
        if self.speed <= 0:
            raise ValueError(f"speed must be above 0, not {self.speed}")
        self._date_second = 0
        self._date = b""
        self._skews: list[tuple[float, float]] = [(0.0, 0.0)]

    @property
    def skew_seconds(self) -> float:
        """How far the tenant's clock is ahead of this machine's, in seconds; negative for behind."""
        return self._skews[-1][1]

    def set_skew(self, seconds: float) -> None:
        """Set the clock ahead of this machine's, or behind it.

        :param seconds: negative for behind; ValueError beyond :data:`MOST_SKEW_SECONDS` either way.
        """
        if not abs(seconds) <= MOST_SKEW_SECONDS:
            raise ValueError(f"skew_seconds must be from -{MOST_SKEW_SECONDS} to {MOST_SKEW_SECONDS}")
        if seconds != self.skew_seconds:
            self._skews.append((self.steady(), seconds))

    def skew_at(self, steady: float) -> float:
        """Return the skew that held at a steady time, or that holds now if it is still to come."""
        return next((skew for since, skew in reversed(self._skews) if since <= steady), 0.0)

    def now(self) -> float:
        """Return the tenant's wall time in epoch seconds."""
        return time.time() + self.skew_seconds

    def steady(self) -> float:
        """Return this machine's monotonic time in seconds."""
        return time.monotonic()

    def http_date(self, further_skew: float = 0.0) -> bytes:
        """Return the value of the ``Date`` header.

        :param further_skew: seconds added for one answer alone.
        """
        second = int(self.now() + further_skew)
        if second != self._date_second:
            self._date_second, self._date = second, formatdate(second, usegmt=True).encode()
        return self._date


def normal_time(text: str) -> str:
    """Return an ISO 8601 time as ISC's records write it; without an offset it is UTC.

    Anything else raises ValueError.
    """
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"{text}" is not a date') from error
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_time(epoch_seconds: float) -> str:
    """Write a time as ISC's records do: ISO 8601 in UTC with milliseconds and ``Z``."""
    text = datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def epoch_milliseconds(epoch_seconds: float) -> int:
    """Write a time as load-accounts answers do in public tools' logs."""
    return int(epoch_seconds * 1000)
