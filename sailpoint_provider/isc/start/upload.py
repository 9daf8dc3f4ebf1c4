"""A CSV to send, described: who opens it is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable


_PACKED = ".gz"


@dataclass(frozen=True)
class FileStamp:
    """
    What tells one state of a file from another.

    :param name: file name without its folder.
    :param size_bytes: size in bytes.
    :param change_marker: modification time, ETag or the like, as text; empty where the store has none.
    """

    name: str
    size_bytes: int
    change_marker: str

    def is_surely(self, other: FileStamp | None) -> bool:
        """Tell whether both are the same state; without a change marker nobody can know."""
        return bool(self.change_marker) and self == other


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
class Content:
    """
    What is to be sent of a file, as it is known before.

    :param name: file name that ISC is told.
    :param size_bytes: number of bytes to send.
    :param sha256: their SHA-256; None for a file that is read only once, while it is sent.
    """

    name: str
    size_bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class Upload:
    """
    A file to send with a start.

    :param location: the file as its user named it, for errors.
    :param stamp: the state of the file when it was found; of a packed file, its state as it is stored.
    :param open: opens what is to be sent for reading from its beginning.
    :param look_again: tells the state of the file now.
    :param measure: reads a packed file through, the first time it is asked, and tells what it holds; None for
        a file that is sent as it is.
    """

    location: str
    stamp: FileStamp
    open: Callable[[], BinaryIO] = field(repr=False)
    look_again: Callable[[], FileStamp] = field(repr=False)
    measure: Callable[[], Content] | None = field(default=None, repr=False)

    @property
    def sent_name(self) -> str:
        """The file name that ISC is told."""
        return self.stamp.name if self.measure is None else unpacked_name(self.stamp.name)

    def content(self) -> Content:
        """
        Tell what is to be sent; a packed file is read through for it, once.

        :raises InvalidInputError: a packed file is damaged, holds nothing, or changed meanwhile.
        """
        if self.measure is not None:
            return self.measure()
        return Content(self.stamp.name, self.stamp.size_bytes)

    def check_unchanged(self) -> None:
        """
        Make sure that the file is still the one that was found.

        :raises InvalidInputError: name, size or change marker differ; a retry of the task is worth it.
        """
        now = self.look_again()
        if now != self.stamp:
            raise changed(self, f"{self.stamp.size_bytes} bytes before, {now.size_bytes} bytes now")


def is_packed(name: str) -> bool:
    """Tell whether a file of this name is stored packed."""
    return name.lower().endswith(_PACKED)


def unpacked_name(name: str) -> str:
    """Return the name of what a packed file holds."""
    return name[: -len(_PACKED)] or name


def changed(upload: Upload, difference: str) -> InvalidInputError:
    """Return the error for a file that changed while it was sent."""
    return InvalidInputError(
        f"The file {upload.location} changed while it was being sent ({difference}); "
        "nothing was loaded. Write it under another name and rename it when it is whole.",
        final=False,
    )


def empty_file(location: str) -> InvalidInputError:
    """Return the error for a file that holds nothing."""
    return InvalidInputError(
        f"The file {location} is empty. An empty file would remove every account of the source; nothing "
        "was sent.",
        final=False,
    )
