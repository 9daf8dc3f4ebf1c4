"""What a check of a file refuses, with its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from sailpoint_provider.coercion import seconds
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.check.limits import Limit, read_limit

if TYPE_CHECKING:
    from datetime import timedelta

Repeat = Literal["skip", "load", "fail"]

_SWITCHES = ("readable", "header", "shape", "keys", "foreign", "fresh", "show_keys", "strict")


@dataclass(frozen=True, kw_only=True)
class FileCheck:
    """
    What is checked before a file is loaded.

    A limit is a whole number of accounts, or a percentage of them as text, such as ``10%``; None switches it
    off. The defaults are those of a file drop.

    :param key: column that identifies an account; None for the identity attribute of the source.
    :param readable: refuse what is not UTF-8 text.
    :param header: refuse columns that the source does not expect, lacks, or that occur twice.
    :param shape: refuse rows that are not RFC 4180: the wrong number of fields, a faulty quotation mark.
    :param keys: refuse rows without a key, and keys that occur twice.
    :param foreign: refuse the file of another source.
    :param fresh: refuse a file that is older than the one loaded last.
    :param min_rows: the fewest accounts; None for no limit.
    :param max_rows: the most accounts; None for no limit.
    :param max_deletions: the most accounts that may disappear, compared with the last good file and with
        what ISC holds; None also ignores the source's own ``deleteThreshold``.
    :param max_additions: the most accounts that may be new.
    :param max_changes: the most accounts that may change in one column; a mapping sets it per column.
    :param max_age: greatest age of a file, in seconds or as a ``timedelta``; None for no limit.
    :param repeat: what happens to the same bytes as the last load: ``skip``, ``load`` or ``fail``.
    :param merges_rows: whether several rows of one key are one account; None for the source's setting.
    :param show_keys: whether reports contain keys of accounts; no other value ever appears in one. A file's
        keys are left out if the last good file has none of them.
    :param strict: refuse a file where a rule lacks a fact that it needs.
    :raises InvalidInputError: a value is none of these.
    """

    key: str | None = None
    readable: bool = True
    header: bool = True
    shape: bool = True
    keys: bool = True
    foreign: bool = True
    fresh: bool = True
    min_rows: int | None = 1
    max_rows: int | None = None
    max_deletions: int | str | None = "10%"
    max_additions: int | str | None = None
    max_changes: int | str | Mapping[str, int | str] | None = None
    max_age: float | timedelta | None = None
    repeat: Repeat = "skip"
    merges_rows: bool | None = None
    show_keys: bool = True
    strict: bool = False

    def __post_init__(self) -> None:
        """Check every value, so that a mistake shows when the DAG is parsed."""
        for name in _SWITCHES:
            _check_boolean(getattr(self, name), name)
        if self.merges_rows is not None:
            _check_boolean(self.merges_rows, "merges_rows")
        for name in ("min_rows", "max_rows"):
            _check_number(getattr(self, name), name)
        if self.min_rows is not None and self.max_rows is not None and self.min_rows > self.max_rows:
            raise InvalidInputError(f"min_rows {self.min_rows} is above max_rows {self.max_rows}.")
        if self.key is not None and (not isinstance(self.key, str) or not self.key.strip()):
            raise InvalidInputError(f"key must be the name of a column, not {self.key!r}.")
        if self.repeat not in get_args(Repeat):
            raise InvalidInputError(f"repeat must be one of skip, load, fail, not {self.repeat!r}.")
        read_limit(self.max_deletions, "max_deletions")
        read_limit(self.max_additions, "max_additions", is_part=False)
        self.limit_of_changes("")
        _ = self.max_age_seconds

    @property
    def max_age_seconds(self) -> float | None:
        """The most seconds that a file may be old; None for no limit."""
        return None if self.max_age is None else seconds(self.max_age, "max_age")

    @property
    def limited_columns(self) -> tuple[str, ...]:
        """The columns that ``max_changes`` names; empty if it is for every column."""
        return tuple(self.max_changes) if isinstance(self.max_changes, Mapping) else ()

    def limit_of_changes(self, column: str) -> Limit | None:
        """Return the most accounts that may change in a column; None for no limit."""
        if isinstance(self.max_changes, Mapping):
            limits = {
                name: read_limit(one, f"max_changes[{name!r}]") for name, one in self.max_changes.items()
            }
            return limits.get(column)
        return read_limit(self.max_changes, "max_changes")

    def to_json(self) -> dict[str, Any]:
        """Return the check as JSON primitives."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["max_age"] = self.max_age_seconds
        if isinstance(self.max_changes, Mapping):
            values["max_changes"] = dict(self.max_changes)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FileCheck:
        """
        Return the check that :meth:`to_json` described.

        :raises InvalidInputError: a value or a name is unknown.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InvalidInputError(f"A file check has no setting {', '.join(unknown)}.")
        return cls(**values)


def _check_boolean(value: Any, name: str) -> None:
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name} must be true or false, not {value!r}.")


def _check_number(value: Any, name: str) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidInputError(f"{name} must be a whole number of accounts, not {value!r}.")
