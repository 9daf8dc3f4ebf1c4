"""The files that are dropped: good successors, and everything that must not be loaded."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from tests.live.chaos.rivals import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["good", "again", "growing", "short", "repeated", "broken", "old", "foreign"]
Complete = Literal["renamed", "quiet", "companion"]

KINDS: dict[Kind, int] = {
    "good": 44,
    "again": 10,
    "growing": 6,
    "short": 13,
    "repeated": 10,
    "broken": 9,
    "old": 5,
    "foreign": 3,
}
LOADABLE: tuple[Kind, ...] = ("good", "again", "growing")
FILES_PER_SOURCE = 50
_GZIP_CHANCE = 0.12
_DAY = 86400.0
_BROKEN = ("cut off", "header", "encoding", "page", "no key", "key twice", "fields", "no rows")


@dataclass(frozen=True)
class Folder:
    """
    A watched folder.

    :param name: its name below the working folder.
    :param complete: what makes a file complete there.
    :param by_id: whether a name begins with the source's ID; else the folder maps names to sources.
    """

    name: Complete
    complete: Complete
    by_id: bool


FOLDERS = (
    Folder("renamed", "renamed", by_id=True),
    Folder("quiet", "quiet", by_id=False),
    Folder("companion", "companion", by_id=True),
)
_SHARE = ("renamed", "quiet", "renamed", "quiet", "companion")


@dataclass(frozen=True)
class PlannedDrop:
    """
    A file to drop.

    :param number: its place among the files of its source.
    :param kind: what is special about it.
    :param name: name under which it is dropped.
    :param content: what ISC would receive.
    :param stored: what lies on the disk.
    :param keys: its accounts; None if it is no usable file.
    :param age: seconds by which its modification time is set back.
    """

    number: int
    kind: Kind
    name: str
    content: bytes
    stored: bytes
    keys: frozenset[str] | None
    age: float = 0.0

    @property
    def sha256(self) -> str:
        """Digest of what ISC would receive."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def stored_sha256(self) -> str:
        """Digest of what lies on the disk."""
        return hashlib.sha256(self.stored).hexdigest()


@dataclass(frozen=True)
class PlannedSource:
    """
    A source and its files, in the order in which they are dropped.

    :param number: its place in the run.
    :param id: its ID.
    :param name: its name.
    :param folder: where its files are dropped.
    :param drops: its files.
    """

    number: int
    id: str
    name: str
    folder: Folder
    drops: tuple[PlannedDrop, ...] = field(repr=False)


def planned_sources(seed: str, files: int) -> list[PlannedSource]:
    """Draw that many files, for a source of every fifty."""
    number = max(min(5, files), round(files / FILES_PER_SOURCE))
    return [
        _Draw(seed, at, files // number + (at < files % number)).source() for at in range(number) if files
    ]


class _Draw:
    """Draws one source and its files."""

    def __init__(self, seed: str, number: int, files: int) -> None:
        self._rng = Random(f"{seed}:drops:{number}")
        self._number = number
        self._files = files
        self._id = UUID(int=self._rng.getrandbits(128)).hex
        self._name = f"drops-{number:02d}"
        share = _SHARE[number % len(_SHARE)]
        self._folder = next(folder for folder in FOLDERS if folder.name == share)
        self._accounts = dict.fromkeys(range(1, self._rng.randint(25, 90)), 1)
        self._next = len(self._accounts) + 1
        self._last_good: PlannedDrop | None = None

    def source(self) -> PlannedSource:
        drops = tuple(self._drop(number) for number in range(self._files))
        return PlannedSource(self._number, self._id, self._name, self._folder, drops)

    def _drop(self, number: int) -> PlannedDrop:
        kind = self._kind(number)
        begin = f"{self._id} - " if self._folder.by_id else f"{self._name}-"
        drop = PlannedDrop(number, kind, f"{begin}accounts-{number:03d}.csv", b"", b"", None)
        last = self._last_good
        if kind == "repeated" and last is not None:
            ending = ".csv.gz" if last.name.endswith(".gz") else ".csv"
            name = drop.name.removesuffix(".csv") + ending
            return PlannedDrop(number, kind, name, last.content, last.stored, last.keys)
        if kind in LOADABLE:
            self._accounts = self._successor()
            return self._good(drop, last)
        accounts, age = self._successor(), 0.0
        if kind == "short":
            accounts = self._without(self._accounts, self._rng.uniform(0.25, 0.6))
        if kind == "old":
            age = _DAY + number
        if kind == "foreign":
            accounts = {key + 50_000: 1 for key in accounts}
        content = self._content(accounts, number)
        keys: frozenset[str] | None = self._keys(accounts)
        if kind == "broken":
            content, keys = _broken(content, self._rng), None
        return PlannedDrop(number, kind, drop.name, content, content, keys, age)

    def _kind(self, number: int) -> Kind:
        if number == 0:
            return "good"
        kinds = {kind: weight for kind, weight in KINDS.items() if kind != "old" or number > 3}
        return self._rng.choices(list(kinds), list(kinds.values()))[0]

    def _good(self, drop: PlannedDrop, last: PlannedDrop | None) -> PlannedDrop:
        content = self._content(self._accounts, drop.number)
        name, stored = drop.name, content
        if drop.kind == "again" and last is not None:
            name = last.name
            stored = gzip.compress(content) if name.endswith(".gz") else content
        elif drop.kind == "good" and self._rng.random() < _GZIP_CHANCE:
            name, stored = f"{name}.gz", gzip.compress(content)
        good = PlannedDrop(drop.number, drop.kind, name, content, stored, self._keys(self._accounts))
        self._last_good = good
        return good

    def _successor(self) -> dict[int, int]:
        """Return the next state of the accounts: at most 4 % leave, some change, some join."""
        rng = self._rng
        accounts = self._without(self._accounts, rng.uniform(0.0, 0.04))
        for key in rng.sample(sorted(accounts), min(len(accounts), rng.randint(1, 5))):
            accounts[key] += 1
        for _ in range(rng.randint(0, 4)):
            accounts[self._next] = 1
            self._next += 1
        return accounts

    def _without(self, accounts: dict[int, int], share: float) -> dict[int, int]:
        gone = set(self._rng.sample(sorted(accounts), int(len(accounts) * share)))
        return {key: version for key, version in accounts.items() if key not in gone}

    def _keys(self, accounts: Iterable[int]) -> frozenset[str]:
        return frozenset(self._key(number) for number in accounts)

    def _key(self, number: int) -> str:
        return f"S{self._number:02d}-{number:05d}"

    def _content(self, accounts: dict[int, int], number: int) -> bytes:
        """Return a file; the number of the drop stands in it, so that no two are the same."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(HEADER)
        for account, version in sorted(accounts.items()):
            key = self._key(account)
            writer.writerow([key, f"Account {version} of {key}, {number}", f"{key}@mail.example.com"])
        return text.getvalue().encode()


def _broken(content: bytes, rng: Random) -> bytes:
    """Return a file that nobody may load."""
    way = rng.choice(_BROKEN)
    head, _, rows = content.partition(b"\r\n")
    first, _, rest = rows.partition(b"\r\n")
    if way == "cut off":
        return content[: -rng.randint(31, 39)]  # within a quoted field
    if way == "header":
        return b"id,name,mail\r\n" + rows
    if way == "encoding":
        return content.decode().encode("utf-16")
    if way == "page":
        return b"<!DOCTYPE html>\n<html><body>" + rng.randbytes(8).hex().encode() + b"</body></html>\n"
    if way == "no key":
        return content + b",Nobody,nobody@mail.example.com\r\n"
    if way == "key twice":
        return content + first + b"\r\n"
    if way == "fields":
        return head + b"\r\n" + first + b",too,many\r\n" + rest
    return head + b"\r\n"
