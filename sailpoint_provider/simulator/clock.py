"""The tenant's clock: wall time for records, a steady one for durations."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate


@dataclass
class TenantClock:
    """Tell the time as the tenant sees it.

    :param speed: how much faster than life an aggregation runs, a factor above 0. Token lifetimes and
        rate-limit windows stay in real seconds.
    :param skew_seconds: how far the tenant's clock is ahead of this machine's, in seconds, negative for
        behind. It shifts the times in new records and the ``Date`` header.
    """

    speed: float = 1.0
    skew_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a speed at which time would stand still."""
        if self.speed <= 0:
            raise ValueError(f"speed must be above 0, not {self.speed}")
        self._date_second = 0
        self._date = b""

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


def iso_time(epoch_seconds: float) -> str:
    """Write a time as ISC's records do: ISO 8601 in UTC with milliseconds and ``Z``."""
    text = datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def epoch_milliseconds(epoch_seconds: float) -> int:
    """Write a time as load-accounts answers do in public tools' logs."""
    return int(epoch_seconds * 1000)
