"""The tenant's clock: wall time for records, monotonic time for durations."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate

MAX_SKEW_SECONDS = 3_000_000_000
"""About 95 years, which keeps every date representable."""


@dataclass
class TenantClock:
    """The time as the tenant sees it.

    :param speed: how many times faster than in real time aggregations run, above 0. Token lifetimes and
        rate-limit windows stay in real seconds.
    :raises ValueError: if the speed is not above 0.
    """

    speed: float = 1.0

    def __post_init__(self) -> None:
        """Validate the speed."""
        if self.speed <= 0:
            raise ValueError(f"speed must be above 0, not {self.speed}")
        self._date_second = 0
        self._date = b""
        self._skews: list[tuple[float, float]] = [(0.0, 0.0)]

    @property
    def skew_seconds(self) -> float:
        """Seconds by which the tenant's clock is ahead of this machine's; negative if it is behind."""
        return self._skews[-1][1]

    def set_skew(self, seconds: float) -> None:
        """Set the clock ahead of this machine's, or behind it.

        :param seconds: seconds ahead, negative for behind.
        :raises ValueError: beyond :data:`MAX_SKEW_SECONDS` in either direction.
        """
        if not abs(seconds) <= MAX_SKEW_SECONDS:
            raise ValueError(f"skew_seconds must be from -{MAX_SKEW_SECONDS} to {MAX_SKEW_SECONDS}")
        if seconds != self.skew_seconds:
            self._skews.append((self.steady(), seconds))

    def skew_at(self, steady: float) -> float:
        """Return the skew at a monotonic time; for a future time, the current one."""
        return next((skew for since, skew in reversed(self._skews) if since <= steady), 0.0)

    def now(self) -> float:
        """Return the tenant's wall time in epoch seconds."""
        return time.time() + self.skew_seconds

    def steady(self) -> float:
        """Return this machine's monotonic time in seconds."""
        return time.monotonic()

    def http_date(self, further_skew: float = 0.0) -> bytes:
        """Return the value of the ``Date`` header.

        :param further_skew: seconds added for this answer only.
        """
        second = int(self.now() + further_skew)
        if second != self._date_second:
            self._date_second, self._date = second, formatdate(second, usegmt=True).encode()
        return self._date


def normal_time(text: str) -> str:
    """Return an ISO 8601 time in the form of ISC's records; a time without an offset is UTC.

    :raises ValueError: if it is not such a time.
    """
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"{text}" is not a date') from error
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_time(epoch_seconds: float) -> str:
    """Return a time in the form of ISC's records: ISO 8601 in UTC with milliseconds and ``Z``."""
    text = datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def epoch_milliseconds(epoch_seconds: float) -> int:
    """Return a time in epoch milliseconds, as answers to a start have it in public tools' logs."""
    return int(epoch_seconds * 1000)
