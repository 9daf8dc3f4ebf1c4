"""Finds the CSV that a task names: a local path, a URL, or an Airflow ``ObjectStoragePath``."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from sailpoint_provider.isc.csv_rows import RowCounter
from sailpoint_provider.isc.errors import InvalidInputError
from sailpoint_provider.isc.orders import CsvOrder
from sailpoint_provider.isc.upload import FileStamp, SentFile, Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    Find a file and describe it for sending; it is opened only when it is sent.

    :param location: local path, URL that fsspec understands, or ``ObjectStoragePath``.
    :raises InvalidInputError: there is no such file, it is a folder, or it is empty. Missing, empty and
        unreadable files are not final, because they can be there at the next try.
    """
    find_stamp, shown, open_file = _ways(location)
    return Upload(shown, find_stamp(), open_file, find_stamp)


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
    digest, rows = hashlib.sha256(), RowCounter()
    try:
        with upload.open() as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                rows.feed(chunk)
    except OSError as error:
        raise InvalidInputError(
            f"The file {upload.location} could not be read: {error}.", final=False
        ) from error
    upload.check_unchanged()
    return SentFile(upload.stamp.name, upload.stamp.size_bytes, digest.hexdigest()), rows.rows


def _ways(location: CsvLocation) -> tuple[Callable[[], FileStamp], str, Callable[[], BinaryIO]]:
    """Return how to tell the state of a file, how to name it, and how to open it."""
    text = str(location).strip()
    if not text:
        raise InvalidInputError("file is empty text: give the path or URL of the CSV, or leave it out.")
    if not _URL.match(text):
        return partial(_local_stamp, text), text, partial(_open_local, text)
    path = _object_storage_path(location, text)
    shown = _without_secrets(text)
    return (
        partial(_stored_stamp, path, shown, path.name.partition("?")[0]),
        shown,
        partial(_open_stored, path),
    )


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


def _stored_stamp(path: ObjectStoragePath, shown: str, name: str) -> FileStamp:
    store = _store_of(path, shown)
    try:
        found: Mapping[str, Any] = store.info(path.path)
    except FileNotFoundError as error:
        raise _missing(shown, error) from None
    except Exception as error:
        raise InvalidInputError(
            f"The file {shown} cannot be looked up: {type(error).__name__}. Is the store's connection right?",
            final=False,
        ) from error
    if found.get("type") == "directory":
        raise InvalidInputError(f"The file {shown} is a folder: give the CSV itself.")
    size = found.get("size")
    if not isinstance(size, int):
        raise InvalidInputError(
            f"The store does not tell the size of the file {shown}: copy it elsewhere first."
        )
    markers = [f"{key}={found[key]}" for key in _CHANGE_MARKERS if found.get(key) is not None]
    return FileStamp(name, _not_empty(shown, size), " ".join(markers))


def _open_local(path: str) -> BinaryIO:
    return open(path, "rb")


def _open_stored(path: ObjectStoragePath) -> BinaryIO:
    # Airflow does not annotate open().
    return cast("BinaryIO", path.open("rb"))  # type: ignore[no-untyped-call]


def _object_storage_path(location: CsvLocation, text: str) -> ObjectStoragePath:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if isinstance(location, ObjectStoragePath):
        return location
    try:
        return ObjectStoragePath(text)
    except ValueError as error:
        raise _no_such_store(_without_secrets(text), error) from error


def _store_of(path: ObjectStoragePath, shown: str) -> Any:
    try:
        return path.fs
    except ValueError as error:  # where Airflow 3.0 and 3.1 notice that they know no such store
        raise _no_such_store(shown, error) from error


def _no_such_store(shown: str, error: Exception) -> InvalidInputError:
    return InvalidInputError(
        f"The file {shown} cannot be used ({type(error).__name__}). Is the provider package of its store "
        "installed, or fsspec's package for it?"
    )


def _not_empty(shown: str, size: int) -> int:
    if size == 0:
        raise InvalidInputError(
            f"The file {shown} is empty. An empty file would remove every account of the source; nothing "
            "was sent.",
            final=False,
        )
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
