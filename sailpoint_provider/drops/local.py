"""A folder on a disk."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from sailpoint_provider.drops.disk_state import check_file_systems, content_state, entry_of, modified_at
from sailpoint_provider.drops.entries import STATE_FOLDER, Entry, Listing, leave_out_drop_folder
from sailpoint_provider.drops.names import with_suffix
from sailpoint_provider.drops.place import README, README_TEXT, FolderUnavailableError
from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EOPNOTSUPP)
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)

_MOST_NAMES = 1000
"""How many names to try for a file that returns to the folder."""


class LocalPlace:
    """
    A folder on a disk that this process can reach; see :class:`~sailpoint_provider.drops.place.Place`.

    :param path: its absolute path.
    """

    def __init__(self, path: str) -> None:
        self._root = path
        self._folders: list[str] = [""]

    def scan(self, *, recursive: bool, skipped: frozenset[str]) -> Listing:
        entries: dict[str, Entry] = {}
        folders: list[str] = []
        with self._answers():
            subfolders = self._collect("", entries, folders, skipped, recursive=recursive)
        self._folders = folders
        return Listing(entries, STATE_FOLDER in subfolders, frozenset(subfolders - {STATE_FOLDER}))

    def glance(self) -> tuple[int, ...]:
        """Return the modification times of all subfolders that the last scan saw."""
        with self._answers():
            return tuple(modified_at(self.location(one)) for one in self._folders)

    def prepare(self, subfolders: Collection[str]) -> None:
        with self._answers():
            # Not the folder itself, which nobody may have mounted yet.
            with suppress(FileExistsError):
                os.mkdir(self.location(STATE_FOLDER))
            check_file_systems(self._root, {STATE_FOLDER, *subfolders})
            _write_new(self.location(README), README_TEXT)

    def entry(self, name: str) -> Entry | None:
        with self._answers():
            try:
                found = os.lstat(self.location(name))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                return None
            return entry_of(name, found) if stat.S_ISREG(found.st_mode) else None

    def is_used(self, name: str) -> bool:
        return os.path.lexists(self.location(name))

    def clock(self) -> float:
        """Return the time by the clock of the file system, which may be that of another machine."""
        probe = f"{STATE_FOLDER}/clock-{uuid.uuid4().hex}"
        with self._answers():
            path = self._prepared(probe)
            with open(path, "wb") as file:
                file.write(b"0")
            try:
                return os.stat(path).st_mtime
            finally:
                os.unlink(path)

    def take(self, entry: Entry, target: str) -> bool:
        with self._answers():
            path, goal = self.location(entry.name), self._prepared(target)
            if not os.path.lexists(goal):
                found = self.entry(entry.name)
                if found is not None and content_state(found) == content_state(entry):
                    with suppress(FileNotFoundError):
                        os.rename(path, goal)
            # It may have been replaced, or written to, between the two calls above.
            taken = self.entry(target)
            if taken is None:
                return False
            if content_state(taken) == content_state(entry):
                return True
            self._put_back(goal, entry.name)
            return False

    def move(self, name: str, target: str) -> bool:
        with self._answers():
            return _rename_into_gap(self.location(name), self._prepared(target))

    def create(self, name: str, content: bytes) -> bool:
        with self._answers():
            path = self._prepared(name)
            draft = self._draft(content)
            try:
                os.link(draft, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                if not _write_new(path, content):
                    return False
            finally:
                os.unlink(draft)
            # A record must outlast a power failure before the file that it is about is moved.
            _save_folder_of(path)
            return True

    def replace(self, name: str, content: bytes) -> None:
        with self._answers():
            path = self._prepared(name)
            os.replace(self._draft(content), path)
            _save_folder_of(path)

    def read(self, name: str) -> bytes | None:
        with self._answers():
            try:
                with open(self.location(name), "rb") as file:
                    return file.read()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def open(self, name: str) -> BinaryIO:
        with self._answers():
            return open(self.location(name), "rb")

    def names(self, folder: str) -> list[str]:
        with self._answers():
            try:
                return [one for one in os.listdir(self.location(folder)) if not one.startswith(".")]
            except (FileNotFoundError, NotADirectoryError):
                return []

    def remove(self, name: str) -> None:
        with self._answers(), suppress(FileNotFoundError):
            path = self.location(name)
            if not os.path.isdir(path):
                os.unlink(path)
                return
            with suppress(OSError):
                os.rmdir(path)

    def location(self, name: str) -> str:
        return os.path.join(self._root, name) if name else self._root

    def _collect(
        self,
        folder: str,
        entries: dict[str, Entry],
        folders: list[str],
        skipped: frozenset[str],
        *,
        recursive: bool,
    ) -> set[str]:
        """Add the files and folders below a folder; return its subfolders, of the hidden only the state's."""
        folders.append(folder)
        subfolders: set[str] = set()
        with os.scandir(self.location(folder)) as found:
            for one in found:
                if one.name.startswith(".") and one.name != STATE_FOLDER:
                    continue
                name = f"{folder}/{one.name}" if folder else one.name
                # What a link points to can be replaced while it is loaded, so links are not drops.
                if one.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        entries[name] = entry_of(name, one.stat(follow_symlinks=False))
                elif one.is_dir(follow_symlinks=False):
                    subfolders.add(name)
        if leave_out_drop_folder(folder, subfolders, entries):
            return subfolders
        for subfolder in sorted(subfolders - skipped) if recursive else ():
            with suppress(FileNotFoundError):
                self._collect(subfolder, entries, folders, skipped, recursive=True)
        return subfolders

    def _prepared(self, name: str) -> str:
        """Return the path of a file to write, whose subfolder is there then."""
        if not os.path.isdir(self.location(STATE_FOLDER)):
            # Nothing may be written to a mount point that has lost its mount.
            raise FolderUnavailableError(
                f"The folder {self._root} has no {STATE_FOLDER} subfolder any more. Is it mounted?"
            )
        path = self.location(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def _draft(self, content: bytes) -> str:
        """Write a file whole, where one that an interrupted process leaves behind disturbs nobody."""
        draft = self._prepared(f"{STATE_FOLDER}/drafts/{uuid.uuid4().hex}")
        _write(draft, content)
        return draft

    def _put_back(self, path: str, name: str) -> None:
        """Return a file to the folder: under its own name, or another if a newer drop has that."""
        for number in range(1, _MOST_NAMES + 1):
            # Its subfolder may have been removed when it was empty.
            if not os.path.lexists(path) or _rename_into_gap(path, self._prepared(with_suffix(name, number))):
                return
        raise FolderUnavailableError(
            f"Cannot return {name} to the folder {self._root}: {_MOST_NAMES} names like it are in use. The "
            f"file is {path}."
        )

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise InvalidInputError(
                    f"Parts of the folder {self._root} lie on different file systems, between which a file "
                    "cannot be moved in one step. Watch each file system as a folder of its own.",
                ) from None
            raise FolderUnavailableError(
                f"Cannot use the folder {self._root}: {error.strerror or type(error).__name__}."
            ) from None


def _rename_into_gap(path: str, target: str) -> bool:
    """
    Rename a file unless another has the name; after a crash between the two steps, finish them.

    :raises FileNotFoundError: the folder of the target is missing.
    """
    try:
        os.link(path, target, follow_symlinks=False)
    except FileNotFoundError:
        if os.path.lexists(path):
            raise  # the folder of the target is missing
        return os.path.lexists(target)
    except FileExistsError:
        if not os.path.samefile(path, target):
            return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(target):
            return False
        os.rename(path, target)
        return True
    with suppress(FileNotFoundError):
        os.unlink(path)
    return True


def _write_new(path: str, content: bytes) -> bool:
    try:
        _write(path, content)
    except FileExistsError:
        return False
    return True


def _write(path: str, content: bytes) -> None:
    """
    Write a new file, and wait until the disk has it.

    :raises FileExistsError: there is one already.
    """
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _save_folder_of(path: str) -> None:
    """Wait until the disk has the name of a file, where the file system can do that."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
