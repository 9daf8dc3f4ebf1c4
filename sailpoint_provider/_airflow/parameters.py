"""Parameters of operators, sensors and hook methods, checked where they come in."""

from __future__ import annotations

import math
import os
import pathlib
from datetime import timedelta
from typing import Any

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.coercion import as_bool


def seconds(value: Any, name: str) -> float:
    """
    Return a duration in seconds.

    :param value: a number of seconds or a ``timedelta``.
    :param name: the parameter's name, for the error.
    :raises InvalidInputError: it is no duration above 0.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise InvalidInputError(
            f"{name} is {value!r}; it must be a number of seconds above 0, or a timedelta."
        )
    return float(value)


def truth(value: Any, name: str) -> bool:
    """
    Return a truth value, which a template may have turned into text.

    :raises InvalidInputError: it is neither a truth value nor the text true or false.
    """
    known = as_bool(value)
    if known is None:
        raise InvalidInputError(f"{name} is {value!r}; it must be true or false.")
    return known


def one_of(value: Any, name: str, *choices: str) -> str:
    """
    Return a word that is one of these.

    :raises InvalidInputError: it is none of them.
    """
    if value not in choices:
        raise InvalidInputError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
    return str(value)


def plain_path(file: Any) -> Any:
    """
    Return a ``pathlib`` path as text and anything else as it is.

    Rendering a template field calls ``resolve`` on whatever has it, and a ``pathlib.Path`` takes no context.
    An ``ObjectStoragePath`` is known by its ``protocol`` and stays what it is.
    """
    if isinstance(file, pathlib.PurePath) and not hasattr(file, "protocol"):
        return os.fspath(file)
    return file
