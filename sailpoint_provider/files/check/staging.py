"""Puts a file where DuckDB can read it, and makes sure that it does not change meanwhile."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.files.local import LocalFile
from sailpoint_provider.files.source import unreadable

if TYPE_CHECKING:
    from sailpoint_provider.files.source import FileSource

_BLOCK = 1024 * 1024
_RESERVED_PART = 20
_MOST_RESERVED = 1024**3


class DamagedFileError(Exception):
    """A compressed file is damaged or incomplete."""


class NoRoomError(InvalidInputError):
    """The temporary folder has no room for a copy, which says nothing about the file."""


def private_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder that only this user can read; its context manager removes it with all that it holds."""
    return tempfile.TemporaryDirectory(prefix="sailpoint_check_", ignore_cleanup_errors=True)


class StagedFile:
    """
    A file under a plain local path.

    :param file: the file. One on a disk is read where it is; any other is copied.
    :param path: the path to make; it contains no character that DuckDB takes for a pattern.
    :raises DamagedFileError: it cannot be decompressed.
    :raises InvalidInputError: it is missing or cannot be read, or no room is left for the copy (not final).
    """

    def __init__(self, file: FileSource, path: str) -> None:
        self.file = file
        self.path = path
        self._state = file.stat()
        self._identity = self._identify()
        if isinstance(file, LocalFile):
            os.symlink(os.path.abspath(file.location), path)
        else:
            self._copy()

    def check_unchanged(self) -> None:
        """
        Make sure that the file is still what it was.

        :raises InvalidInputError: it changed, or is gone (not final).
        """
        if self.file.stat() != self._state or self._identify() != self._identity:
            raise InvalidInputError(
                f"The file {self.file.location} changed while it was being checked. Nothing was sent. Write "
                "the file under a temporary name and rename it once it is complete.",
                final=False,
            )

    def _identify(self) -> tuple[int, ...] | None:
        """Return what no program can set back on a disk: which file it is, and when it last changed."""
        if not isinstance(self.file, LocalFile):
            return None
        try:
            found = os.stat(self.file.location)
        except OSError as error:
            raise unreadable(self.file, error) from None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _copy(self) -> None:
        with open(self.path, "xb", buffering=0) as target:
            try:
                with self.file.open() as source:
                    while block := source.read(_BLOCK):
                        _check_room(self.path, len(block))
                        _write(target.fileno(), block)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise DamagedFileError(type(error).__name__) from None
            except SailPointError:
                raise
            except Exception as error:
                # No chain: a store's error may contain the URL as it was given, signature included.
                raise unreadable(self.file, error) from None


def _check_room(path: str, size_bytes: int) -> None:
    """
    Make sure that others can still write to the disk: a small compressed file may hold more than fits on it.

    :raises NoRoomError: they could not (not final).
    """
    disk = shutil.disk_usage(os.path.dirname(path))
    if size_bytes > disk.free - min(disk.total // _RESERVED_PART, _MOST_RESERVED):
        raise _no_room("the disk would be full")


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except OSError as error:
            raise _no_room(str(error.strerror)) from None


def _no_room(reason: str) -> NoRoomError:
    return NoRoomError(
        f"No copy of the file can be made for its check: {reason}. Set TMPDIR to a disk with room for it. "
        "Nothing was sent.",
        final=False,
    )
