"""Checks IDs before they become part of a path."""

from __future__ import annotations

import re

from sailpoint_provider.exceptions import InvalidInputError

_GIVEN = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_ANSWERED = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


def given_id(value: object, what: str) -> str:
    """
    Return an ID from a user if it is well-formed.

    :param value: the ID; ISC's IDs have 32 hex characters.
    :param what: what the ID identifies, for the error, such as ``source_id``.
    :raises InvalidInputError: it does not have 32 hex characters.
    """
    if isinstance(value, str) and _GIVEN.fullmatch(value):
        return value
    raise InvalidInputError(
        f"{what} {value!r} is not an ID of Identity Security Cloud, which has 32 hex characters "
        "(0-9, a-f). In the web interface, it is the last part of the page's URL."
    )


def answered_id(value: object) -> str | None:
    """
    Return an ID from a response of ISC; None if it cannot be one.

    The check is more lenient than for a user's ID, so that no started aggregation is lost because of an
    unusual ID.
    """
    if isinstance(value, str) and _ANSWERED.fullmatch(value):
        return value
    return None


def path_id(value: object, what: str) -> str:
    """
    Return an ID, from a user or from ISC, that can be part of a path.

    :raises InvalidInputError: it has characters other than letters, digits and hyphens, or more than 64.
    """
    checked = answered_id(value)
    if checked is None:
        return given_id(value, what)
    return checked
