"""Paging of ISC's collections: ``limit``, ``offset``, ``count`` (ISC OpenAPI, parameters)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.answers import Answer, illegal, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST_PER_PAGE = 250


def _number(query: Mapping[str, str], name: str, default: int, most: int | None = None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or (most is not None and int(text) > most):
        limit = "" if most is None else f" and at most {most}"
        raise illegal(f'"{name}" must be a whole number, not negative{limit}')
    return int(text)


def page_answer(
    records: Iterable[Any], query: Mapping[str, str], write: Callable[[Any], dict[str, Any]]
) -> Answer:
    """Answer one page.

    :param records: all that match, in order; only as many are drawn as the page needs, unless ``count=true``.
    :param query: the query parameters.
    :param write: writes one record as JSON.
    """
    limit = _number(query, "limit", MOST_PER_PAGE, MOST_PER_PAGE)
    offset = _number(query, "offset", 0)
    headers: tuple[tuple[str, str], ...] = ()
    if query.get("count", "false").lower() == "true":
        records = list(records)
        headers = (("x-total-count", str(len(records))),)
    page = [write(record) for record in islice(records, offset, offset + limit)]
    return json_answer(page, headers=headers)
