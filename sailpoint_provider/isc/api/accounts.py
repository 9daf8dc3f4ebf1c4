"""Calls about the accounts that ISC holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.exchange import Request
from sailpoint_provider.isc.api.identifiers import path_id
from sailpoint_provider.isc.api.task_query import quoted

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.versions import ApiVersion

_TOTAL = re.compile(r"[0-9]{1,18}")


def account_count(generation: ApiVersion, source_id: str) -> Request[int]:
    """Read how many accounts ISC holds of a source, from the header of a page that is as small as allowed."""
    source_id = path_id(source_id, "source_id")
    return Request(
        purpose=f"count the accounts of source {source_id}",
        method="GET",
        path=generation.path("accounts"),
        read=_read_total,
        scope="idn:accounts:read",
        query=(
            ("filters", f"sourceId eq {quoted(source_id)}"),
            ("count", "true"),
            ("limit", "1"),
            ("detailLevel", "SLIM"),
        ),
    )


def _read_total(answer: Response) -> int:
    """
    Read the answer to :func:`account_count`.

    :raises ProtocolError: it is not a page of at most one account, or has no usable total.
    """
    page = answer.json()
    if not isinstance(page, list):
        raise ProtocolError("ISC returned something other than a JSON array of accounts.")
    total = answer.headers.get("x-total-count", "").strip()
    if not _TOTAL.fullmatch(total):
        raise ProtocolError("ISC returned no usable X-Total-Count, although count=true asks for it.")
    if int(total) < len(page):
        raise ProtocolError(f"ISC returned {len(page)} accounts with an X-Total-Count of {total}.")
    return int(total)
