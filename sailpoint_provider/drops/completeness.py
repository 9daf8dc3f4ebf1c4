"""Which files are complete: decided from what a folder lists, without reading a file."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Literal

from sailpoint_provider.drops.names import COMPANION_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sailpoint_provider.drops.entries import Entry, Listing

Complete = Literal["renamed", "companion", "quiet"]

_SHA256 = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{64}(?![0-9A-Za-z])")
_BSD_SHA256 = re.compile(r"\)\s*=\s*([0-9a-fA-F]{64})(?![0-9A-Za-z])")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WHOLE_SECONDS = 1.0


class Observations:
    """
    How long each file has been seen in the same state.

    They live in one process. A restart begins anew, so that a file that grew in the meantime, or whose times
    were preserved by a copy, is not mistaken for a quiet one.
    """

    def __init__(self) -> None:
        self._since: dict[str, tuple[tuple[int, str], float]] = {}
        self._last = 0.0

    def see(self, entries: Iterable[Entry], at: float) -> None:
        """
        Note the states of all files that are there.

        :param at: seconds of a monotonic clock when the listing began.
        """
        self._last = at
        known, self._since = self._since, {}
        for entry in entries:
            before = known.get(entry.name)
            if before is not None and before[0] == entry.state:
                self._since[entry.name] = before
            else:
                self._since[entry.name] = (entry.state, at)

    def are_quiet(self, entry: Entry, quiet_for: float) -> bool:
        """Return whether two listings at least this many seconds apart, and all between, show one state."""
        state, since = self._since.get(entry.name, (None, 0.0))
        return bool(entry.marker) and state == entry.state and self._last - since >= quiet_for

    def due(self, entry: Entry, quiet_for: float) -> float:
        """Return the time of the monotonic clock from which a file can be quiet."""
        return self._since[entry.name][1] + quiet_for


def is_quiet_by_clock(entry: Entry, now: float, quiet_for: float) -> bool:
    """
    Return whether nothing about a file changed for this long, from a single listing.

    :param now: the time by the clock of the place itself, so that no two clocks are compared.
    """
    return bool(entry.marker) and now - max(entry.modified, entry.changed) >= quiet_for


def companions_of(entry: Entry, listing: Listing) -> list[Entry]:
    """
    Return the companions that say that a file is complete.

    One that is older than the file was left by an earlier file of that name. Clocks that count whole seconds
    are allowed for.
    """
    found = (listing.entries.get(entry.name + suffix) for suffix in COMPANION_SUFFIXES)
    return [one for one in found if one is not None and one.modified >= entry.modified - _WHOLE_SECONDS]


def digest_in(content: bytes) -> str | None:
    """
    Return the SHA-256 in a ``.sha256`` companion, None if it has none.

    The forms of sha256sum, BSD and macOS (``SHA256 (hr.csv) = …``), certutil and PowerShell are read.
    """
    coding = next((coding for mark, coding in _MARKS if content.startswith(mark)), "ascii")
    text = content.decode(coding, "replace")
    # BSD puts the name first, which may itself hold such a digest.
    if found := _BSD_SHA256.search(text):
        return found[1].lower()
    found = _SHA256.search(text)
    return found[0].lower() if found else None
