"""Reads values of responses and settings leniently: documented and observed spellings give the same value."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sailpoint_provider.exceptions import InvalidInputError

_LONGEST_SECONDS = 10 * 365 * 86400
_WHOLE_NUMBER = re.compile(r"-?[0-9]+")


def as_time(value: Any) -> datetime | None:
    """Return a time in UTC from ISO 8601 text or epoch milliseconds (ISC sends both); None for others."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        if isinstance(value, str) and not _WHOLE_NUMBER.fullmatch(value.strip()):
            moment = datetime.fromisoformat(value.strip())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        return datetime.fromtimestamp(float(value) / 1000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None


def as_int(value: Any) -> int | None:
    """Return a whole number from a number or its text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        try:
            return int(value.strip().replace(",", ""))
        except ValueError:
            return None
    return None


def as_bool(value: Any) -> bool | None:
    """Return a boolean from a boolean or the text ``true`` or ``false``; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def as_text(value: Any) -> str | None:
    """Return text without surrounding spaces; None for empty text and anything else."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    return None


def seconds(value: Any, name: str) -> float:
    """
    Return a duration in seconds.

    :param value: a number of seconds or a ``timedelta``.
    :param name: name of the parameter, for the error.
    :raises InvalidInputError: the value is not a duration above 0, or is above ten years.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    is_number = isinstance(number, float) or (isinstance(number, int) and not isinstance(number, bool))
    if not is_number or not 0 < number < math.inf:
        raise InvalidInputError(f"{name} must be a number of seconds above 0 or a timedelta, not {value!r}.")
    if number > _LONGEST_SECONDS:
        raise InvalidInputError(f"{name} must be at most ten years ({_LONGEST_SECONDS:,} s), not {value!r}.")
    return float(number)
