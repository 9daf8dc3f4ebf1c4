"""The last good file of a source, with which a new one is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.files.check.content import digest_of
from sailpoint_provider.files.locate import file_source

if TYPE_CHECKING:
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import FileSource


@dataclass(frozen=True)
class LastLoaded:
    """
    The last good file of a source.

    :param file: the file itself; None if only the record of it remains.
    :param name: name under which it was dropped.
    :param sha256: SHA-256 of the bytes that ISC received, 64 hex characters.
    :param loaded_at: when it was loaded, in seconds since the epoch.
    :param dropped_at: when it was dropped, in seconds since the epoch; None where unknown.
    :param deletions_skipped: whether ISC deleted nothing, because the source's delete threshold was exceeded.
    """

    file: FileSource | None
    name: str
    sha256: str
    loaded_at: float
    dropped_at: float | None
    deletions_skipped: bool = False


def last_file(location: FileLocation, now: float) -> LastLoaded:
    """
    Return a file as the one that was loaded last; when it was dropped, nobody recorded.

    :param location: path, URL or ``ObjectStoragePath``.
    :param now: seconds since the epoch.
    :raises InvalidInputError: the file is missing, empty or unreadable (not final).
    """
    file = file_source(location)
    with file.examine().open() as stream:
        return LastLoaded(file, file.name, digest_of(stream), now, None)
