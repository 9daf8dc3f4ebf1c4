"""Paging of ISC's collections: ``limit``, ``offset``, ``count`` (ISC OpenAPI, parameters)."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.answers import Answer, illegal, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST_PER_PAGE = 250
MOST_OFFSET = 2**31 - 1
"""The documents call the offset an int32."""

_WHOLE = re.compile(r"0*[0-9]{1,10}")
_TRUTH = {"true": True, "false": False}


def number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Read a whole number from 0 to ``most``, or end the call with 400."""
    text = query.get(name)
    if text is None:
        return default
    if _WHOLE.fullmatch(text) is None or int(text) > most:
        raise illegal(f'"{name}" must be a whole number from 0 to {most}')
    return int(text)


def truth(query: Mapping[str, str], name: str) -> bool:
    """Read ``true`` or ``false`` in any case, or end the call with 400; the default is false."""
    text = query.get(name, "false").lower()
    if text not in _TRUTH:
        raise illegal(f'"{name}" must be true or false')
    return _TRUTH[text]


def page_answer(
    records: Iterable[Any], query: Mapping[str, str], write: Callable[[Any], dict[str, Any]]
) -> Answer:
    """Answer one page.

    :param records: all that match, in order; only as many are drawn as the page needs, unless ``count=true``.
    :param query: the query parameters.
    :param write: writes one record as JSON.
    """
    limit = number(query, "limit", MOST_PER_PAGE, MOST_PER_PAGE)
    offset = number(query, "offset", 0, MOST_OFFSET)
    headers: tuple[tuple[str, str], ...] = ()
    if truth(query, "count"):
        records = list(records)
        headers = (("x-total-count", str(len(records))),)
    page = [write(record) for record in islice(records, offset, offset + limit)]
    return json_answer(page, headers=headers)
