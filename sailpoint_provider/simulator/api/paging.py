"""Paging of ISC's collections: ``limit``, ``offset``, ``count`` (ISC OpenAPI, parameters)."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.answers import Answer, illegal, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_LIMIT = 250
MAX_OFFSET = 2**31 - 1
"""The OpenAPI documents declare the offset as int32."""

_WHOLE = re.compile(r"0*[0-9]{1,10}")
_BOOLEANS = {"true": True, "false": False}


def number(query: Mapping[str, str], name: str, default: int, maximum: int) -> int:
    """Read a whole number from 0 to ``maximum``, or end the call with 400."""
    text = query.get(name)
    if text is None:
        return default
    if _WHOLE.fullmatch(text) is None or int(text) > maximum:
        raise illegal(f'"{name}" must be a whole number from 0 to {maximum}')
    return int(text)


def boolean(query: Mapping[str, str], name: str) -> bool:
    """Read ``true`` or ``false`` in any case, or end the call with 400; false by default."""
    text = query.get(name, "false").lower()
    if text not in _BOOLEANS:
        raise illegal(f'"{name}" must be true or false')
    return _BOOLEANS[text]


def page_answer(
    records: Iterable[Any],
    query: Mapping[str, str],
    write: Callable[[Any], dict[str, Any]],
    total: int | None = None,
) -> Answer:
    """Answer one page.

    :param records: all matching records, in order; without ``count=true`` only those up to the page are read.
    :param query: the query parameters.
    :param write: turns a record into its JSON object.
    :param total: number of all matching records; None to count them where the client asks for it.
    """
    limit = number(query, "limit", MAX_LIMIT, MAX_LIMIT)
    offset = number(query, "offset", 0, MAX_OFFSET)
    headers: tuple[tuple[str, str], ...] = ()
    if boolean(query, "count"):
        if total is None:
            records = list(records)
            total = len(records)
        headers = (("x-total-count", str(total)),)
    page = [write(record) for record in islice(records, offset, offset + limit)]
    return json_answer(page, headers=headers)
