"""A file in a store that fsspec reaches: through Airflow if it knows the store, otherwise directly."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.source import FileSource, FileState, empty, folder, missing

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from airflow.providers.common.compat.sdk import ObjectStoragePath

# s3fs and adlfs would fetch 50 MiB at a time and keep the previous block in memory as well.
_FETCH_BYTES = 1024 * 1024

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
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")


class StoredFile(FileSource):
    """
    A file in a store.

    :param location: its URL, or Airflow's path object.
    :raises InvalidInputError: no file system is available for such a URL.
    """

    def __init__(self, location: str | os.PathLike[str] | ObjectStoragePath) -> None:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        self.location = _without_secrets(str(location))
        try:
            is_path = isinstance(location, ObjectStoragePath)
            self._path = cast("Any", location if is_path else ObjectStoragePath(location))
        except ValueError as error:
            raise self._no_file_system(error) from error
        self.name = self._path.name.partition("?")[0]

    def stat(self) -> FileState:
        found = self._info()
        if found.get("type") == "directory":
            raise folder(self)
        size = found.get("size")
        if not isinstance(size, int):
            raise InvalidInputError(
                f"The store does not report the size of the file {self.location}. Copy the file to another "
                "store, or to a disk, and load it from there."
            )
        if size == 0:
            raise empty(self)
        return FileState(size, _change_marker(found))

    def modified_at(self) -> float | None:
        return modified_in(self._info())

    def open(self) -> BinaryIO:
        """Open the file in such a way that little of it is in memory at any time."""
        _, open_file = self._file_system()
        try:
            opened = open_file("rb", block_size=_FETCH_BYTES, cache_type="readahead")
        except TypeError:  # this file system has no such cache
            opened = open_file("rb", block_size=_FETCH_BYTES)
        return cast("BinaryIO", opened)

    def _info(self) -> Mapping[str, Any]:
        """Ask the store about the file, bypassing what this process has cached of it."""
        file_system, _ = self._file_system()
        try:
            file_system.invalidate_cache()
            found: Mapping[str, Any] = file_system.info(self._path.path)
        except FileNotFoundError as error:
            raise missing(self, error) from None
        except Exception as error:
            # No chain: a store's error may contain the URL as it was given, signature included.
            raise InvalidInputError(
                f"Cannot look up the file {self.location} ({type(error).__name__}). Check the connection of "
                "its store.",
                final=False,
            ) from None
        return found

    def _file_system(self) -> tuple[Any, Callable[..., Any]]:
        """Return the file system and what opens the file: Airflow's, else fsspec's own of that name."""
        path = self._path
        try:
            return path.fs, path.open
        except ValueError as unknown_to_airflow:
            # Airflow 3.0 keeps the connection ID in the options alone.
            if getattr(path, "conn_id", None) or path.storage_options.get("conn_id"):
                raise self._no_file_system(unknown_to_airflow) from unknown_to_airflow
        import fsspec

        try:
            file_system = fsspec.filesystem(path.protocol)
        except (ValueError, ImportError) as error:
            raise self._no_file_system(error) from error
        return file_system, lambda mode, **options: file_system.open(path.path, mode, **options)

    def _no_file_system(self, error: Exception) -> InvalidInputError:
        return InvalidInputError(
            f"No file system is available for the file {self.location} ({type(error).__name__}). Install the "
            "Airflow provider for its store, or fsspec's package for it."
        )


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


_SCHEMES_WITH_USERS = frozenset({"http", "https", "ftp", "ftps", "sftp", "ssh", "webdav", "webhdfs", "smb"})


def _change_marker(found: Mapping[str, Any]) -> str:
    markers = [f"{key}={found[key]}" for key in _CHANGE_MARKERS if found.get(key) is not None]
    if not markers and found.get("created") is not None:
        markers = [f"created={found['created']}"]  # all that an in-memory file system has
    return " ".join(markers)


def _without_secrets(url: str) -> str:
    """Remove what a URL may hide: a signature in its query, a password before its host."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    credentials, at, bare = host.rpartition("@")
    # Before the host of a web or file server stands a user, perhaps a token; before a bucket, a connection.
    is_secret = ":" in credentials or scheme.partition("+")[0].lower() in _SCHEMES_WITH_USERS
    host = f"***@{bare}" if at and is_secret else host
    return f"{scheme}://{host}{slash}{path}"
