"""The description of one folder, checked once, as JSON primitives that a trigger or an XCom can carry."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from sailpoint_provider.coercion import seconds
from sailpoint_provider.drops.completeness import Complete
from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.drops.names import (
    SOURCE_ID,
    DropSource,
    Unclaimed,
    can_be_drop,
    matches,
    source_in_mapping,
    source_in_name,
    why_unusable,
)
from sailpoint_provider.exceptions import InvalidInputError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_DISK_INTERVAL = 2.0
_STORE_INTERVAL = 10.0
_CSV = ("*.csv", "*.csv.gz")


@dataclass(frozen=True, kw_only=True)
class FolderRules:
    """
    What a folder is, and how its files are read.

    The parameters are those of :class:`~sailpoint_provider.assets.drops.SailPointDropFolder`.

    :raises InvalidInputError: a value is invalid, or they contradict each other.
    """

    url: str
    patterns: tuple[str, ...] = _CSV
    source_id: str | None = None
    source_name: str | None = None
    sources: tuple[tuple[str, str], ...] = ()
    source_id_in_name: bool = False
    recursive: bool = False
    complete: Complete = "quiet"
    quiet_for: float = 60.0
    scan_interval: float | None = None
    remind_after: float = 3600.0
    loaded: str = "loaded"
    refused: str = "refused"
    duplicate: str = "duplicate"

    def __post_init__(self) -> None:
        """Check and normalize all values."""
        _set(self, "url", _checked_url(self.url))
        _set(self, "patterns", _checked_patterns(self.patterns))
        _set(self, "sources", _pairs(self.sources))
        if self.source_id is not None:
            _set(self, "source_id", _checked_id(self.source_id))
        for name in ("quiet_for", "scan_interval", "remind_after"):
            if name != "scan_interval" or self.scan_interval is not None:
                _set(self, name, seconds(getattr(self, name), name))
        for name in ("loaded", "refused", "duplicate"):
            _set(self, name, _checked_subfolder(getattr(self, name), name))
        if len({self.loaded, self.refused, self.duplicate}) < 3:
            raise InvalidInputError("loaded, refused and duplicate must be three different folders.")
        if self.complete not in get_args(Complete):
            raise InvalidInputError(
                f"complete must be one of {', '.join(get_args(Complete))}, not {self.complete!r}."
            )
        ways = [self.source_id, self.source_name, self.sources, self.source_id_in_name]
        if sum(bool(way) for way in ways) != 1:
            raise InvalidInputError(
                "Say whose files these are with exactly one of source_id, source_name, sources or "
                "source_id_in_name=True."
            )

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> FolderRules:
        """
        Return the rules that :meth:`to_json` described; a newer version's additions are ignored.

        :raises InvalidInputError: it is not such a description.
        """
        known = {field.name for field in fields(cls)}
        try:
            return cls(**{key: value for key, value in described.items() if key in known})
        except (AttributeError, TypeError) as error:
            raise InvalidInputError(f"This does not describe a drop folder: {error}.") from error

    def to_json(self) -> dict[str, Any]:
        """Return the rules as JSON primitives; they hold no secrets."""
        described: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return described

    @property
    def identity(self) -> str:
        """Eight characters that two folders share only if they are the same place and the same files."""
        named = {key: self.to_json()[key] for key in _IDENTIFYING}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def seconds_between_scans(self) -> float:
        """The scan interval; a store bills each listing, a disk does not."""
        return self.scan_interval or (_STORE_INTERVAL if "://" in self.url else _DISK_INTERVAL)

    @property
    def skipped(self) -> frozenset[str]:
        """The subfolders that hold no drops."""
        return frozenset({STATE_FOLDER, self.loaded, self.refused, self.duplicate})

    def is_candidate(self, name: str) -> bool:
        """Return whether a file of this name can be a drop of this folder."""
        return can_be_drop(name) and matches(name, self.patterns)

    def source_of(self, name: str) -> DropSource | Unclaimed:
        """Return whose file this is, by its name."""
        if (reason := why_unusable(name)) is not None:
            return Unclaimed(reason)
        if self.source_id_in_name:
            return source_in_name(name)
        if self.sources:
            return source_in_mapping(
                name, [(pattern, DropSource.named(source)) for pattern, source in self.sources]
            )
        return DropSource(self.source_id, self.source_name)


_IDENTIFYING = ("url", "patterns", "source_id", "source_name", "sources", "source_id_in_name", "recursive")


def _set(rules: FolderRules, name: str, value: Any) -> None:
    object.__setattr__(rules, name, value)


def _checked_url(url: Any) -> str:
    text = str(url).strip()
    found = _URL.fullmatch(text)
    if found is None or found[1].lower() == "file":
        path = text if found is None else found[2]
        if not path.startswith("/"):
            raise InvalidInputError(f"The folder {text!r} must be an absolute path or a URL.")
        return posixpath.normpath(path)
    host = found[2].partition("/")[0]
    if ":" in host.rpartition("@")[0] or "?" in text or "#" in text:
        raise InvalidInputError(
            "The URL of a folder must hold no password, query or fragment. Put credentials into an Airflow "
            "connection and name it: s3://conn_id@bucket/prefix."
        )
    if not host:
        raise InvalidInputError(f"The URL {text!r} names no bucket or container.")
    return text.rstrip("/")


def _checked_patterns(patterns: Any) -> tuple[str, ...]:
    found = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    if not found or not all(isinstance(one, str) and one for one in found):
        raise InvalidInputError("pattern must be a file-name pattern such as '*.csv', or several of them.")
    return found


def _pairs(sources: Any) -> tuple[tuple[str, str], ...]:
    pairs = sources.items() if isinstance(sources, Mapping) else sources
    checked = []
    for pair in pairs:
        if not (isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
            raise InvalidInputError(
                "sources must map file-name patterns to source names or IDs, all strings."
            )
        checked.append((pair[0], pair[1]))
    return tuple(checked)


def _checked_id(source_id: Any) -> str:
    if not (isinstance(source_id, str) and SOURCE_ID.fullmatch(source_id)):
        raise InvalidInputError(f"source_id {source_id!r} is not a source ID, which has 32 hex characters.")
    return source_id.lower()


def _checked_subfolder(value: Any, name: str) -> str:
    text = str(value).strip().strip("/")
    if not text or text.startswith("..") or "/" in text or text == "." or text == STATE_FOLDER:
        raise InvalidInputError(
            f"{name} must be the name of a subfolder, not {value!r}: files are moved within the folder, "
            "because only that is atomic."
        )
    if str(value).strip().startswith("/"):
        raise InvalidInputError(f"{name} must be the name of a subfolder, not a path.")
    return text
