"""What a disk says about files and folders."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sailpoint_provider.drops.entries import Entry
from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Collection


def entry_of(name: str, found: os.stat_result) -> Entry:
    """Return a file in the state that the disk states."""
    marker = f"{found.st_mtime_ns}-{found.st_ino}-{found.st_ctime_ns}"
    return Entry(name, found.st_size, marker, found.st_mtime, found.st_ctime)


def content_state(entry: Entry) -> tuple[int, str]:
    """Return a state without the time of the last renaming, so that moving a file does not change it."""
    return entry.size_bytes, entry.marker.rpartition("-")[0]


def modified_at(folder: str) -> int:
    """Return when files came to a folder or went, in nanoseconds; 0 if it is gone."""
    try:
        return os.stat(folder).st_mtime_ns
    except FileNotFoundError:
        return 0


def check_file_systems(root: str, subfolders: Collection[str]) -> None:
    """
    Make sure that a folder lies on one file system, before a file is loaded and cannot be filed.

    :param subfolders: those of its subfolders that matter; they may be missing.
    :raises InvalidInputError: one lies on another file system.
    """
    here = os.stat(root).st_dev
    for one in sorted(subfolders):
        with suppress(FileNotFoundError):
            if os.stat(os.path.join(root, one)).st_dev != here:
                raise InvalidInputError(
                    f"The subfolder {one} of {root} lies on another file system, to which a file cannot be "
                    "moved in one step. Replace it with a subfolder on the file system of the folder."
                )
