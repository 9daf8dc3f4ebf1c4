"""What a file's name says: whether it can be a drop, and of which source."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COMPANION_SUFFIXES = (".done", ".ok", ".sha256")

_TEMPORARY_SUFFIXES = (".part", ".tmp", "~")
SOURCE_ID = re.compile(r"[0-9a-fA-F]{32}")
_LEADING_ID = re.compile(rf"\s*({SOURCE_ID.pattern})\s*-")
_LEADING_NUMBER = re.compile(r"\s*(\d+)\s*-")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNSAFE = re.compile(r"[^\w.() +=,@-]")

_ENDING = re.compile(r"(\.\w{1,8})?(\.gz)?$", re.IGNORECASE)
_MOST_BYTES = 255
"""How long a name may be on a disk."""


@dataclass(frozen=True)
class DropSource:
    """
    The source that a drop belongs to.

    :param source_id: its ID, 32 hex characters; None where it is named.
    :param source_name: its name; None where its ID is known.
    """

    source_id: str | None = None
    source_name: str | None = None

    @classmethod
    def named(cls, text: str) -> DropSource:
        """Return the source of an ID or a name; 32 hex characters are an ID."""
        text = text.strip()
        return cls(source_id=text.lower()) if SOURCE_ID.fullmatch(text) else cls(source_name=text)

    @classmethod
    def of_drop(cls, drop: Mapping[str, Any]) -> DropSource:
        """Return the source of a drop."""
        return cls(drop.get("source_id"), drop.get("source_name"))

    @property
    def key(self) -> str:
        """A file name for what belongs to this source."""
        return file_key(self.source_id or self.source_name or "")

    def __str__(self) -> str:
        """Return the source as a log shows it."""
        return self.source_id or repr(self.source_name)


@dataclass(frozen=True)
class Unclaimed:
    """
    The answer for a file that belongs to no source.

    :param reason: why, as a sentence about the file.
    """

    reason: str


def can_be_drop(name: str) -> bool:
    """Return whether a name is neither hidden nor temporary nor that of a companion."""
    parts = name.split("/")
    last = parts[-1].lower()
    return not (
        any(part.startswith(".") for part in parts)
        or last.startswith("~")
        or last.endswith((*_TEMPORARY_SUFFIXES, *COMPANION_SUFFIXES))
    )


def matches(name: str, patterns: Iterable[str]) -> bool:
    """
    Return whether a name fits one of the patterns, whatever its case.

    A pattern without ``/`` is compared with the last part of the name only.
    """
    name = name.lower()
    last = name.rpartition("/")[2]
    return any(fnmatchcase(name if "/" in pattern else last, pattern.lower()) for pattern in patterns)


def source_in_mapping(name: str, sources: Sequence[tuple[str, DropSource]]) -> DropSource | Unclaimed:
    """Return the source of the first pattern that fits the name."""
    for pattern, source in sources:
        if matches(name, [pattern]):
            return source
    return Unclaimed(f"{name} matches none of the patterns in sources.")


def source_in_name(name: str) -> DropSource | Unclaimed:
    """Return the source whose ID begins the name, as in ``2c91…2a - anything.csv``."""
    last = name.rpartition("/")[2]
    if found := _LEADING_ID.match(last):
        return DropSource(source_id=found[1].lower())
    if found := _LEADING_NUMBER.match(last):
        return Unclaimed(
            f"{name} begins with {found[1]}, an old numeric source ID, which the API no longer looks up. "
            "Rename the file so that it begins with the source's ID of 32 hex characters and a dash."
        )
    return Unclaimed(f"The name of {name} does not begin with a source ID and a dash.")


def why_unusable(name: str) -> str | None:
    """Return why a name cannot be passed on, as a sentence about the file; None if it can."""
    shown = name.encode(errors="backslashreplace").decode()
    if shown != name:
        return f"The name {shown} is not valid UTF-8, so no event can hold it. Rename the file."
    if _CONTROL.search(name):
        return f"The name {name!r} contains a control character or a line separator. Rename the file."
    return None


def file_key(text: str) -> str:
    """Return a short file name that no other text has, readable as far as possible."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40]
    return f"{readable or 'x'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def safe_name(name: str) -> str:
    """Return the last part of a name without characters that mean something in a URL."""
    return _UNSAFE.sub("_", name.rpartition("/")[2])


def with_suffix(name: str, number: int, *, room: int = 0) -> str:
    """
    Return the name itself for 1, else a variant that keeps its beginning and its file type.

    :param room: bytes that must remain for what is appended. A name that would be too long for a disk loses
        the end of its beginning.
    """
    head, slash, last = name.rpartition("/")
    stem, dot, kind = last.partition(".")
    mark = f" ({number})" if number > 1 else ""
    variant = f"{stem}{mark}{dot}{kind}"
    if len(variant.encode()) + room > _MOST_BYTES:
        found = _ENDING.search(last)
        ending = found[0] if found else ""
        kept = _MOST_BYTES - room - len(f"{mark}{ending}".encode())
        beginning = last.removesuffix(ending).encode()[:kept].decode(errors="ignore")
        variant = f"{beginning}{mark}{ending}"
    return f"{head}{slash}{variant}"
