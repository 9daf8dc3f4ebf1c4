"""The body of an answer, unpacked and bounded while it comes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sailpoint_provider.isc.api.exchange import Request

PIECE = 64 * 1024
"""Bytes that are read, and unpacked, at once."""

_MOST_OF_AN_ERROR = 1024 * 1024
_MOST_LAYERS = 2


class AnswerBody:
    """
    Takes in what comes over the wire; what is too much, or cannot be unpacked, breaks it off.

    Of an error's answer the status matters most. Its body is cut where it is too long, so that the status
    still counts.

    :param call: the call that is answered.
    :param status: HTTP status.
    :param headers: header fields, names in lower case.
    :raises ProtocolError: the answer announces more than is read, or a packing that was not asked for.
    """

    def __init__(self, call: Request[Any], status: int, headers: Mapping[str, str]) -> None:
        self._call = call
        self.status = status
        self.is_error = not 200 <= status < 300
        self._most = min(_MOST_OF_AN_ERROR, call.most_bytes) if self.is_error else call.most_bytes
        self._content = bytearray()
        self.is_full = False
        names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
        packings = [name for name in names if name not in ("", "identity")]
        if len(packings) > _MOST_LAYERS or any(name not in _UNPACKERS for name in packings):
            self._give_up("its Content-Encoding is not one that was asked for (gzip, deflate)")
        if (
            not self.is_error
            and call.method != "HEAD"
            and _number(headers.get("content-length")) > self._most
        ):
            self._too_large()
        self._layers = [_UNPACKERS[name](self._most) for name in reversed(packings) if name in _UNPACKERS]

    def add(self, received: bytes) -> Iterator[None]:
        """
        Take in some bytes; each step is small, so that an event loop can breathe in between.

        :raises ProtocolError: there is too much, or it cannot be unpacked.
        """
        if self.is_full:
            return
        pieces: Iterable[bytes] = (received,)
        for layer in self._layers:
            pieces = layer.unpacked(pieces)
        try:
            for piece in pieces:
                self._content += piece
                if len(self._content) > self._most:
                    self._too_large()
                    return
                yield
        except _TooMuchError:
            self._too_large()
        except zlib.error:
            self._give_up("its body is not packed as its Content-Encoding says")

    def content(self) -> bytes:
        """Return what came."""
        return bytes(self._content)

    def _too_large(self) -> None:
        del self._content[self._most :]
        self._give_up(f"its body is larger than {_size(self._most)}, the most that is read of this answer")

    def _give_up(self, why: str) -> None:
        self.is_full = True
        if not self.is_error:
            raise bad_answer(self._call, why, status=self.status)


_STRANGE = "ISC documents no such answer: check the connection's host and any proxy in between."


def bad_answer(
    call: Request[Any], why: str, *, status: int | None = None, advice: str = _STRANGE
) -> ProtocolError:
    """Return the error for an answer that is given up, which says nothing of the effect of a start."""
    return ProtocolError(
        f"Could not {call.purpose}: the answer was given up, because {why}. {advice}{doubt(call)}",
        status=status,
    )


def doubt(call: Request[Any]) -> str:
    """Return what to add to an error that leaves open whether a start had its effect."""
    if call.safe_to_repeat:
        return ""
    return f" {call.effect_advice}"


class _TooMuchError(Exception):
    """A layer of packing holds more than may be read."""


class _Unpacker:
    """
    Unpacks one layer, a piece at a time.

    :param most: the bytes that it may hold.
    """

    windows: tuple[int, ...]
    has_members = False

    def __init__(self, most: int) -> None:
        self._left = most
        self._windows = list(self.windows)
        self._inflater = zlib.decompressobj(self._windows.pop(0))
        self._has_begun = self._has_ended = self._is_over = False

    def unpacked(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield from self._inflate(piece)

    def _inflate(self, rest: bytes) -> Iterator[bytes]:
        while rest and not self._is_over:
            if self._inflater.eof:
                self._end_member()
                continue
            try:
                piece = self._inflater.decompress(rest, PIECE)
            except zlib.error:
                self._try_otherwise()
                continue
            self._has_begun = True
            rest = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            self._left -= len(piece)
            if self._left < 0:
                raise _TooMuchError
            # What unpacks to nothing takes time, too, so it counts as a step.
            yield piece

    def _end_member(self) -> None:
        self._has_ended, self._has_begun = True, False
        self._is_over = not self.has_members
        self._left -= 1
        self._inflater = zlib.decompressobj(self.windows[0])

    def _try_otherwise(self) -> None:
        """Find out what it is instead: bytes without meaning behind the end, or the other kind of deflate."""
        if not self._has_begun and self._has_ended:
            self._is_over = True
        elif not self._has_begun and self._windows:
            self._inflater = zlib.decompressobj(self._windows.pop(0))
        else:
            raise


class _Gzip(_Unpacker):
    windows = (16 + zlib.MAX_WBITS,)
    has_members = True


class _Deflate(_Unpacker):
    # Some servers leave out the frame that the name stands for.
    windows = (zlib.MAX_WBITS, -zlib.MAX_WBITS)


_UNPACKERS: dict[str, type[_Unpacker]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:g} MiB"
