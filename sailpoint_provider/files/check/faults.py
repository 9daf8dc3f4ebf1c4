"""Finds the lines of a file that are not as RFC 4180 says, and those of a key."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from sailpoint_provider.files.check.csv_rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sailpoint_provider.files.check.csv_rows import Row

SHOWN = 5
_MOST = 1000


@dataclass(frozen=True)
class Faults:
    """
    The faulty rows of a file.

    :param count: how many there are; counting ends at a thousand.
    :param first: the first five, each as "line 7 has 2 fields instead of 9".
    """

    count: int
    first: tuple[str, ...]

    @property
    def is_counted(self) -> bool:
        """Whether the count is exact."""
        return self.count < _MOST


def find_faults(stream: BinaryIO, width: int) -> Faults:
    """
    Return the faulty rows.

    :param width: number of columns in the header.
    """
    found = (f"line {row.line:,} {fault}" for row in rows(stream) if (fault := _fault(row, width)))
    first = list(islice(found, _MOST))
    return Faults(len(first), tuple(first[:SHOWN]))


def lines_of_keys(stream: BinaryIO, column: int, keys: Iterable[str]) -> Mapping[str, list[int]]:
    """
    Return the first lines on which each of some keys stands.

    :param column: position of the key.
    :param keys: the keys as they stand in the file.
    """
    wanted: dict[bytes, list[int]] = {key.encode(): [] for key in keys}
    for row in islice(rows(stream), 1, None):
        lines = wanted.get(row.fields[column]) if column < len(row.fields) else None
        if lines is not None and len(lines) < SHOWN:
            lines.append(row.line)
    return {key.decode(): lines for key, lines in wanted.items()}


def _fault(row: Row, width: int) -> str | None:
    if row.fault is not None:
        return row.fault
    if len(row.fields) != width:
        fields = "1 field" if len(row.fields) == 1 else f"{len(row.fields):,} fields"
        return f"has {fields} instead of {width:,}"
    return None
