"""Checks IDs before they become part of a path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from sailpoint_provider.isc.kinds import LoadKind

# Not compiled here, because Airflow imports this module with every DAG file, and few of them need it.
_GIVEN = r"[0-9A-Fa-f]{32}"
_UUID = r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_ANSWERED = r"[0-9A-Za-z-]{1,64}"


def id_from_user(value: object, what: str) -> str:
    """
    Return an ID from a user if it is well-formed.

    :param value: the ID; ISC's IDs have 32 hex characters.
    :param what: what the ID identifies, for the error, such as ``source_id``.
    :raises InvalidInputError: it does not have 32 hex characters.
    """
    if isinstance(value, str) and re.fullmatch(_GIVEN, value):
        return value
    raise InvalidInputError(
        f"{what} {value!r} is not an ID of Identity Security Cloud, which has 32 hex characters "
        "(0-9, a-f). In the web interface, it is the last part of the page's URL."
    )


def task_id(value: object, what: str) -> str:
    """
    Return the ID of a task from a user if it is well-formed: 32 hex characters, or a UUID.

    ISC documents the ID of an identity refresh as a UUID, hyphens included.

    :param what: what the ID identifies, for the error.
    :raises InvalidInputError: it is neither.
    """
    if isinstance(value, str) and re.fullmatch(_UUID, value):
        return value
    return id_from_user(value, what)


def load_id(value: object, kind: LoadKind) -> str:
    """
    Return the ID of a load from a user if it is well-formed.

    :raises InvalidInputError: it is not.
    """
    check = task_id if kind.may_have_uuid else id_from_user
    return check(value, "aggregation_id")


def identity_profile_id(value: object) -> str:
    """
    Return the ID of an identity profile if it is well-formed: a UUID, or 32 hex characters.

    :raises InvalidInputError: it is not.
    """
    if isinstance(value, str) and re.fullmatch(_UUID, value):
        return value
    raise InvalidInputError(
        f"identity_profile_id {value!r} is not an ID of an identity profile, which is a UUID or has 32 hex "
        "characters. In the web interface, it is part of the URL of the profile's page."
    )


def id_from_response(value: object) -> str | None:
    """
    Return an ID from a response of ISC; None if it cannot be one.

    The check is more lenient than for a user's ID, so that no started aggregation is lost because of an
    unusual ID.
    """
    if isinstance(value, str) and re.fullmatch(_ANSWERED, value):
        return value
    return None


def id_for_path(value: object, what: str) -> str:
    """
    Return an ID, from a user or from ISC, that can be part of a path.

    :raises InvalidInputError: it has characters other than letters, digits and hyphens, or more than 64.
    """
    checked = id_from_response(value)
    if checked is None:
        return id_from_user(value, what)
    return checked
