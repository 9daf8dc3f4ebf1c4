"""One pass over the bytes of a file: digest, encoding, and the structure that DuckDB must agree with."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from sailpoint_provider.files.check.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Callable

# Small enough that a block and its pieces stay in the cache of a core.
_BLOCK = 128 * 1024
_HEAD = 4096
_MOSTLY = 0.8
_MARK = codecs.BOM_UTF8

# By its first bytes; the words continue "It is …".
_FORMATS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (
        lambda head: head.startswith(b"PK\x03\x04") and (b"xl/" in head or b"[Content_Types]" in head),
        "an Excel workbook (XLSX)",
    ),
    (lambda head: head.startswith((b"PK\x03\x04", b"PK\x05\x06")), "a ZIP archive"),
    (lambda head: head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an Excel workbook (XLS)"),
    (lambda head: head.startswith(b"\x1f\x8b"), "compressed with gzip, but its name does not end in .gz"),
    (lambda head: head.startswith(b"%PDF-"), "a PDF document"),
    (lambda head: head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")), "UTF-32 text"),
    (lambda head: head.startswith((b"\xff\xfe", b"\xfe\xff")), "UTF-16 text"),
    (
        lambda head: _text_start(head).startswith(
            (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--")
        ),
        "a web page (HTML or XML)",
    ),
    (lambda head: _is_zero_at(head, 4, {1, 2, 3}) or _is_zero_at(head, 4, {0, 1, 2}), "UTF-32 text"),
    (lambda head: _is_zero_at(head, 2, {1}) or _is_zero_at(head, 2, {0}), "UTF-16 text"),
)


@dataclass(frozen=True)
class Content:
    """
    What the bytes of a file say.

    :param size_bytes: size of what ISC would receive.
    :param sha256: SHA-256 of it.
    :param has_mark: whether it begins with the byte-order mark of UTF-8.
    :param not_text: why it cannot be read as UTF-8 text, as a clause after "It is"; None if it can.
    :param rows: rows with content, the header included.
    :param separators: commas outside quotation marks.
    :param is_suspicious: whether RFC 4180 does not allow something in it; which line it is, is not known.
    :param has_only_returns: whether its lines end with a carriage return alone.
    :param mixes_line_ends: whether some lines end with CR LF and others with LF.
    :param ends_a_line: whether its last byte is that of a line end.
    """

    size_bytes: int
    sha256: str
    has_mark: bool
    not_text: str | None
    rows: int
    separators: int
    is_suspicious: bool
    has_only_returns: bool
    mixes_line_ends: bool
    ends_a_line: bool


def read_content(stream: BinaryIO) -> Content:
    """Read a stream from its beginning to its end."""
    digest, size, structure, text = hashlib.sha256(), 0, Structure(), _TextCheck()
    has_mark, last_byte = False, b""
    while block := stream.read(_BLOCK):
        digest.update(block)
        if size == 0:
            text.begin(block[:_HEAD])
            has_mark = block.startswith(_MARK)
        size += len(block)
        last_byte = block[-1:]
        if text.fault is None:
            text.feed(block)
            structure.feed(block.removeprefix(_MARK) if has_mark and size == len(block) else block)
    structure.finish()
    text.finish()
    if text.fault is not None and text.fault_at is not None:
        text.fault = text.fault.format(line=_line_at(stream, text.fault_at))
    return Content(
        size,
        digest.hexdigest(),
        has_mark,
        text.fault,
        structure.rows,
        structure.separators,
        structure.is_suspicious,
        structure.has_only_returns,
        structure.mixes_line_ends,
        last_byte in (b"\n", b"\r"),
    )


def _line_at(stream: BinaryIO, offset: int) -> int:
    """Return the number of the line in which a byte stands."""
    stream.seek(0)
    lines = 1
    while offset > 0 and (block := stream.read(min(_BLOCK, offset))):
        lines += block.count(b"\n")
        offset -= len(block)
    return lines


def digest_of(stream: BinaryIO) -> str:
    """Return the SHA-256 of a stream."""
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


class _TextCheck:
    """Finds the first byte that is not UTF-8 text."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.fault_at: int | None = None
        """Offset of that byte; None if the fault is none of a byte."""
        self._size = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._pending = False

    def begin(self, head: bytes) -> None:
        """Recognize another format by its first bytes."""
        self.fault = next((words for matches, words in _FORMATS if matches(head)), None)

    def feed(self, block: bytes) -> None:
        """Take the next block."""
        if (zero := block.find(b"\0")) >= 0:
            self.fault, self.fault_at = "not text: line {line:,} contains a NUL byte", self._size + zero
        elif self._pending or not block.isascii():
            self._decode(block)
        self._size += len(block)

    def finish(self) -> None:
        """Take the end of the file."""
        if self.fault is None and self._pending:
            self.fault = "not whole: it breaks off within a character of UTF-8"

    def _decode(self, block: bytes) -> None:
        try:
            self._decoder.decode(block)
            self._pending = bool(self._decoder.getstate()[0])
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            self.fault = f"not UTF-8: line {{line:,}} contains the byte 0x{byte:02X}, as {_LIKELY} text does"
            # A character that began in the block before is a part of what the error counts.
            self.fault_at = self._size + error.start - (len(error.object) - len(block))


_LIKELY = "ISO 8859-1 (Latin-1) or Windows-1252"


def _text_start(head: bytes) -> bytes:
    return head.removeprefix(_MARK).lstrip().lower()


def _is_zero_at(head: bytes, width: int, places: set[int]) -> bool:
    """Return whether text has NUL bytes just where a wide encoding of English puts them."""
    if len(head) < 2 * width:
        return False
    for place in range(width):
        part = head[place::width]
        share = part.count(0) / len(part)
        if (share < _MOSTLY) if place in places else (share > 1 - _MOSTLY):
            return False
    return True
