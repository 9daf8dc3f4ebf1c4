"""Finds the CSV that a task names: a local path, a URL, or an Airflow ``ObjectStoragePath``."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from functools import cache, partial
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from sailpoint_provider.hooks.packed_file import DAMAGE, measure_packed, open_packed
from sailpoint_provider.hooks.stored_file import StoredFile
from sailpoint_provider.isc.csv_rows import RowCounter
from sailpoint_provider.isc.errors import InvalidInputError
from sailpoint_provider.isc.orders import CsvOrder
from sailpoint_provider.isc.upload import FileStamp, SentFile, Upload, empty_file, is_packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import ObjectStoragePath

CsvLocation: TypeAlias = "str | os.PathLike[str] | ObjectStoragePath"

_CHUNK = 1024 * 1024
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
    Describe a file that is looked for only when it is its turn.

    :raises InvalidInputError: the location can never work: no text, a folder, or a store that cannot be used.
    """
    find_stamp, shown, _ = _ways(location)
    try:
        find_stamp()
    except InvalidInputError as error:
        # What is missing or empty now may be there when it is our turn; a folder stays a folder.
        if error.final:
            raise
    return CsvOrder(shown, partial(find_csv, location), examine_csv)


def examine_csv(upload: Upload) -> tuple[SentFile, int]:
    """
    Read a file to its end and tell what would be sent of it, and how many rows it has below its header.

    :raises InvalidInputError: it cannot be read, or changed meanwhile.
    """
    digest, rows, size = hashlib.sha256(), RowCounter(), 0
    try:
        with upload.open() as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                rows.feed(chunk)
                size += len(chunk)
    except (OSError, *DAMAGE) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise InvalidInputError(
            f"The file {upload.location} could not be read: {why}.", final=False
        ) from None
    upload.check_unchanged()
    return SentFile(upload.sent_name, size, digest.hexdigest()), rows.rows


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
        raise InvalidInputError(f"The file {path} is no regular file.")
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
