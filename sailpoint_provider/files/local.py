"""A file on a disk that the worker can reach."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.source import FileSource, FileState, empty, folder, missing


class LocalFile(FileSource):
    """
    A file on a disk.

    :param path: its path.
    """

    def __init__(self, path: str) -> None:
        self.name = os.path.basename(path)
        self.location = path

    def stat(self) -> FileState:
        try:
            found = os.stat(self.location)
        except OSError as error:
            raise missing(self, error) from None
        if stat.S_ISDIR(found.st_mode):
            raise folder(self)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidInputError(f"{self.location} is not a regular file.")
        if not os.access(self.location, os.R_OK):
            raise InvalidInputError(
                f"This worker has no permission to read the file {self.location}.", final=False
            )
        if found.st_size == 0:
            raise empty(self)
        return FileState(found.st_size, str(found.st_mtime_ns))

    def modified_at(self) -> float | None:
        try:
            return os.stat(self.location).st_mtime
        except OSError as error:
            raise missing(self, error) from None

    def open(self) -> BinaryIO:
        return open(self.location, "rb")
