"""From a URL to its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sailpoint_provider.drops.place import Place


def place_at(url: str) -> Place:
    """Return the place of a path or URL, which :class:`FolderRules` has checked."""
    if "://" not in url:
        from sailpoint_provider.drops.local import LocalPlace

        return LocalPlace(url)
    from sailpoint_provider.drops.store import StorePlace

    return StorePlace(url)
