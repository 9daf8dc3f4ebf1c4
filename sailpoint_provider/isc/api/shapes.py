"""Checks that a response has the JSON shape that its reader needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sailpoint_provider.exceptions import ProtocolError


def json_object(document: Any, what: str) -> Mapping[str, Any]:
    """
    Return the document as a JSON object.

    :param what: what the document should be, for the error.
    :raises ProtocolError: it is something else.
    """
    if not isinstance(document, Mapping):
        raise ProtocolError(f"ISC returned {_shape(document)} instead of {what}, a JSON object.")
    return document


def json_array(document: Any, what: str) -> list[Any]:
    """
    Return the document as a JSON array.

    :param what: what the document should be, for the error.
    :raises ProtocolError: it is something else.
    """
    if not isinstance(document, list):
        raise ProtocolError(f"ISC returned {_shape(document)} instead of {what}, a JSON array.")
    return document


def _shape(document: Any) -> str:
    return {dict: "a JSON object", list: "a JSON array", str: "a string", type(None): "null"}.get(
        type(document), f"a {type(document).__name__}"
    )
