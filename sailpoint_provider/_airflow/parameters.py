"""Checks the parameters of operators, sensors and hook methods."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.coercion import as_bool
from sailpoint_provider.isc.coercion import seconds as seconds


def boolean(value: Any, name: str) -> bool:
    """
    Return a boolean, which a template may have turned into text.

    :raises InvalidInputError: the value is neither a boolean nor the text true or false.
    """
    known = as_bool(value)
    if known is None:
        raise InvalidInputError(f"{name} must be true or false, not {value!r}.")
    return known


def one_of(value: Any, name: str, *choices: str) -> str:
    """
    Return the value if it is one of the choices.

    :raises InvalidInputError: it is not.
    """
    if value not in choices:
        raise InvalidInputError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return str(value)


def plain_path(file: Any) -> Any:
    """
    Return a ``pathlib`` path as text, and anything else unchanged.

    Airflow calls ``resolve(context)`` on a template field that has such a method, and the one of a
    ``pathlib.Path`` takes no context. An ``ObjectStoragePath``, which has a ``protocol``, is left alone.
    """
    if isinstance(file, pathlib.PurePath) and not hasattr(file, "protocol"):
        return os.fspath(file)
    return file
