"""Reads a file, and the last good one beside it, and returns what was found; decides nothing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sailpoint_provider.files.check.content import Content, digest_of, read_content
from sailpoint_provider.files.check.csv_rows import (
    SHOWN_LINES,
    Faults,
    find_faults,
    lines_of_keys,
    read_header,
)
from sailpoint_provider.files.check.tables import CsvTable, KeyFigures, Tables, UnreadableTableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future


@dataclass(frozen=True)
class LastFile:
    """
    The last good file, as far as it can be compared with.

    :param path: its local path; None if it cannot be read.
    :param sha256: SHA-256 that it must have.
    :param problem: why it cannot be compared with, as a clause such as "is gone"; None if it can.
    """

    path: str | None
    sha256: str
    problem: str | None = None


@dataclass(frozen=True)
class Findings:
    """
    What was found in a file.

    :param content: what its bytes say; None if it could not be decompressed.
    :param not_text: why it cannot be read, as a clause after "It is"; None if it can.
    :param columns: its header; empty if it has none that can be read.
    :param header_fault: what is wrong with the header row, as words after "line 1"; None if it can be read.
    :param faults: rows that are not as RFC 4180 says; None if there are none.
    :param rows: rows without the header; None if they could not be read.
    :param keys: what the keys say; None without a key, or if the rows could not be read.
    :param key_lines: lines of the first faulty keys.
    :param changed_columns: accounts with a changed value, by column; None if nothing was compared.
    :param last_columns: header of the last file; None if it could not be read.
    :param last_rows: rows of the last file; None if it could not be read.
    :param last_ends_a_line: whether the last file ends with a line end; None if it could not be read.
    :param last_problem: why the last file could not be compared with; None if it was, or if there is none.
    """

    content: Content | None
    not_text: str | None = None
    columns: tuple[str, ...] = ()
    header_fault: str | None = None
    faults: Faults | None = None
    rows: int | None = None
    keys: KeyFigures | None = None
    key_lines: Mapping[str, list[int]] | None = None
    changed_columns: Mapping[str, int] | None = None
    last_columns: tuple[str, ...] | None = None
    last_rows: int | None = None
    last_ends_a_line: bool | None = None
    last_problem: str | None = None


def examine(path: str, last: LastFile | None, *, key: str | None, merges_rows: bool, folder: str) -> Findings:
    """
    Read a file to its end, and the last good one if there is one.

    :param path: local path of the file.
    :param key: column that identifies an account; None if nobody knows.
    :param merges_rows: whether several rows of one key are one account.
    :param folder: private folder for what does not fit into memory.
    :raises InvalidInputError: memory or disk did not suffice, or a file is gone (not final).
    """
    with ThreadPoolExecutor(2, thread_name_prefix="file-check") as pool, closing(Tables(folder)) as tables:
        content = pool.submit(_content, path)
        last_path = last.path if last is not None else None
        last_digest = pool.submit(_digest, last_path) if last_path is not None else None
        return _Examination(tables, path, last, key, merges_rows).run(content, last_digest)


class _Examination:
    """The steps of one examination, in their order."""

    def __init__(
        self, tables: Tables, path: str, last: LastFile | None, key: str | None, merges_rows: bool
    ) -> None:
        self._tables = tables
        self._path = path
        self._last = last
        self._key = key
        self._merges_rows = merges_rows

    def run(self, content: Future[Content], last_digest: Future[str] | None) -> Findings:
        columns, header_fault = _header(self._path)
        new = CsvTable(self._path, columns, _position(self._key, columns))
        old = self._open_last()
        shared = _shared(columns, old.columns, self._key) if old is not None else {}
        read = None if header_fault else self._read(new, [at for at, _ in shared.values()], is_new=True)
        known = content.result()
        found = Findings(known, known.not_text, columns, header_fault)
        if known.not_text is not None or header_fault is not None:
            return found
        new = replace(new, mixes_line_ends=known.mixes_line_ends)
        if not _agree(read, known, new):
            faults = self._faults(known, new)
            if faults is None:
                read = self._read(new, [at for at, _ in shared.values()], is_new=True, parallel=False)
                if not _agree(read, known, new):
                    faults = Faults(1, ("its rows cannot be told apart reliably",))
            if faults is not None:
                return replace(found, faults=faults)
        return self._compare(replace(found, rows=read), new, old, shared, last_digest)

    def _read(
        self, table: CsvTable, compared: list[int], *, is_new: bool, parallel: bool = True
    ) -> int | None:
        """Return the number of rows; None if they cannot be read."""
        try:
            return self._tables.load(table, compared, is_new=is_new, parallel=parallel)
        except UnreadableTableError:
            return None

    def _faults(self, content: Content, table: CsvTable) -> Faults | None:
        """Return the faulty rows; None if there are none, so that DuckDB misread the file."""
        if content.has_only_returns:
            return Faults(1, ("its lines end with a carriage return alone",))
        with open(self._path, "rb") as stream:
            faults = find_faults(stream, len(table.columns))
        self._tables.forget(is_new=True)
        return faults if faults.count else None

    def _open_last(self) -> CsvTable | None:
        if self._last is None or self._last.path is None:
            return None
        columns, fault = _header(self._last.path)
        if fault is not None or (self._key is not None and self._key not in columns):
            return None
        return CsvTable(self._last.path, columns, _position(self._key, columns))

    def _compare(
        self,
        found: Findings,
        new: CsvTable,
        old: CsvTable | None,
        shared: Mapping[str, tuple[int, int]],
        last_digest: Future[str] | None,
    ) -> Findings:
        """Add what the keys of both files say."""
        last_rows, problem = None, None
        if self._last is not None:
            last_rows, problem = self._read_last(old, shared, last_digest)
        found = replace(found, last_problem=problem)
        if old is not None and problem is None:
            ends = _ends_a_line(old.path)
            found = replace(found, last_columns=old.columns, last_rows=last_rows, last_ends_a_line=ends)
        if new.key is None or self._key is None:
            return found
        keys = self._tables.compare(
            self._key, merges_rows=self._merges_rows, has_last=old is not None and problem is None
        )
        changed = None
        if old is not None and problem is None:
            changed = self._tables.changed_columns(list(shared)) if keys.movers.count else {}
        return replace(found, keys=keys, changed_columns=changed, key_lines=self._key_lines(new, keys))

    def _read_last(
        self,
        old: CsvTable | None,
        shared: Mapping[str, tuple[int, int]],
        last_digest: Future[str] | None,
    ) -> tuple[int | None, str | None]:
        """Return the rows of the last file, or why it cannot be compared with."""
        assert self._last is not None  # noqa: S101 - for the type checker
        if self._last.problem is not None or last_digest is None:
            return None, self._last.problem or "is gone"
        if last_digest.result() != self._last.sha256:
            return None, "is not the file that was loaded: its SHA-256 differs"
        if old is None:
            return None, "has no such key or no header"
        # It was checked when it was loaded, so it is read as strictly as possible, but not as closely.
        compared = [at for _, at in shared.values()]
        read = self._read(old, compared, is_new=False)
        if read is None:
            content = _content(old.path)
            table = replace(old, mixes_line_ends=content.mixes_line_ends)
            read = self._read(table, compared, is_new=False, parallel=False)
            if not _agree(read, content, table):
                self._tables.forget(is_new=False)
                return None, "cannot be read as CSV"
        return read, None

    def _key_lines(self, table: CsvTable, keys: KeyFigures) -> Mapping[str, list[int]]:
        """Return the lines of the first keys that are faulty; reads the file again only if any is."""
        groups = (keys.padded, keys.headers, *(() if self._merges_rows else (keys.repeated,)))
        wanted = [key for group in groups for key in group.keys[:SHOWN_LINES]]
        if table.key is None or not (wanted or keys.blank_rows):
            return {}
        with open(self._path, "rb") as stream:
            return lines_of_keys(stream, table.key, wanted)


def _agree(read: int | None, content: Content, table: CsvTable) -> bool:
    """Return whether both readers of the file found the same rows and fields, and nothing odd."""
    return (
        read is not None
        and not content.is_suspicious
        and read == content.rows - 1
        and content.separators == content.rows * (len(table.columns) - 1)
    )


def _shared(
    columns: tuple[str, ...], last_columns: tuple[str, ...], key: str | None
) -> dict[str, tuple[int, int]]:
    """Return the positions of the columns that both files have, without the key."""
    return {
        name: (columns.index(name), last_columns.index(name))
        for name in columns
        if name in last_columns and name != key
    }


def _header(path: str) -> tuple[tuple[str, ...], str | None]:
    with open(path, "rb") as stream:
        return read_header(stream)


def _position(key: str | None, columns: tuple[str, ...]) -> int | None:
    return columns.index(key) if key is not None and key in columns else None


def _ends_a_line(path: str) -> bool:
    with open(path, "rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) in (b"\n", b"\r")


def _digest(path: str) -> str:
    with open(path, "rb") as stream:
        return digest_of(stream)


def _content(path: str) -> Content:
    with open(path, "rb") as stream:
        return read_content(stream)
