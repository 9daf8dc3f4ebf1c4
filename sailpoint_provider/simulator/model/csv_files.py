"""Account files: the header check, and rows read as a stream."""

from __future__ import annotations

import csv
import io
from collections import Counter
from contextlib import contextmanager
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
    """The file's header is not the source's; the text is ISC's."""


class UnreadableFile(Exception):
    """The file is not a CSV."""


class ReadingStopped(Exception):
    """The simulator stopped while it read a file."""


@dataclass(frozen=True)
class ReceivedFile:
    """A file as it arrived.

    :param name: file name that the client sent.
    :param size: size in bytes.
    :param sha256: SHA-256 digest, hexadecimal.
    """

    name: str
    size: int
    sha256: str


def fingerprint(name: str, file: IO[bytes]) -> ReceivedFile:
    """Return the size and digest of a file."""
    file.seek(0)
    digest, size = sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return ReceivedFile(name=name, size=size, sha256=digest.hexdigest())


def first_row(file: IO[bytes]) -> tuple[str, ...]:
    """Return the first row.

    :raises UnreadableFile: if it is not CSV, or empty.
    """
    with _rows(file) as rows:
        row = next(rows, [])
    if not row:
        raise UnreadableFile("The file is empty")
    return tuple(row)


def check_file_header(file: IO[bytes], header: Sequence[str]) -> None:
    """Check the first row.

    :raises UnknownHeader: unless it names the source's columns.
    :raises UnreadableFile: if it is not CSV.
    """
    with _rows(file) as rows:
        check_header(next(rows, []), header)


def read_accounts(
    file: IO[bytes],
    header: Sequence[str],
    identity_attribute: str,
    stopping: Callable[[], bool] = lambda: False,
    *,
    merges_rows: bool = False,
) -> AccountSet:
    """Read an account file row by row.

    :param file: the file in UTF-8; a byte-order mark makes the first column unknown.
    :param header: columns of the source, which the file may have in any order.
    :param identity_attribute: column that identifies an account.
    :param stopping: called regularly; True stops the reading.
    :param merges_rows: whether several rows of one identity are one account.
    :raises UnknownHeader: unless the first row names the source's columns.
    :raises UnreadableFile: if the file is not CSV.
    :raises ReadingStopped: if ``stopping`` returned True.
    """
    accounts = AccountSet(merges_rows=merges_rows)
    with _rows(file) as rows:
        _scan(accounts, rows, header, identity_attribute, stopping)
    return accounts


@contextmanager
def _rows(file: IO[bytes]) -> Iterator[Iterator[list[str]]]:
    """Give the rows of a file, which stays open.

    :raises UnreadableFile: if it is not CSV.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        yield csv.reader(text)
    except csv.Error as error:
        raise UnreadableFile(str(error)) from error
    finally:
        text.detach()


def _scan(
    accounts: AccountSet,
    rows: Iterator[list[str]],
    header: Sequence[str],
    identity_attribute: str,
    stopping: Callable[[], bool],
) -> None:
    columns = next(rows, [])
    check_header(columns, header)
    order = [columns.index(column) for column in header]
    identity = columns.index(identity_attribute)
    width = len(columns)
    for row in rows:
        if not row:
            continue
        if len(row) < width:
            row.extend([""] * (width - len(row)))
        accounts.scan(row[identity], [row[at] for at in order])
        if accounts.scanned % _ROWS_BETWEEN_CHECKS == 0 and stopping():
            raise ReadingStopped


def check_header(columns: Sequence[str], expected: Sequence[str]) -> None:
    """Check that the columns are the source's, in any order, each exactly once.

    :raises UnknownHeader: if they are not.
    """
    unknown = [column for column in columns if column not in expected]
    unknown += [column for column, times in Counter(columns).items() if times > 1 and column in expected]
    missing = [column for column in expected if column not in columns]
    if unknown or missing:
        raise UnknownHeader(
            f'Column: "[{", ".join(unknown)}]" is unknown and/or column: "[{", ".join(missing)}]" is missing'
        )
