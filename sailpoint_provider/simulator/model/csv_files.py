"""Reading account files: the header check and the rows, streamed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, TYPE_CHECKING

from sailpoint_provider.simulator.model.accounts import AccountSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BLOCK = 1024 * 1024
_ROWS_BETWEEN_CHECKS = 4096
csv.field_size_limit(16 * _BLOCK)


class UnknownHeader(Exception):
    """The file's header is not the source's; the text is ISC's own."""


class UnreadableFile(Exception):
    """The file is no CSV."""


class ReadingStopped(Exception):
    """The simulator shuts down while a large file is read."""


@dataclass(frozen=True)
class ReceivedFile:
    """What arrived, for the truth lists of the control API.

    :param name: file name the client gave.
    :param size: bytes.
    :param sha256: hexadecimal digest of the bytes.
    """

    name: str
    size: int
    sha256: str


def fingerprint(name: str, file: IO[bytes]) -> ReceivedFile:
    """Measure and hash a file from its beginning, a block at a time."""
    file.seek(0)
    digest, size = sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return ReceivedFile(name=name, size=size, sha256=digest.hexdigest())


def check_file_header(file: IO[bytes], header: Sequence[str]) -> None:
    """Look at the first row alone; raise :class:`UnknownHeader` unless it names the source's columns."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        check_header(next(csv.reader(text), []), header)
    except csv.Error as error:
        raise UnreadableFile(str(error)) from error
    finally:
        text.detach()


def read_accounts(
    file: IO[bytes],
    header: Sequence[str],
    identity_attribute: str,
    stopping: Callable[[], bool] = lambda: False,
) -> AccountSet:
    """Read a whole account file row by row.

    :param file: the bytes, UTF-8; a byte-order mark makes the first column unknown.
    :param header: the columns the source knows, in any order in the file.
    :param identity_attribute: the column that names an account.
    :param stopping: asked now and then; True ends the reading with :class:`ReadingStopped`.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        return _scan(csv.reader(text), header, identity_attribute, stopping)
    except csv.Error as error:
        raise UnreadableFile(str(error)) from error
    finally:
        text.detach()


def _scan(
    rows: Iterator[list[str]], header: Sequence[str], identity_attribute: str, stopping: Callable[[], bool]
) -> AccountSet:
    columns = next(rows, [])
    check_header(columns, header)
    order = [columns.index(column) for column in header]
    identity = columns.index(identity_attribute)
    width = len(columns)
    accounts = AccountSet()
    for row in rows:
        if not row:
            continue
        if len(row) < width:
            row.extend([""] * (width - len(row)))
        accounts.scan(row[identity], [row[at] for at in order])
        if accounts.scanned % _ROWS_BETWEEN_CHECKS == 0 and stopping():
            raise ReadingStopped
    return accounts


def check_header(columns: Sequence[str], expected: Sequence[str]) -> None:
    """Raise :class:`UnknownHeader` unless the columns are the source's, in any order and each once."""
    unknown = [column for column in columns if column not in expected]
    unknown += [column for column, times in Counter(columns).items() if times > 1 and column in expected]
    missing = [column for column in expected if column not in columns]
    if unknown or missing:
        raise UnknownHeader(
            f'Column: "[{", ".join(unknown)}]" is unknown and/or column: "[{", ".join(missing)}]" is missing'
        )
