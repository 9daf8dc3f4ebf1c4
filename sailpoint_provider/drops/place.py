"""What a folder can do, wherever it lies: the protocol that a disk and an object store fulfil."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.exceptions import SailPointError

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from sailpoint_provider.drops.entries import Entry, Listing

README = f"{STATE_FOLDER}/README.txt"
README_TEXT = (
    b"Apache Airflow's SailPoint provider keeps its records here, and the files that a DAG run is loading.\n"
    b"It also shows that this folder is the real one and not an empty mount point. Do not delete it.\n"
)


class FolderUnavailableError(SailPointError):
    """A watched folder cannot be listed, or nothing shows that it is the right one. A retry may find it."""


class Place(Protocol):
    """
    A folder. Names are relative to it and contain ``/``; every method may wait for a disk or a store.

    :raises FolderUnavailableError: the place does not answer, or refuses.
    """

    def scan(self, *, recursive: bool, skipped: frozenset[str]) -> Listing:
        """Return all regular files, hidden ones and those in the skipped subfolders left out."""

    def glance(self) -> Hashable:
        """Return what differs once files came or went since the last scan; None if only a scan shows it."""

    def prepare(self, subfolders: Collection[str]) -> None:
        """
        Create the state folder, which writing needs; only in what is certainly the right folder.

        :param subfolders: the folders of filed files.
        :raises InvalidInputError: files cannot be moved to all of these in one step.
        """

    def entry(self, name: str) -> Entry | None:
        """Return one file, None if it is not there."""

    def is_used(self, name: str) -> bool:
        """Return whether there is anything of this name, such as a file or a folder."""

    def clock(self) -> float:
        """Return the time by the clock that dates files here, in epoch seconds."""

    def take(self, entry: Entry, target: str) -> bool:
        """
        Move a file aside, but only in this state; safe to repeat after a crash at any point.

        :returns: False if the file is not there in this state any more; another state stays, or returns to
            its place.
        """

    def move(self, name: str, target: str) -> bool:
        """
        Move a file that was taken, without replacing another; safe to repeat after a crash at any point.

        :returns: False if the target is another file.
        """

    def create(self, name: str, content: bytes) -> bool:
        """Write a file in one step; return False if there is one already, and leave that alone."""

    def replace(self, name: str, content: bytes) -> None:
        """Write a file in one step, in place of an earlier one."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file, None if it is not there."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the files directly in a folder, without it; none if there is no such folder."""

    def remove(self, name: str) -> None:
        """Remove a record of this package, or an empty folder of its own; nothing else is ever removed."""

    def location(self, name: str) -> str:
        """Return the path or URL with which a task opens a file."""
