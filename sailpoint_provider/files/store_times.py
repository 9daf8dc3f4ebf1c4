"""When a stored file was last modified, by what stores call that."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")


def modified_in(found: Mapping[str, Any]) -> float | None:
    """
    Return when a file was last modified, in seconds since the epoch; None if the store does not say.

    :param found: what fsspec returns about the file.
    """
    return next((_epoch(found[key]) for key in _TIMES if found.get(key) is not None), None)


def _epoch(value: Any) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int | float):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None
