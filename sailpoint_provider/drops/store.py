"""A folder in an object store that fsspec reaches: through Airflow if it knows the store, else directly."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sailpoint_provider.drops.conditional_writes import create_once, remove_file, remove_if
from sailpoint_provider.drops.entries import STATE_FOLDER, Entry, Listing, leave_out_drop_folder
from sailpoint_provider.drops.names import file_key
from sailpoint_provider.drops.place import README, README_TEXT, FolderUnavailableError
from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.files.object_storage import modified_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_TAGS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "md5")


class StorePlace:
    """
    A prefix in an object store; see :class:`~sailpoint_provider.drops.place.Place`.

    A store cannot rename, so a file is taken by a copy within the store. A receipt says that the copy is
    complete and of the right state; only then is the original removed, and only in that state.

    :param url: its URL, which may name an Airflow connection: ``s3://conn_id@bucket/prefix``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = threading.Lock()

    def scan(self, *, recursive: bool, skipped: frozenset[str]) -> Listing:
        entries: dict[str, Entry] = {}
        with self._answers():
            self._fs.invalidate_cache()
            subfolders = self._collect("", entries, skipped, recursive=recursive)
        return Listing(entries, STATE_FOLDER in subfolders, frozenset(subfolders - {STATE_FOLDER}))

    def glance(self) -> None:
        """Return None: only a listing shows what a store holds."""

    def prepare(self, subfolders: Collection[str]) -> None:
        if self.read(README) is None:
            self.replace(README, README_TEXT)

    def entry(self, name: str) -> Entry | None:
        with self._answers():
            self._fs.invalidate_cache()
            try:
                found = self._fs.info(self._path(name))
            except FileNotFoundError:
                return None
            return None if found.get("type") == "directory" else _entry(name, found)

    def is_used(self, name: str) -> bool:
        with self._answers():
            self._fs.invalidate_cache()
            return any(self._fs.exists(self._path(one)) for one in (name, _receipt_of(name)))

    def clock(self) -> float:
        """Return the time by the clock of the store."""
        probe = f"{STATE_FOLDER}/clock"
        self.replace(probe, b"0")
        found = self.entry(probe)
        if found is None:
            raise FolderUnavailableError(
                f"What was written to {self._url} could not be read back. Check the store's permissions."
            )
        return found.modified

    def take(self, entry: Entry, target: str) -> bool:
        receipt = f"{target}.taken"
        if self.read(receipt) is None:
            if not (self._is_still(entry) and self._copy(entry.name, target) and self._is_still(entry)):
                return False
            self.replace(receipt, entry.name.encode())
        if self._is_still(entry):
            with self._answers():
                remove_if(self._fs, self._path(entry.name), entry.marker, lambda: self._is_still(entry))
        return True

    def move(self, name: str, target: str) -> bool:
        receipt, reserved = _receipt_of(target), name.encode()
        copying = reserved + b"\n"
        if self.entry(name) is not None and self._copy_reserved(name, target, receipt, reserved, copying):
            for done in (name, f"{name}.taken", receipt):
                self.remove(done)
            return True
        if self.entry(name) is not None:
            return False
        # Another process has finished the same move.
        if self.read(receipt) in (reserved, copying):
            self.remove(receipt)
        return self.entry(target) is not None

    def _copy_reserved(self, name: str, target: str, receipt: str, reserved: bytes, copying: bytes) -> bool:
        """Reserve a name and copy an object to it; return False if another object has the name."""
        if self.read(receipt) != copying:
            # Two sources may file under the same name at the same time.
            if not self.create(receipt, reserved) and self.read(receipt) not in (reserved, copying):
                return False
            # Nothing is copied before the receipt says so: what is there while it does not is another file.
            if self.entry(target) is not None and self.read(receipt) == reserved:
                self.remove(receipt)
                return False
            self.replace(receipt, copying)
        return self._copy(name, target)

    def create(self, name: str, content: bytes) -> bool:
        with self._answers():
            return create_once(self._fs, self._path(name), content)

    def replace(self, name: str, content: bytes) -> None:
        with self._answers():
            self._fs.pipe_file(self._path(name), content)

    def read(self, name: str) -> bytes | None:
        with self._answers():
            try:
                return cast("bytes", self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def open(self, name: str) -> BinaryIO:
        with self._answers():
            return cast("BinaryIO", self._fs.open(self._path(name), "rb"))

    def names(self, folder: str) -> list[str]:
        with self._answers():
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
            return [one.rstrip("/").rpartition("/")[2] for one in found]

    def remove(self, name: str) -> None:
        """Remove a record; a store has no folders."""
        with self._answers(), suppress(FileNotFoundError):
            remove_file(self._fs, self._path(name))

    def location(self, name: str) -> str:
        """Return the URL of an object, with the connection ID as given."""
        return f"{self._url}/{name}"

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system and the path of the folder in it."""
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        try:
            path = cast("Any", ObjectStoragePath(self._url))
            try:
                return path.fs, path.path.rstrip("/")
            except ValueError:
                # Airflow 3.0 keeps the connection ID in the options alone.
                if getattr(path, "conn_id", None) or path.storage_options.get("conn_id"):
                    raise
            import fsspec

            return fsspec.filesystem(path.protocol), path.path.rstrip("/")
        except (ValueError, ImportError) as error:
            raise InvalidInputError(
                f"No file system is available for the folder {self._url} ({type(error).__name__}). Install "
                "the Airflow provider for its store, or fsspec's package for it."
            ) from None

    @property
    def _fs(self) -> Any:
        with self._opening:
            return self._opened[0]

    def _path(self, name: str) -> str:
        root = self._opened[1]
        return f"{root}/{name}" if name else root

    def _collect(
        self, folder: str, entries: dict[str, Entry], skipped: frozenset[str], *, recursive: bool
    ) -> set[str]:
        """Add the objects below a folder; return its subfolders, of the hidden only the state's."""
        subfolders: set[str] = set()
        try:
            found = self._fs.ls(self._path(folder), detail=True)
        except FileNotFoundError:
            return subfolders
        for one in found:
            last = str(one["name"]).rstrip("/").rpartition("/")[2]
            name = f"{folder}/{last}" if folder else last
            if str(one["name"]).strip("/") != self._path(name).strip("/"):
                continue  # the placeholder of the folder itself
            if last.startswith(".") and last != STATE_FOLDER:
                continue
            if one.get("type") != "directory":
                entries[name] = _entry(name, one)
            else:
                subfolders.add(name)
        if leave_out_drop_folder(folder, subfolders, entries):
            return subfolders
        for subfolder in sorted(subfolders - skipped) if recursive else ():
            self._collect(subfolder, entries, skipped, recursive=True)
        return subfolders

    def _is_still(self, entry: Entry) -> bool:
        found = self.entry(entry.name)
        return found is not None and _comparable(found) == _comparable(entry)

    def _copy(self, name: str, target: str) -> bool:
        """Copy an object; return False if it was not there, or is not all there."""
        with self._answers():
            try:
                self._fs.cp_file(self._path(name), self._path(target))
            except FileNotFoundError:
                return False
        original, copy = self.entry(name), self.entry(target)
        return original is not None and copy is not None and original.size_bytes == copy.size_bytes

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except (SailPointError, FileNotFoundError):
            raise
        except Exception as error:
            # No chain: a store's error may contain a signed URL.
            raise FolderUnavailableError(
                f"Cannot use the folder {self._url} ({type(error).__name__}). Check the connection of its "
                "store."
            ) from None


def _receipt_of(target: str) -> str:
    """Return the name of the object that says which file is being moved to a name."""
    return f"{STATE_FOLDER}/moving/{file_key(target)}"


def _entry(name: str, found: Mapping[str, Any]) -> Entry:
    modified = modified_in(found) or 0.0
    tag = next((str(found[key]) for key in _TAGS if found.get(key)), None)
    # Whole seconds, because listings and look-ups of one store can differ in the fraction.
    marker = f"{tag}@{int(modified)}" if tag else str(modified) if modified else ""
    return Entry(name, int(found.get("size") or 0), marker, modified, modified)


def _comparable(entry: Entry) -> tuple[int, str]:
    """Return a state without the quotes of its tag, which a package may leave out of listings or look-ups."""
    tag, at, modified = entry.marker.rpartition("@")
    return entry.size_bytes, tag.removeprefix("W/").strip('"') + at + modified
