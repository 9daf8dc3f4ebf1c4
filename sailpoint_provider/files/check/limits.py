"""Limits of a check: a number, or a percentage of the accounts, compared without rounding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sailpoint_provider.exceptions import InvalidInputError

_NUMBER = re.compile(r"[0-9]+")
_PERCENTAGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_MOST_DECIMALS = 6
_WHOLE = 100


@dataclass(frozen=True)
class Limit:
    """
    The most that a rule accepts.

    :param amount: a number of accounts, or a percentage.
    :param is_percentage: whether it is a percentage.
    """

    amount: Fraction
    is_percentage: bool

    def is_exceeded(self, count: int, base: int) -> bool:
        """Return whether a number of accounts is above the limit, given how many there are."""
        if self.is_percentage:
            return count * 100 > self.amount * base
        return count > self.amount

    def __str__(self) -> str:
        """Return the limit as a sentence shows it."""
        return f"{_shortest(self.amount)} %" if self.is_percentage else f"{int(self.amount):,}"


def read_limit(value: Any, name: str, *, is_part: bool = True) -> Limit | None:
    """
    Return the limit that a user gave.

    :param value: a whole number, or a percentage such as ``10%`` or ``2.5 %``; None for no limit.
    :param name: name of the parameter, for the error.
    :param is_part: whether it limits a part of the accounts, of which there cannot be more than 100 %.
    :raises InvalidInputError: it is neither. A float is refused: 0.1 could mean 10 % or an account.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Limit(Fraction(value), is_percentage=False)
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return Limit(Fraction(int(text)), is_percentage=False)
        if percentage := _PERCENTAGE.fullmatch(text):
            share_allowed = Fraction(percentage[1])
            if is_part and share_allowed > _WHOLE:
                raise InvalidInputError(f"{name} must not be above 100 %, as {value!r} is.")
            return Limit(share_allowed, is_percentage=True)
    raise InvalidInputError(
        f'{name} must be a whole number of accounts or a percentage such as "10%", not {value!r}.'
    )


def share(count: int, base: int, limit: Limit | None = None) -> str:
    """
    Return a share as a percentage, with as many decimals as distinguish it from the limit.

    :param base: the whole; above 0.
    """
    exact = Fraction(count * 100, base)
    for decimals in range(1, _MOST_DECIMALS):
        shown = round(exact, decimals)
        if limit is None or not limit.is_percentage or shown != limit.amount or exact == limit.amount:
            break
    return f"{_shortest(shown)} %"


def _shortest(number: Fraction) -> str:
    """Return a number with no more decimals than it needs, and no fewer than are exact."""
    return f"{float(number):.{_MOST_DECIMALS}f}".rstrip("0").rstrip(".")
