"""Reads and compares CSVs with DuckDB, in bounded memory and without any guessing of its own."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.check.csv_rows import LONGEST_ROW
from sailpoint_provider.files.check.report import Accounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

SHOWN_KEYS = 20
_MEMORY = "256 MB"
_THREADS = 2
_BUFFER = 4 * LONGEST_ROW
_PARTS = 16
"""In how many parts the keys are compared where memory does not suffice for all at once."""

_COLUMNS_AT_ONCE = 100

# Python's str.strip() and what is invisible besides.
_SPACES = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)

# To trim a key costs more than to look at its ends, which are letters or digits nearly always.
_IS_PLAIN = "ascii(key) BETWEEN 33 AND 126 AND ascii(right(key, 1)) BETWEEN 33 AND 126"


class UnreadableTableError(Exception):
    """DuckDB cannot read a file as CSV. Its own message quotes the file and must not leave this module."""


class _OutOfMemoryError(InvalidInputError):
    """DuckDB did not get along with the memory it has."""


@dataclass(frozen=True)
class CsvTable:
    """
    A CSV as DuckDB is to read it.

    :param path: its local path.
    :param columns: its header.
    :param key: position of the key; None if there is none.
    :param mixes_line_ends: whether it does, which DuckDB reads only if told to be lenient.
    """

    path: str
    columns: tuple[str, ...]
    key: int | None
    mixes_line_ends: bool = False

    def sql(self, *, parallel: bool = True) -> str:
        """Return the call that reads it: all options are set, none is sniffed, every value stays text."""
        types = ",".join(f"'c{at}':'VARCHAR'" for at in range(len(self.columns)))
        path = self.path.replace("'", "''")
        return (
            f"read_csv('{path}', auto_detect=false, header=true, columns={{{types}}}, delim=',', quote='\"', "
            f"escape='\"', comment='', nullstr='{uuid.uuid4().hex}', compression='none', null_padding=false, "
            f"ignore_errors=false, strict_mode={str(not self.mixes_line_ends).lower()}, "
            f"max_line_size={LONGEST_ROW}, buffer_size={_BUFFER}, parallel={str(parallel).lower()})"
        )


@dataclass(frozen=True)
class KeyFigures:
    """
    What the keys of two files say.

    :param accounts: keys in the new file, without the blank ones.
    :param last_accounts: keys in the last file.
    :param common: keys in both.
    :param blank_rows: rows of the new file without a key.
    :param repeated: keys that occur more than once in the new file.
    :param padded: new keys that begin or end with a space.
    :param headers: rows of the new file that repeat its header.
    :param joiners: keys in the new file alone.
    :param movers: keys in both, with other values.
    :param leavers: keys in the last file alone.
    """

    accounts: int
    last_accounts: int
    common: int
    blank_rows: int
    repeated: Accounts
    padded: Accounts
    headers: Accounts
    joiners: Accounts
    movers: Accounts
    leavers: Accounts


class Tables:
    """
    A private DuckDB that holds one row for each row of both files: the key, and digests of the values.

    Keys are kept as they are, so that no two of them are ever taken for one, and no deletion stays unseen.
    Whether values changed is judged by digests: 64 bits of a row, 32 of a value. That a change is missed is
    one chance in some four billion for a changed value, and costs a count of changes, never one of accounts.

    :param folder: private folder for what does not fit into memory.
    """

    def __init__(self, folder: str) -> None:
        import duckdb

        spill = os.path.join(folder, "spill")
        self._errors = duckdb
        self._connection: duckdb.DuckDBPyConnection = duckdb.connect(
            ":memory:",
            config={
                "threads": _THREADS,
                "memory_limit": _MEMORY,
                "temp_directory": spill,
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        self._execute(
            "CREATE TEMP TABLE rows_of_both (key VARCHAR, is_new BOOLEAN, row_hash UBIGINT, "
            "value_hashes UINTEGER[])"
        )

    def close(self) -> None:
        """Let go of all memory and files."""
        self._connection.close()

    def load(self, table: CsvTable, compared: Sequence[int], *, is_new: bool, parallel: bool = True) -> int:
        """
        Read a file, and return its number of rows.

        :param compared: positions of the columns whose values are compared with those of the other file, in
            the same order for both.
        :param is_new: whether it is the new file.
        :raises UnreadableTableError: a row has too many or too few fields, or its quotation is wrong.
        :raises InvalidInputError: memory or disk did not suffice (not final).
        """
        source = table.sql(parallel=parallel)
        if table.key is None:
            return int(self._one(f"SELECT count(*) FROM {source}")[0])
        digests = [f"hash(c{at})" for at in compared]
        row = f"hash({', '.join(digests)})" if digests else "0"
        values = ", ".join(f"({digest} >> 32)::UINTEGER" for digest in digests)
        fields = f"c{table.key}, {str(is_new).lower()}, {row}, [{values}]::UINTEGER[]"
        before = self._one("SELECT count(*) FROM rows_of_both")[0]
        self._execute(f"INSERT INTO rows_of_both SELECT {fields} FROM {source}")
        return int(self._one("SELECT count(*) FROM rows_of_both")[0] - before)

    def forget(self, *, is_new: bool) -> None:
        """Remove the rows of a file, or of the part of it that was read before a fault."""
        self._execute(f"DELETE FROM rows_of_both WHERE is_new = {str(is_new).lower()}")

    def compare(self, key: str, *, merges_rows: bool, has_last: bool) -> KeyFigures:
        """
        Compare the keys of both files.

        :param key: name of the key's column, to recognize a header that is repeated.
        :param merges_rows: whether a key may occur more than once, so that its rows are compared together.
        :param has_last: whether the last file was loaded.
        """
        signed = "sum(CASE WHEN is_new THEN row_hash::HUGEINT ELSE -row_hash::HUGEINT END)"
        digest = signed if merges_rows else "bit_xor(row_hash)"
        plain = "new_rows = 1 AND last_rows = 1 AND digest = 0" if has_last else "new_rows = 1"
        groups = (
            f"SELECT key, CASE WHEN {_IS_PLAIN} THEN key ELSE trim(key, $spaces) END trimmed, new_rows, "
            "last_rows, digest <> 0 changed "
            "FROM (SELECT key, count(*) FILTER (is_new) new_rows, "
            f"count(*) FILTER (NOT is_new) last_rows, {digest} digest "
            "FROM rows_of_both {part} GROUP BY key) "
            f"WHERE NOT ({plain}) OR trimmed = '' OR trimmed <> key "
            "OR (strlen(key) = strlen($key) AND lower(key) = lower($key))"
        )
        values = {"spaces": _SPACES, "key": key}
        self._execute(
            "CREATE OR REPLACE TEMP TABLE differences (key VARCHAR, trimmed VARCHAR, new_rows BIGINT, "
            "last_rows BIGINT, changed BOOLEAN)"
        )
        try:
            self._execute(f"INSERT INTO differences {groups.format(part='')}", values)
        except _OutOfMemoryError:
            for part in range(_PARTS):
                self._execute(
                    f"INSERT INTO differences {groups.format(part=f'WHERE hash(key) % {_PARTS} = {part}')}",
                    values,
                )
        return self._figures(key, has_last)

    def changed_columns(self, names: Sequence[str]) -> dict[str, int]:
        """
        Count the accounts whose value changed, for each column in which any did.

        :param names: names of the compared columns, in their order.
        """
        counts: list[int] = []
        for start in range(0, len(names), _COLUMNS_AT_ONCE):
            counts += self._changed(range(start + 1, min(start + _COLUMNS_AT_ONCE, len(names)) + 1))
        return {name: count for name, count in zip(names, counts, strict=True) if count}

    def _changed(self, places: range) -> list[int]:
        """Count the accounts whose value changed, for some of the columns; more would not fit into memory."""
        sums = ", ".join(
            f"sum(CASE WHEN is_new THEN 1 ELSE -1 END * value_hashes[{at}]::BIGINT) <> 0 changed_{at}"
            for at in places
        )
        counts = ", ".join(f"count(*) FILTER (changed_{at})" for at in places)
        movers = (
            "SELECT key FROM differences WHERE new_rows > 0 AND last_rows > 0 AND changed AND trimmed <> ''"
        )
        row = self._one(
            f"SELECT {counts} FROM (SELECT {sums} FROM rows_of_both WHERE key IN ({movers}) GROUP BY key)"
        )
        return [int(count) for count in row]

    def _figures(self, key: str, has_last: bool) -> KeyFigures:
        total_new, total_last = self._one(
            "SELECT count(*) FILTER (is_new), count(*) FILTER (NOT is_new) FROM rows_of_both"
        )
        shown_new, shown_last, accounts, last_accounts, common, blank = self._one(
            "SELECT coalesce(sum(new_rows), 0), coalesce(sum(last_rows), 0), "
            "count(*) FILTER (new_rows > 0 AND trimmed <> ''), "
            "count(*) FILTER (last_rows > 0 AND trimmed <> ''), "
            "count(*) FILTER (new_rows > 0 AND last_rows > 0 AND trimmed <> ''), "
            "coalesce(sum(new_rows) FILTER (trimmed = ''), 0) FROM differences"
        )
        # What is not among the differences occurs once in the new file, and once in the last if there is one.
        plain = total_new - shown_new
        if has_last and total_last - shown_last != plain:
            raise UnreadableTableError
        return KeyFigures(
            accounts=int(accounts + plain),
            last_accounts=int(last_accounts + plain) if has_last else 0,
            common=int(common + plain) if has_last else 0,
            blank_rows=int(blank),
            **self._groups(key, has_last),
        )

    def _groups(self, key: str, has_last: bool) -> dict[str, Accounts]:
        """Return the groups of keys, by their name in the figures."""
        conditions = {
            "repeated": "new_rows > 1",
            "padded": "new_rows > 0 AND last_rows = 0 AND trimmed <> key",
            "headers": "new_rows > 0 AND last_rows = 0 AND lower(trimmed) = lower($key)",
            "joiners": "new_rows > 0 AND last_rows = 0" if has_last else "false",
            "movers": "new_rows > 0 AND last_rows > 0 AND changed",
            "leavers": "new_rows = 0 AND last_rows > 0",
        }
        columns = ", ".join(
            f"count(*) FILTER ({condition}), min(key, {SHOWN_KEYS}) FILTER ({condition})"
            for condition in conditions.values()
        )
        row = self._one(f"SELECT {columns} FROM differences WHERE trimmed <> ''", {"key": key})
        return {
            name: Accounts(int(row[2 * at]), tuple(row[2 * at + 1] or ()))
            for at, name in enumerate(conditions)
        }

    def _one(self, query: str, values: Mapping[str, str] | None = None) -> tuple[Any, ...]:
        row = self._execute(query, values).fetchone()
        if row is None:
            raise UnreadableTableError
        return row

    def _execute(self, query: str, values: Mapping[str, str] | None = None) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(query, dict(values) if values else None)
        except self._errors.InvalidInputException:
            raise UnreadableTableError from None
        except self._errors.OutOfMemoryException as error:
            raise _OutOfMemoryError(*_too_little(error).args, final=False) from None
        except self._errors.IOException as error:
            raise _no_room(error) from None
        except self._errors.Error as error:
            raise InvalidInputError(
                f"The check of the file failed in DuckDB ({type(error).__name__}). Nothing was sent.",
                final=False,
            ) from None


def _too_little(error: Exception) -> InvalidInputError:
    """Return the error for too little memory, as DuckDB also calls it if it may not write more to a disk."""
    if "temp_directory" in str(error):
        return _no_room(error)
    return InvalidInputError(
        f"The check of the file failed in DuckDB ({type(error).__name__}): {_MEMORY} of memory is not "
        "enough for so many columns, or for such long values. Nothing was sent.",
        final=False,
    )


def _no_room(error: Exception) -> InvalidInputError:
    return InvalidInputError(
        f"The check of the file failed in DuckDB ({type(error).__name__}): the file is gone, or the "
        "temporary folder has too little room. Set TMPDIR to a disk with room for three times the size of "
        "the file. Nothing was sent.",
        final=False,
    )
