"""A request that a user wrote: any relative path of the tenant, checked before it is sent."""

from __future__ import annotations

import json as json_module
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypedDict
from urllib.parse import parse_qsl, unquote, urlencode

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.exchange import PAGE_BYTES, Request, Response

Params: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Query parameters: None is left out, a list repeats its name, a boolean becomes ``true`` or ``false``."""


class RawOptions(TypedDict, total=False):
    """The optional arguments of :func:`raw_request`, for functions that pass them on."""

    params: Params | None
    json: Any
    data: str | bytes | Mapping[str, Any] | None
    headers: Mapping[str, str] | None
    timeout: float | None


_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_SAFE_METHODS = ("GET", "HEAD")
_PATH = re.compile(r"[^\x00-\x20\x7f\\#]+")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "proxy-authorization",
        "transfer-encoding",
    }
)


def raw_request(
    method: str,
    path: str,
    *,
    params: Params | None = None,
    json: Any = None,
    data: str | bytes | Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Request[Response]:
    """
    Return a request for any endpoint of the tenant.

    ``GET`` and ``HEAD`` are repeated after any transient failure. Other methods are repeated only where the
    request had no effect: no connection was made, or ISC answered 429.

    :param method: ``GET``, ``HEAD``, ``OPTIONS``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
    :param path: path below the tenant's base URL, such as ``/v2025/accounts``; it may hold a query.
    :param params: query parameters, added to those in ``path``.
    :param json: body to send as JSON; None sends no body.
    :param data: body to send as it is, or a mapping to send URL-encoded; excludes ``json``.
    :param headers: extra header fields. They override the defaults, such as the ``Content-Type`` of ``json``.
    :param timeout: seconds for one attempt from the connection to the last byte of the response; None for
        twice the connection's ``timeout``.
    :raises InvalidInputError: a value cannot be sent: an absolute URL, a path with ``..``, a reserved header,
        a value of the wrong type.
    """
    method = method.upper() if isinstance(method, str) else method
    if method not in _METHODS:
        raise InvalidInputError(f"method={method!r} is not one of {', '.join(_METHODS)}.")
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and math.isfinite(timeout) and timeout > 0):
        raise InvalidInputError(f"timeout={timeout!r} is not a positive number of seconds.")
    path, query = _path_and_query(path)
    content, content_type = _content(json, data)
    return Request(
        purpose=f"{method} {path}",
        method=method,
        path=path,
        read=lambda response: response,
        query=(*query, *_pairs(params or (), "params")),
        content=content,
        headers=tuple((content_type | _checked({} if headers is None else headers)).items()),
        safe_to_repeat=method in _SAFE_METHODS,
        time_limit=timeout,
        most_bytes=PAGE_BYTES,
        denied_advice="The client lacks the scope or the user level that this endpoint requires.",
        not_found_advice="Check the path and the IDs in it.",
    )


def _path_and_query(path: str) -> tuple[str, list[tuple[str, str]]]:
    """
    Split a relative path from its query.

    :raises InvalidInputError: the path could lead anywhere but to the tenant.
    """
    if not isinstance(path, str):
        raise InvalidInputError(f"path={path!r} is not text, such as '/v2025/accounts'.")
    bare, _, query = path.partition("?")
    bare = bare if bare.startswith("/") else f"/{bare}"
    decoded = unquote(bare)
    if bare.startswith("//") or "://" in decoded or not _PATH.fullmatch(bare):
        raise InvalidInputError(
            f"path={bare!r} is not a path below the tenant's base URL, such as '/v2025/accounts'."
        )
    if any(segment in (".", "..") for segment in decoded.replace("\\", "/").split("/")):
        raise InvalidInputError(f"path={bare!r} has a '.' or '..' segment: write the path out.")
    return bare, parse_qsl(query, keep_blank_values=True)


def _pairs(given: Params, what: str) -> list[tuple[str, str]]:
    """
    Return names and values as text, each value of a list by itself.

    :param what: name of the argument, for the error, which shows no value, because it may be secret.
    :raises InvalidInputError: they are not pairs of a name and a value.
    """
    is_text = isinstance(given, str | bytes | bytearray | memoryview)
    if is_text or not isinstance(given, Iterable):
        raise InvalidInputError(
            f"{what} must be a mapping or pairs of a name and a value, not {_type_of(given)}."
        )
    pairs = list(given.items()) if isinstance(given, Mapping) else list(given)
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InvalidInputError(
                f"{what} must consist of pairs of a name and a value, but contains {_type_of(pair)} instead."
            )
        if not isinstance(pair[0], str):
            raise InvalidInputError(f"{what} has the name {pair[0]!r}; a name must be text.")
    return [
        (name, str(one).lower() if isinstance(one, bool) else str(one))
        for name, value in pairs
        for one in (value if isinstance(value, list | tuple | set) else (value,))
        if one is not None
    ]


def _content(json: Any, data: str | bytes | Mapping[str, Any] | None) -> tuple[bytes | None, dict[str, str]]:
    if json is not None and data is not None:
        raise InvalidInputError("Pass json or data, not both.")
    if json is not None:
        try:
            return json_module.dumps(json, allow_nan=False).encode(), {"content-type": "application/json"}
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"The value of json cannot be sent as JSON: {error}.") from None
    if isinstance(data, Mapping):
        content = urlencode(_pairs(data, "data")).encode()
        return content, {"content-type": "application/x-www-form-urlencoded"}
    if data is None:
        return None, {}
    if not isinstance(data, str | bytes | bytearray | memoryview):
        raise InvalidInputError(
            f"data must be text, bytes, or a mapping to send URL-encoded, not {_type_of(data)}. Use json for "
            "a JSON body."
        )
    content = data.encode() if isinstance(data, str) else bytes(data)
    return content, {"content-type": "application/octet-stream"}


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """
    Return header fields, their names in lower case.

    :raises InvalidInputError: a field is malformed, or the client sets it itself.
    """
    if not isinstance(headers, Mapping):
        raise InvalidInputError(f"headers must be a mapping of names to values, not {_type_of(headers)}.")
    for name, value in headers.items():
        if not isinstance(name, str):
            raise InvalidInputError(f"headers has the name {name!r}; a name must be text.")
        if not isinstance(value, str):
            raise InvalidInputError(f"The value of the header {name!r} must be text, not {_type_of(value)}.")
        if name.lower() in _RESERVED_HEADERS:
            raise InvalidInputError(f"The header {name!r} is set by the client and cannot be overridden.")
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInputError(f"The header {name!r} has a malformed name or value.")
    return {name.lower(): value for name, value in headers.items()}


def _type_of(value: object) -> str:
    """Return the type of a value with its article; the value itself may be secret."""
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
