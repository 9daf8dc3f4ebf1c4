"""A CSV that is stored as ``.csv.gz``; ISC receives its decompressed content."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from typing import BinaryIO, cast

from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.files.source import FileSource, FileState, Upload, empty, unreadable

_SUFFIX = ".gz"
_BLOCK = 256 * 1024


def is_gzipped(name: str) -> bool:
    """Return whether a file of this name is stored compressed."""
    return name.lower().endswith(_SUFFIX)


class GzippedFile(FileSource):
    """
    The content of a compressed file.

    A request announces its length before it sends anything, so the file is read twice: once to measure it,
    once to send it. It is not measured again while its state is certainly the same.

    :param stored: the file as stored.
    """

    def __init__(self, stored: FileSource) -> None:
        self.name = stored.name[: -len(_SUFFIX)] or stored.name
        self.location = stored.location
        self._stored = stored
        self._examined: Upload | None = None

    def stat(self) -> FileState:
        return self._stored.stat()

    def modified_at(self) -> float | None:
        return self._stored.modified_at()

    def open(self) -> BinaryIO:
        """Open the decompressed content."""
        return cast("BinaryIO", _Decompressed(self._stored.open()))

    def examine(self) -> Upload:
        """
        Return what to send; reads the file to its end if that is not known yet.

        :raises InvalidInputError: as :meth:`FileSource.stat`; also if the file is damaged, incomplete, not a
            gzip file, or decompresses to nothing (not final).
        """
        state = self.stat()
        if self._examined is None or not state.is_certainly(self._examined.state):
            self._examined = Upload(self, state, *self._measure())
        return self._examined

    def _measure(self) -> tuple[int, str]:
        """Return size and SHA-256 of the decompressed content."""
        digest, size = hashlib.sha256(), 0
        try:
            with self.open() as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InvalidInputError(
                f"Cannot decompress the file {self.location} ({type(error).__name__}): it is damaged, "
                "incomplete or not a gzip file. Nothing was sent.",
                final=False,
            ) from None
        except SailPointError:
            raise
        except Exception as error:
            # No chain: a store's error may contain the URL as it was given, signature included.
            raise unreadable(self, error) from None
        if size == 0:
            raise empty(self)
        return size, digest.hexdigest()


class _Decompressed(gzip.GzipFile):
    """The decompressed content; closes the compressed file with itself."""

    def __init__(self, stored: BinaryIO) -> None:
        super().__init__(fileobj=stored, mode="rb")
        self._stored = stored

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._stored.close()
