"""A CSV to send, described: who opens it is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from sailpoint_provider.isc.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class FileStamp:
    """
    What tells one state of a file from another.

    :param name: file name without its folder.
    :param size_bytes: size in bytes.
    :param change_marker: modification time, ETag or the like, as text.
    """

    name: str
    size_bytes: int
    change_marker: str


@dataclass(frozen=True)
class SentFile:
    """
    What was sent of a file.

    :param name: file name without its folder.
    :param size_bytes: number of bytes sent.
    :param sha256: their SHA-256, 64 hex characters.
    """

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Upload:
    """
    A file to send with a start.

    :param location: the file as its user named it, for errors.
    :param stamp: the state of the file when it was found.
    :param open: opens the file for reading from its beginning.
    :param look_again: tells the state of the file now.
    """

    location: str
    stamp: FileStamp
    open: Callable[[], BinaryIO] = field(repr=False)
    look_again: Callable[[], FileStamp] = field(repr=False)

    def check_unchanged(self) -> None:
        """
        Make sure that the file is still the one that was found.

        :raises InvalidInputError: name, size or change marker differ; a retry of the task is worth it.
        """
        now = self.look_again()
        if now != self.stamp:
            raise changed(self, f"{self.stamp.size_bytes} bytes before, {now.size_bytes} bytes now")


def changed(upload: Upload, difference: str) -> InvalidInputError:
    """Return the error for a file that changed while it was sent."""
    return InvalidInputError(
        f"The file {upload.location} changed while it was being sent ({difference}); "
        "nothing was loaded. Write it under another name and rename it when it is whole.",
        final=False,
    )
