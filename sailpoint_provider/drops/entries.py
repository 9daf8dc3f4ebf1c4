"""A file as a folder lists it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_FOLDER = ".sailpoint"
"""Where this package keeps taken files and its records, inside the watched folder."""

DROP_VERSION = 1
"""Version of the JSON object that describes a taken drop."""


@dataclass(frozen=True)
class Entry:
    """
    A file in one of its states.

    :param name: path below the folder, with ``/``.
    :param size_bytes: size in bytes.
    :param marker: what differs between two states of equal size; empty where the place has nothing.
    :param modified: when the content was last modified, in epoch seconds by the clock of the place.
    :param changed: when anything about the file last changed, by the same clock. No program can set this
        time, so it is right even for a copy that preserves ``modified``.
    """

    name: str
    size_bytes: int
    marker: str
    modified: float
    changed: float

    @property
    def state(self) -> tuple[int, str]:
        """Size and marker."""
        return self.size_bytes, self.marker


@dataclass(frozen=True)
class Listing:
    """
    What a folder held at one moment.

    :param entries: its files by name, without the state folder and the folders of filed files.
    :param is_known: whether the state folder is there.
    :param subfolders: its other subfolders that are not hidden.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    is_known: bool = False
    subfolders: frozenset[str] = frozenset()

    @property
    def is_blank(self) -> bool:
        """Whether nothing shows that this is the right folder: it may be a mount point without its mount."""
        return not (self.is_known or self.subfolders or self.entries)


def leave_out_drop_folder(folder: str, subfolders: set[str], entries: dict[str, Entry]) -> bool:
    """
    Forget the files of a subfolder that is a drop folder itself: what it has loaded and refused is no drop.

    :param folder: path below the watched folder, empty for that one.
    :param subfolders: paths of its subfolders.
    :param entries: all files found so far, by path.
    :returns: whether it is one, so that its subfolders are of no interest either.
    """
    if not folder or f"{folder}/{STATE_FOLDER}" not in subfolders:
        return False
    for name in [name for name in entries if name.startswith(f"{folder}/")]:
        del entries[name]
    return True


def in_order(entries: list[Entry]) -> list[Entry]:
    """
    Return drops in the order in which they are loaded: the oldest content first, then by name.

    Numbers in names are compared as numbers: stores keep whole seconds, and ``hr_9`` comes before ``hr_10``.
    """
    return sorted(entries, key=lambda entry: (entry.modified, _natural(entry.name), entry.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a name as parts that sort by its text and by its numbers."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if number % 2 else (-1, part) for number, part in enumerate(parts)]
