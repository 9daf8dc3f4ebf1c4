"""The structure of a CSV outside its quotation marks, block by block, at the speed of ``bytes`` methods."""

from __future__ import annotations

from operator import itemgetter

_QUOTE = b'"'
# All that has a meaning outside quotation marks keeps its place, and everything else is a letter.
_OUTLINE = bytes(byte if byte in b'",\r\n' else ord("x") for byte in range(256))
_AFTER, _BEFORE = frozenset(b",\r\n"), frozenset(b",\n")
_FIRST, _LAST = itemgetter(0), itemgetter(-1)
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
        """Whether some line needs a closer look: it has a stray quotation mark or carriage return."""
        self._has_content = False
        self._line_feeds = 0
        self._trailing = 0
        self._returns = 0
        self._pairs = 0
        self._carry = b"\n"

    @property
    def rows(self) -> int:
        """Lines up to the last with content, the header included; a blank one counts, and DuckDB skips it."""
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
        if self._carry == b"\r":
            self._returns += 1
            self.is_suspicious = True
        self.is_suspicious |= self.is_inside

    def _outside(self, block: bytes) -> bytes:
        """Return what is outside quotation marks; each quoted part is a single quotation mark."""
        if _QUOTE not in block:
            return b"" if self.is_inside else block
        pieces = block.split(_QUOTE)
        began_inside, self.is_inside = self.is_inside, self.is_inside ^ (len(pieces) % 2 == 0)
        between = pieces[1::2] if began_inside else pieces[::2]
        if _has_stray_quote(between, began_inside, self.is_inside):
            self.is_suspicious = True
        outside = _QUOTE.join(between)
        return outside + _QUOTE if self.is_inside else outside

    def _count(self, outside: bytes) -> None:
        self.separators += outside.count(b",")
        seam = (self._carry + outside[:1]).translate(_OUTLINE)
        # Within the block, quotation marks were looked at already.
        self.is_suspicious |= any(fault in seam for fault in _STRAY)
        self._count_line_feeds(outside)
        if b"\r" in outside or self._carry == b"\r":
            self._count_returns(self._carry + outside)
        self._carry = outside[-1:]

    def _count_line_feeds(self, outside: bytes) -> None:
        """Count line feeds, and apart from them those after the last content."""
        content = outside.rstrip(b"\r\n")
        feeds = outside.count(b"\n")
        after = outside.count(b"\n", len(content))
        self._trailing = after if content else self._trailing + after
        self._has_content |= bool(content)
        self._line_feeds += feeds

    def _count_returns(self, context: bytes) -> None:
        """Count carriage returns; one at the end of a block is judged with the next block."""
        returns, pairs = context.count(b"\r", 0, -1), context.count(b"\r\n")
        self.is_suspicious |= returns != pairs
        self._returns += returns
        self._pairs += pairs


def _has_stray_quote(between: list[bytes], is_first_after_quote: bool, is_last_before_quote: bool) -> bool:
    """
    Return whether a quotation mark stands where RFC 4180 does not allow one.

    After a closing one comes a separator or a line end, and before an opening one likewise. Nothing between
    two is an escaped one. Most pieces are alike, so each kind is looked at once.

    :param between: what stands outside quotation marks, piece by piece.
    """
    first, last = between[0], between[-1]
    if len(between) == 1:
        return (is_first_after_quote and _is_stray_after(first)) or (
            is_last_before_quote and _is_stray_before(first)
        )
    if _is_stray_before(first) or _is_stray_after(last):
        return True
    if (is_first_after_quote and _is_stray_after(first)) or (is_last_before_quote and _is_stray_before(last)):
        return True
    kinds = set(between[1:-1])
    kinds.discard(b"")
    return not (_AFTER.issuperset(map(_FIRST, kinds)) and _BEFORE.issuperset(map(_LAST, kinds)))


def _is_stray_after(piece: bytes) -> bool:
    return piece != b"" and piece[0] not in _AFTER


def _is_stray_before(piece: bytes) -> bool:
    return piece != b"" and piece[-1] not in _BEFORE
