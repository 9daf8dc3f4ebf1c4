"""A CSV that is stored as ``.csv.gz``: what is sent is what it holds."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.start.upload import Content, empty_file, unpacked_name

if TYPE_CHECKING:
    from collections.abc import Callable

DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error)
"""What reading a damaged or truncated file raises."""

_BLOCK = 256 * 1024


def open_packed(open_file: Callable[[], BinaryIO]) -> BinaryIO:
    """Open what a packed file holds."""
    return cast("BinaryIO", _Unpacked(open_file()))


def measure_packed(name: str, shown: str, open_file: Callable[[], BinaryIO]) -> Content:
    """
    Read a packed file through and tell what it holds.

    :param name: file name, with its suffix.
    :param shown: the file as its user named it, for errors.
    :param open_file: opens the packed file.
    :raises InvalidInputError: it cannot be read, is damaged or truncated, or holds nothing.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with open_packed(open_file) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except DAMAGE as error:
        raise InvalidInputError(
            f"The file {shown} cannot be unpacked ({type(error).__name__}): it is no gzip file, damaged, or "
            "not whole. Nothing was sent.",
            final=False,
        ) from None
    except OSError as error:
        raise InvalidInputError(
            f"The file {shown} could not be read: {error.strerror or type(error).__name__}. "
            "Nothing was sent.",
            final=False,
        ) from None
    if size == 0:
        raise empty_file(shown)
    return Content(unpacked_name(name), size, digest.hexdigest())


class _Unpacked(gzip.GzipFile):
    """What a packed file holds; closes the packed file with it."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._packed.close()
