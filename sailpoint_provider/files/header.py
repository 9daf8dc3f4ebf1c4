"""The header row of a file, read without the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.files.check.csv_rows import read_header

if TYPE_CHECKING:
    from sailpoint_provider.files.source import FileSource, FileState


def columns_in_state(file: FileSource, state: FileState) -> tuple[str, ...] | None:
    """
    Return the names of the columns of a file.

    :param file: the file.
    :param state: the state that the file must still be in, so that the header is that of the content that is
        meant.
    :returns: None if the file is certainly not in that state, or if its first row cannot be read.
    :raises InvalidInputError: as :meth:`FileSource.stat`.
    :raises OSError: the file cannot be opened or read.
    """
    if not file.stat().is_certainly(state):
        return None
    with file.open() as stream:
        columns, fault = read_header(stream)
    return columns if fault is None and file.stat().is_certainly(state) else None
