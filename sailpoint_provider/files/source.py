"""One description of a file: where it comes from, its state, and what is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from sailpoint_provider.exceptions import InvalidInputError, SailPointError

if TYPE_CHECKING:
    from sailpoint_provider.results import CheckSummary


@dataclass(frozen=True)
class FileState:
    """
    What distinguishes one state of a stored file from another.

    :param size_bytes: size in bytes, as stored.
    :param change_marker: modification time, ETag or the like, as text; empty where the store has none.
    """

    size_bytes: int
    change_marker: str

    def is_certainly(self, other: FileState | None) -> bool:
        """Return whether both are the same state; without a change marker that cannot be known."""
        return bool(self.change_marker) and self == other


class FileSource(Protocol):
    """A place that a CSV comes from. The file may change, appear or disappear between two calls."""

    name: str
    """File name that ISC receives, without its folder."""

    location: str
    """The file as the user named it, without passwords and signatures: safe to log and to store."""

    def stat(self) -> FileState:
        """
        Return the current state of the file, without reading it.

        :raises InvalidInputError: it is a folder or can never be used (final); it is missing, empty or
            unreadable (not final, because a later try may find it).
        """

    def modified_at(self) -> float | None:
        """
        Return when the stored file was last modified, in seconds since the epoch; None where unknown.

        :raises InvalidInputError: as :meth:`stat`.
        """
        return None

    def open(self) -> BinaryIO:
        """Open what is sent for reading from its beginning."""

    def examine(self) -> Upload:
        """
        Examine the file and return what to send; only what must be measured is read.

        :raises InvalidInputError: as :meth:`stat`; also if the content is damaged or empty.
        """
        state = self.stat()
        return Upload(self, state, state.size_bytes)


@dataclass(frozen=True)
class Upload:
    """
    An examined file, to be sent with one start.

    :param source: where the file comes from.
    :param state: state of the stored file when it was examined.
    :param size_bytes: number of bytes to send.
    :param sha256: SHA-256 of these bytes; None for a file that is read only once, while it is sent.
    :param check: the check that let them pass; None if there was none.
    """

    source: FileSource
    state: FileState
    size_bytes: int
    sha256: str | None = None
    check: CheckSummary | None = None

    @property
    def rows(self) -> int | None:
        """Number of rows without the header; None for a file that was not checked."""
        return None if self.check is None else self.check["rows"]

    def open(self) -> BinaryIO:
        """
        Open what is sent for reading from its beginning.

        :raises InvalidInputError: it cannot be opened.
        """
        try:
            return self.source.open()
        except SailPointError:
            raise
        except Exception as error:
            # No chain: a store's error may contain the URL as it was given, signature included.
            raise unreadable(self.source, error) from None

    def check_unchanged(self) -> None:
        """
        Make sure that the file is still in the state in which it was examined.

        :raises InvalidInputError: size or change marker differ (not final).
        """
        now = self.source.stat()
        if now.size_bytes != self.state.size_bytes:
            raise changed(self.source, f"from {self.state.size_bytes} to {now.size_bytes} bytes")
        if now != self.state:
            raise changed(self.source, "its modification time or ETag differs")


def changed(source: FileSource, difference: str) -> InvalidInputError:
    """Return the error for a file that changed between its examination and the end of its upload."""
    return InvalidInputError(
        f"The file {source.location} changed while it was being sent ({difference}). Nothing was loaded. "
        "Write the file under a temporary name and rename it once it is complete.",
        final=False,
    )


def unreadable(source: FileSource, error: Exception) -> InvalidInputError:
    """Return the error for a file that cannot be opened, or not be read to its end."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return InvalidInputError(
        f"Cannot read the file {source.location}: {reason}. Nothing was loaded.", final=False
    )


def missing(source: FileSource, error: OSError) -> InvalidInputError:
    """Return the error for a file that is not there, or not reachable."""
    reason = error.strerror or "not found"
    return InvalidInputError(
        f"Cannot find the file {source.location} from this worker: {reason}. Nothing was loaded.", final=False
    )


def empty(source: FileSource) -> InvalidInputError:
    """Return the error for a file without content."""
    return InvalidInputError(
        f"The file {source.location} is empty. Loading it would remove every account of the source, so "
        "nothing was sent.",
        final=False,
    )


def folder(source: FileSource) -> InvalidInputError:
    """Return the error for a folder in place of a file."""
    return InvalidInputError(f"{source.location} is a folder. Give the path or URL of the CSV file itself.")
