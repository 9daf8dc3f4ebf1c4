"""A file in a store that fsspec reaches: through Airflow where that knows the store, else directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from airflow.providers.common.compat.sdk import ObjectStoragePath

# s3fs and adlfs would fetch 50 MiB at once, and hold the block before beside it.
_FETCHED_AT_ONCE = 1024 * 1024


class StoredFile:
    """
    A file of a store.

    :param location: its URL, or the path object of Airflow.
    :param shown: the URL without what it hides, for errors.
    :raises InvalidInputError: no store can be reached by such a URL.
    """

    def __init__(self, location: str | os.PathLike[str] | ObjectStoragePath, shown: str) -> None:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        self.shown = shown
        try:
            made = isinstance(location, ObjectStoragePath)
            self._path = cast("Any", location if made else ObjectStoragePath(location))
        except ValueError as error:
            raise self._no_such_store(error) from error
        self.name = self._path.name.partition("?")[0]

    def look(self) -> Mapping[str, Any]:
        """
        Ask the store about the file, past whatever the process remembers of an earlier look.

        :raises FileNotFoundError: it is not there.
        :raises InvalidInputError: there is no such store, or it cannot be asked.
        """
        store, _ = self._store()
        try:
            store.invalidate_cache()
            found: Mapping[str, Any] = store.info(self._path.path)
        except FileNotFoundError:
            raise
        except Exception as error:
            # No chain: an error of the store may hold the URL as it was given, signature and all.
            raise InvalidInputError(
                f"The file {self.shown} cannot be looked up: {type(error).__name__}. "
                "Is the store's connection right?",
                final=False,
            ) from None
        return found

    def open(self) -> BinaryIO:
        """Open the file so that little of it is in memory at any time."""
        _, opener = self._store()
        try:
            opened = opener("rb", block_size=_FETCHED_AT_ONCE, cache_type="readahead")
        except TypeError:  # this kind of store has no such cache
            opened = opener("rb", block_size=_FETCHED_AT_ONCE)
        return cast("BinaryIO", opened)

    def _store(self) -> tuple[Any, Callable[..., Any]]:
        """Return the file system and what opens the file: Airflow's, else fsspec's own of that name."""
        path = self._path
        try:
            return path.fs, path.open
        except ValueError as unknown_to_airflow:
            # Airflow 3.0 keeps it in the options alone.
            if getattr(path, "conn_id", None) or path.storage_options.get("conn_id"):
                raise self._no_such_store(unknown_to_airflow) from unknown_to_airflow
        import fsspec

        try:
            store = fsspec.filesystem(path.protocol)
        except (ValueError, ImportError) as error:
            raise self._no_such_store(error) from error
        return store, lambda mode, **options: store.open(path.path, mode, **options)

    def _no_such_store(self, error: Exception) -> InvalidInputError:
        return InvalidInputError(
            f"The file {self.shown} cannot be used ({type(error).__name__}). Is the provider package of its "
            "store installed, or fsspec's package for it?"
        )
