"""From the parameter ``file`` to its source: a local path, a URL, or an Airflow ``ObjectStoragePath``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.gzipped import GzippedFile, is_gzipped
from sailpoint_provider.files.local import LocalFile
from sailpoint_provider.files.object_storage import StoredFile

if TYPE_CHECKING:
    import os

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from sailpoint_provider.files.source import FileSource, Upload

FileLocation: TypeAlias = "str | os.PathLike[str] | ObjectStoragePath"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def file_source(location: FileLocation) -> FileSource:
    """
    Return where a file comes from; the file itself may still be missing.

    :param location: local path, URL that fsspec understands, or ``ObjectStoragePath``. If its name ends in
        ``.gz``, the decompressed content is sent.
    :raises InvalidInputError: the location can never work: an empty string, a folder, or a store that cannot
        be used.
    """
    source = _source_at(location)
    try:
        source.stat()
    except InvalidInputError as error:
        # An earlier try may have loaded the file before it was moved away; that run is resumed.
        if error.final:
            raise
    return source


def find_csv(location: FileLocation) -> Upload:
    """
    Find and examine a file that is to be sent now.

    :param location: as in :func:`file_source`.
    :raises InvalidInputError: it cannot be sent; see :meth:`FileSource.examine`.
    """
    return _source_at(location).examine()


def _source_at(location: FileLocation) -> FileSource:
    text = str(location)
    if not text.strip():
        raise InvalidInputError("file is an empty string. Give the path or URL of the CSV, or omit file.")
    stored: FileSource
    if _URL.match(text):
        stored = StoredFile(text if isinstance(location, str) else location)
    else:
        stored = LocalFile(text)
    return GzippedFile(stored) if is_gzipped(stored.name) else stored
