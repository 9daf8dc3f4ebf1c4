"""From a URL, or a drop, to its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sailpoint_provider.drops.place import Place


def place_at(url: str) -> Place:
    """Return the place of a path or URL, which :class:`FolderRules` has checked."""
    if "://" not in url:
        from sailpoint_provider.drops.local import LocalPlace

        return LocalPlace(url)
    from sailpoint_provider.drops.store import StorePlace

    return StorePlace(url)


def folder_of(drop: Mapping[str, Any]) -> tuple[FolderRules, Place]:
    """
    Return the folder that a drop comes from.

    :raises InvalidInputError: it is not a drop.
    """
    try:
        rules = FolderRules.from_json(drop["folder"])
    except KeyError:
        raise InvalidInputError("This is not a drop: it does not say which folder it comes from.") from None
    return rules, place_at(rules.url)
