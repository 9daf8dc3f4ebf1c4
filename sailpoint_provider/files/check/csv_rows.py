"""Reads a CSV row by row and exactly, but slowly: for the header, and for the lines of a fault or a key."""

from __future__ import annotations

import codecs
import re
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_ROW = 2 * 1024 * 1024
"""Bytes that a row may have. A longer one is a quotation mark that nobody closed."""

SHOWN_LINES = 5
_MOST_FAULTS = 1000
_FIELD = re.compile(rb'"((?:[^"]|"")*)"|([^",\r\n]*)')


@dataclass(frozen=True)
class Row:
    """
    A row as it stands in the file.

    :param line: number of the line it begins on, from 1.
    :param fields: its values; empty if it has a fault.
    :param fault: what is wrong with it, as words after "line 7"; None if nothing is.
    """

    line: int
    fields: tuple[bytes, ...]
    fault: str | None = None


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
        return self.count < _MOST_FAULTS


def rows(stream: BinaryIO) -> Iterator[Row]:
    """
    Yield the rows, header first; blank lines at the end are left out.

    After a row with a fault, reading continues on its second line, so that one stray quotation mark does not
    hide the rest of the file.
    """
    lines = _Lines(stream)
    blank: list[int] = []
    while (first := lines.next()) is not None:
        number = lines.number
        if first in (b"\n", b"\r\n"):
            blank.append(number)
            continue
        for one in blank:
            yield Row(one, (), "is blank")
        blank = []
        row = _row(lines, number, first)
        yield row


def read_header(stream: BinaryIO) -> tuple[tuple[str, ...], str | None]:
    """Return the header, or none and what is wrong with it, as words after "line 1"."""
    row = next(rows(stream), None)
    if row is None:
        return (), "is missing, because the file has no content"
    if row.fault is not None:
        return (), row.fault
    try:
        return tuple(field.decode() for field in row.fields), None
    except UnicodeDecodeError:
        return (), "is not UTF-8"


def find_faults(stream: BinaryIO, width: int) -> Faults:
    """
    Return the faulty rows.

    :param width: number of columns in the header.
    """
    found = (f"line {row.line:,} {fault}" for row in rows(stream) if (fault := _fault(row, width)))
    first = list(islice(found, _MOST_FAULTS))
    return Faults(len(first), tuple(first[:SHOWN_LINES]))


def lines_of_keys(stream: BinaryIO, column: int, keys: Iterable[str]) -> Mapping[str, list[int]]:
    """
    Return the first lines on which each of some keys stands.

    :param column: position of the key.
    :param keys: the keys as they stand in the file.
    """
    wanted: dict[bytes, list[int]] = {key.encode(): [] for key in keys}
    for row in islice(rows(stream), 1, None):
        lines = wanted.get(row.fields[column]) if column < len(row.fields) else None
        if lines is not None and len(lines) < SHOWN_LINES:
            lines.append(row.line)
    return {key.decode(): lines for key, lines in wanted.items()}


def _fault(row: Row, width: int) -> str | None:
    if row.fault is not None:
        return row.fault
    if len(row.fields) != width:
        fields = "1 field" if len(row.fields) == 1 else f"{len(row.fields):,} fields"
        return f"has {fields} instead of {width:,}"
    return None


def _row(lines: _Lines, number: int, first: bytes) -> Row:
    """Return the row that begins with a line."""
    parts, length, is_open = [first], len(first), first.count(b'"') % 2 == 1
    while is_open and length <= LONGEST_ROW and (line := lines.next()) is not None:
        parts.append(line)
        length += len(line)
        is_open ^= line.count(b'"') % 2 == 1
    fault = None
    if length > LONGEST_ROW:
        fault = f"begins a row of more than {LONGEST_ROW // 2**20} MiB"
    elif is_open:
        fault = "has a quotation mark that is not closed"
    else:
        fields, fault = _split(b"".join(parts))
        if fault is None:
            return Row(number, fields)
    lines.put_back(parts[1:])
    return Row(number, (), fault)


def _split(row: bytes) -> tuple[tuple[bytes, ...], str | None]:
    """Return the fields of a row, or what is wrong with it."""
    if row.endswith(b"\n"):
        row = row[:-1].removesuffix(b"\r")
    if b'"' not in row:
        if b"\r" in row:
            return (), "has a carriage return without a line feed"
        return tuple(row.split(b",")), None
    fields, at = [], 0
    while True:
        match = _FIELD.match(row, at)
        if match is None:  # cannot be: a field may be empty
            return (), "cannot be read"
        quoted, plain = match.groups()
        fields.append(quoted.replace(b'""', b'"') if quoted is not None else plain)
        at = match.end()
        if at == len(row):
            return tuple(fields), None
        if row[at : at + 1] != b",":
            return (), _stray(row, at)
        at += 1


def _stray(row: bytes, at: int) -> str:
    if row[at : at + 1] in (b"\r", b"\n"):
        return "has a carriage return without a line feed"
    if row[at : at + 1] == b'"':
        return "has a quotation mark within a value that does not begin with one"
    return "has text after a closing quotation mark"


class _Lines:
    """The lines of a stream, some of which may be put back; of a line that is too long only a part comes."""

    def __init__(self, stream: BinaryIO) -> None:
        self.number = 0
        self._stream = stream
        self._back: deque[bytes] = deque()

    def next(self) -> bytes | None:
        """Return the next line with its end; None at the end of the file."""
        line = self._back.popleft() if self._back else self._read()
        if self.number == 0:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line:
            return None
        self.number += 1
        return line

    def put_back(self, lines: list[bytes]) -> None:
        """Give lines back; they come next."""
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def _read(self) -> bytes:
        line = rest = self._stream.readline(LONGEST_ROW + 1)
        while len(rest) > LONGEST_ROW and not rest.endswith(b"\n"):
            rest = self._stream.readline(LONGEST_ROW + 1)
        return line
