"""Counts the rows of a CSV while it is read, without holding it."""

from __future__ import annotations

_QUOTE = b'"'


class RowCounter:
    r"""
    Counts the rows below the header of a CSV, as they are fed to it chunk by chunk.

    Line ends within quotes do not count, nor do empty lines; ``\n``, ``\r\n`` and a missing last line end
    are all taken.
    """

    def __init__(self) -> None:
        self._lines = 0
        self._in_quotes = False
        self._line_has_content = False

    def feed(self, chunk: bytes) -> None:
        """Count the rows of the next piece of the file."""
        parts = chunk.split(_QUOTE)
        for index, part in enumerate(parts):
            if index:
                self._in_quotes = not self._in_quotes
                self._line_has_content = True
            if self._in_quotes:
                continue
            first, *others = part.split(b"\n")
            if first.strip(b"\r"):
                self._line_has_content = True
            for line in others:
                self._lines += self._line_has_content
                self._line_has_content = bool(line.strip(b"\r"))

    @property
    def rows(self) -> int:
        """Rows below the header, with what was fed so far taken for the whole file."""
        return max(0, self._lines + self._line_has_content - 1)
