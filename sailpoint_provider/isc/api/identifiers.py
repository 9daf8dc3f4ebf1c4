"""Identifiers are checked before they become part of a path."""

from __future__ import annotations

import re

from sailpoint_provider.exceptions import InvalidInputError

_GIVEN = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_ANSWERED = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


def given_id(value: object, what: str) -> str:
    """
    Return an id that a user gave, or say what is wrong with it.

    :param value: the id; ISC's ids are 32 hex characters.
    :param what: what the id names, for the error (for example ``source_id``).
    :raises InvalidInputError: it is not 32 hex characters.
    """
    if isinstance(value, str) and _GIVEN.fullmatch(value):
        return value
    raise InvalidInputError(
        f"{what} {value!r} is not an id of Identity Security Cloud, which has 32 hex characters "
        "(0-9, a-f). In the UI it is the last part of the page's address."
    )


def answered_id(value: object) -> str | None:
    """
    Return an id that ISC gave, or None where it is none.

    More is taken than from a user, so that a started aggregation is never lost for its spelling.
    """
    if isinstance(value, str) and _ANSWERED.fullmatch(value):
        return value
    return None


def path_id(value: object, what: str) -> str:
    """
    Return an id fit for a path: one that a user gave, or one that ISC gave earlier.

    :raises InvalidInputError: it has other characters than letters, digits and hyphens, or over 64.
    """
    checked = answered_id(value)
    if checked is None:
        return given_id(value, what)
    return checked
