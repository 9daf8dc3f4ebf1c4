"""Finds the CSV that a task names: a local path, a URL, or an Airflow ``ObjectStoragePath``."""

from __future__ import annotations

import os
import re
import stat
from functools import cache, partial
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.gzipped import measure_packed, open_packed
from sailpoint_provider.files.object_storage import StoredFile
from sailpoint_provider.isc.start.request import CsvOrder
from sailpoint_provider.isc.start.upload import FileStamp, Upload, empty_file, is_packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import ObjectStoragePath

CsvLocation: TypeAlias = "str | os.PathLike[str] | ObjectStoragePath"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# What stores call the state of a file: S3, GCS, Azure, HTTP, local and in-memory file systems.
_CHANGE_MARKERS = (
    "ETag",
    "etag",
    "md5",
    "md5Hash",
    "content_md5",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
)


def find_csv(location: CsvLocation) -> Upload:
    """
    Find a file and describe it for sending; it is opened only when it is sent, or to see what it holds.

    :param location: local path, URL that fsspec understands, or ``ObjectStoragePath``; where its name ends in
        ``.gz``, what it holds is sent.
    :raises InvalidInputError: there is no such file, it is a folder, or it is empty. Missing, empty and
        unreadable files are not final, because they can be there at the next try.
    """
    find_stamp, shown, open_file = _ways(location)
    stamp = find_stamp()
    if not is_packed(stamp.name):
        return Upload(shown, stamp, open_file, find_stamp)
    measure = cache(partial(measure_packed, stamp.name, shown, open_file))
    return Upload(shown, stamp, partial(open_packed, open_file), find_stamp, measure)


def csv_order(location: CsvLocation) -> CsvOrder:
    """
    Describe a file for a start, which looks for it when the task begins and again when the source is free.

    :raises InvalidInputError: the location can never work: empty text, a folder, or a store that cannot be
        used.
    """
    find_stamp, shown, _ = _ways(location)
    try:
        find_stamp()
    except InvalidInputError as error:
        # A file that is gone may have been loaded by an earlier try, which is taken up first.
        if error.final:
            raise
    return CsvOrder(shown, _Finder(location).find)


class _Finder:
    """
    Finds a file again and again.

    A ``.gz`` that did not change since the last time is not read through again.

    :param location: the file as its user named it.
    """

    def __init__(self, location: CsvLocation) -> None:
        self._location = location
        self._found: Upload | None = None

    def find(self) -> Upload:
        """
        Return the file as it is now.

        :raises InvalidInputError: as :func:`find_csv` says.
        """
        found = find_csv(self._location)
        if self._found is None or not found.stamp.is_surely(self._found.stamp):
            self._found = found
        return self._found


def _ways(location: CsvLocation) -> tuple[Callable[[], FileStamp], str, Callable[[], BinaryIO]]:
    """Return how to tell the state of a file, how to name it, and how to open it."""
    text = str(location).strip()
    if not text:
        raise InvalidInputError("file is empty text: give the path or URL of the CSV, or leave it out.")
    if not _URL.match(text):
        return partial(_local_stamp, text), text, partial(_open_local, text)
    shown = _without_secrets(text)
    stored = StoredFile(text if isinstance(location, str) else location, shown)
    return partial(_stored_stamp, stored), shown, stored.open


def _local_stamp(path: str) -> FileStamp:
    try:
        found = os.stat(path)
    except OSError as error:
        raise _missing(path, error) from None
    if stat.S_ISDIR(found.st_mode):
        raise InvalidInputError(f"The file {path} is a folder: give the CSV itself.")
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInputError(f"The file {path} is not a regular file.")
    if not os.access(path, os.R_OK):
        raise InvalidInputError(f"The file {path} may not be read by this worker.", final=False)
    return FileStamp(os.path.basename(path), _not_empty(path, found.st_size), str(found.st_mtime_ns))


def _stored_stamp(stored: StoredFile) -> FileStamp:
    shown = stored.shown
    try:
        found = stored.look()
    except FileNotFoundError as error:
        raise _missing(shown, error) from None
    if found.get("type") == "directory":
        raise InvalidInputError(f"The file {shown} is a folder: give the CSV itself.")
    size = found.get("size")
    if not isinstance(size, int):
        raise InvalidInputError(
            f"The store does not tell the size of the file {shown}: copy it elsewhere first."
        )
    markers = [f"{key}={found[key]}" for key in _CHANGE_MARKERS if found.get(key) is not None]
    if not markers and found.get("created") is not None:
        markers = [f"created={found['created']}"]  # all that a file system in memory has
    return FileStamp(stored.name, _not_empty(shown, size), " ".join(markers))


def _open_local(path: str) -> BinaryIO:
    return open(path, "rb")


def _not_empty(shown: str, size: int) -> int:
    if size == 0:
        raise empty_file(shown)
    return size


def _missing(shown: str, error: OSError) -> InvalidInputError:
    why = error.strerror or "not found"
    return InvalidInputError(f"The file {shown} is not there for this worker ({why}).", final=False)


def _without_secrets(text: str) -> str:
    """Leave out what a URL may hide: a signature in its query, a password before its host."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    host, slash, path = rest.partition("?")[0].partition("/")
    credentials, at, bare = host.rpartition("@")
    host = f"***@{bare}" if at and ":" in credentials else host
    return f"{scheme}{mark}{host}{slash}{path}"
