"""The structure of a CSV outside its quotation marks, block by block, at the speed of ``bytes`` methods."""

from __future__ import annotations

_QUOTE = b'"'
# All that has a meaning outside quotation marks keeps its place, and everything else is a letter.
_OUTLINE = bytes(byte if byte in b'",\r\n' else ord("x") for byte in range(256))
_STRAY = (b'x"', b'"x', b'\r"')


class Structure:
    """
    Counts rows and separators, and notices what RFC 4180 does not allow.

    A CSV reader forgives much: blank lines, a quotation mark within a field, other line ends. ISC may read
    such a file differently, so what this class counts must agree with what the reader returns.
    """

    def __init__(self) -> None:
        self.separators = 0
        """Commas outside quotation marks."""
        self.is_inside = False
        """Whether a quotation mark is open."""
        self.is_suspicious = False
        """Whether some line needs a closer look: a stray quotation mark, a blank line, a bare return."""
        self._has_content = False
        self._line_feeds = 0
        self._trailing = 0
        self._returns = 0
        self._pairs = 0
        self._carry = b"\n"

    @property
    def rows(self) -> int:
        """Rows with content, the header included; blank lines at the end do not count."""
        return self._line_feeds - self._trailing + (1 if self._has_content else 0)

    @property
    def has_only_returns(self) -> bool:
        """Whether lines end with a carriage return alone, as on Mac OS before 2001."""
        return self._returns > 0 and self._line_feeds == 0

    @property
    def mixes_line_ends(self) -> bool:
        """Whether some lines end with CR LF and others with LF."""
        return 0 < self._pairs < self._line_feeds

    def feed(self, block: bytes) -> None:
        """Take the next block."""
        outside = self._outside(block)
        if outside:
            self._count(outside)

    def finish(self) -> None:
        """Take the end of the file."""
        if self.is_inside or self._carry.endswith(b"\r"):
            self.is_suspicious = True

    def _outside(self, block: bytes) -> bytes:
        """Return what is outside quotation marks; each quoted part is a single quotation mark."""
        if _QUOTE not in block:
            return b"" if self.is_inside else block
        pieces = block.split(_QUOTE)
        outside = _QUOTE.join(pieces[1::2] if self.is_inside else pieces[::2])
        self.is_inside ^= len(pieces) % 2 == 0
        return outside + _QUOTE if self.is_inside else outside

    def _count(self, outside: bytes) -> None:
        self.separators += outside.count(b",")
        self._count_lines(outside)
        context = self._carry + outside
        self._carry = context[-2:]
        if _QUOTE in context:
            outline = context.translate(_OUTLINE)
            self.is_suspicious |= any(fault in outline for fault in _STRAY)
        if b"\r" in context:
            # A carriage return at the end of the block is judged with the next one.
            judged = context[:-1] if context.endswith(b"\r") else context
            returns, pairs = judged.count(b"\r"), context.count(b"\r\n")
            self.is_suspicious |= returns != pairs
            self._returns += outside.count(b"\r")

    def _count_lines(self, outside: bytes) -> None:
        """Count line feeds, those after the last content apart, and notice blank lines before it."""
        content = outside.rstrip(b"\r\n")
        feeds = outside.count(b"\n")
        before = self._carry + content
        blank = b"\n\n" in before or b"\n\r\n" in before
        if content and (blank or self._trailing > 1):
            self.is_suspicious = True
        after = outside[len(content) :].count(b"\n")
        self._trailing = after if content else self._trailing + after
        self._has_content |= bool(content)
        self._line_feeds += feeds
        self._pairs += (self._carry[-1:] + outside).count(b"\r\n")
