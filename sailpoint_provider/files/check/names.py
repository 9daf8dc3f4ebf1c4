"""What the name of a file says: the date of its content, and whose file it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# 2026-11-24 or 20261124, alone or with a time: T0830, _08-30-00, -083000. Four digits that stand apart, as in
# 20261124-0312, are no time: they may number a job.
_DATE = re.compile(
    r"(?<!\d)(20\d\d)(-?)(\d\d)\2(\d\d)"
    r"(?:(?:T?|[_ -](?!\d{4}(?![\dZ])))([01]\d|2[0-3])[:.-]?([0-5]\d)(?:[:.-]?([0-5]\d))?Z?(?!-?\d))?(?!\d)",
    re.ASCII,
)
_LEADING_ID = re.compile(r"\s*([0-9a-f]{32})(?![0-9a-z])", re.ASCII | re.IGNORECASE)
_LEAD = timedelta(days=2)
"""A date further ahead than this is not that of an export; time zones and clocks explain less."""


@dataclass(frozen=True)
class NameDate:
    """
    A date in the name of a file.

    :param moment: the date, at its beginning where the name has no time; read as UTC.
    :param has_time: whether the name has a time.
    """

    moment: datetime
    has_time: bool

    def is_before(self, other: NameDate) -> bool:
        """Return whether it is older than another, as exactly as both names say."""
        if self.has_time and other.has_time:
            return self.moment < other.moment
        return self.moment.date() < other.moment.date()

    @property
    def latest(self) -> float:
        """The last moment that the name can mean, in seconds since the epoch."""
        return (self.moment if self.has_time else self.moment + timedelta(days=1)).timestamp()

    def __str__(self) -> str:
        """Return the date as a sentence shows it."""
        return self.moment.strftime("%Y-%m-%d %H:%M" if self.has_time else "%Y-%m-%d")


def date_in(name: str, now: float) -> NameDate | None:
    """
    Return the latest date in a name; None if it holds none.

    :param name: name of a file.
    :param now: seconds since the epoch; a date more than two days ahead of it does not count.
    """
    stem = _LEADING_ID.sub("", name, count=1)
    dates = [found for match in _DATE.finditer(stem) if (found := _read(match)) is not None]
    latest = datetime.fromtimestamp(now, UTC) + _LEAD
    return max((one for one in dates if one.moment <= latest), key=lambda one: one.moment, default=None)


def source_id_in(name: str) -> str | None:
    """
    Return the ID of the source with which a name begins; None if it begins with anything else.

    SailPoint's File Upload Utility 4.1.0 finds the source of a file that way.
    """
    match = _LEADING_ID.match(name)
    return match[1].lower() if match else None


def _read(match: re.Match[str]) -> NameDate | None:
    year, _, month, day, hour, minute, second = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    return NameDate(moment, has_time=hour is not None)
