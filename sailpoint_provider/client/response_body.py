"""The body of a response, decompressed and limited in size as it arrives."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from sailpoint_provider.client.request_head import host_of
from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.tenant.config import Tenant

CHUNK_SIZE = 64 * 1024
"""Bytes that are read, and decompressed, at once."""

_MAX_ERROR_BYTES = 1024 * 1024
_MAX_LAYERS = 2


class ResponseBody:
    """
    Collects a body; one that is too large, or cannot be decompressed, is rejected.

    The body of an error response is cut instead, because its status matters most.

    :param call: the call that it answers.
    :param status: HTTP status.
    :param headers: header fields.
    :raises ProtocolError: the header announces a body that is too large, or an unsupported encoding.
    """

    def __init__(self, call: Request[Any], status: int, headers: Mapping[str, str]) -> None:
        self._call = call
        self.status = status
        self.is_error = not 200 <= status < 300
        self._most = min(_MAX_ERROR_BYTES, call.most_bytes) if self.is_error else call.most_bytes
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._content = bytearray()
        self.is_full = False
        names = [name.strip().lower() for name in self._headers.get("content-encoding", "").split(",")]
        packings = [name for name in names if name not in ("", "identity")]
        if len(packings) > _MAX_LAYERS or any(name not in _UNPACKERS for name in packings):
            self._give_up("its Content-Encoding is not gzip or deflate")
        if (
            not self.is_error
            and call.method != "HEAD"
            and _number(self._headers.get("content-length")) > self._most
        ):
            self._too_large()
        self._layers = [_UNPACKERS[name](self._most) for name in reversed(packings) if name in _UNPACKERS]

    def add(self, received: bytes) -> Iterator[None]:
        """
        Add received bytes in small steps, so that an event loop can run other tasks between them.

        :raises ProtocolError: the body is too large, or cannot be decompressed.
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
            self._give_up("its body does not match its Content-Encoding")

    def content(self) -> bytes:
        """Return the body received so far."""
        return bytes(self._content)

    def response(self, tenant: Tenant, received: float) -> Response:
        """
        Return the response with the body received so far.

        :param tenant: the tenant that was called.
        :param received: epoch seconds at which it arrived.
        """
        host = host_of(tenant, self._call)
        return Response(self.status, self._headers, self.content(), received, host=host)

    def _too_large(self) -> None:
        del self._content[self._most :]
        self._give_up(f"its body is larger than {_size(self._most)}, the limit for this call")

    def _give_up(self, why: str) -> None:
        self.is_full = True
        if not self.is_error:
            raise unusable_response(self._call, why, status=self.status)


_STRANGE = "ISC documents no such response: check the connection's host and any proxy in between."


def unusable_response(
    call: Request[Any], why: str, *, status: int | None = None, advice: str = _STRANGE
) -> ProtocolError:
    """Return the error for an unusable response, which leaves open whether a start took effect."""
    return ProtocolError(
        f"Could not {call.purpose}: unusable response: {why}. {advice}{effect_advice(call)}",
        status=status,
    )


def effect_advice(call: Request[Any]) -> str:
    """Return advice for an error that leaves open whether the call took effect."""
    if call.safe_to_repeat:
        return ""
    return f" {call.effect_advice}"


class _TooMuchError(Exception):
    """A layer of compression holds more than the limit."""


class _Unpacker:
    """
    Decompresses one layer, a piece at a time.

    :param most: size limit of the layer in bytes.
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
                piece = self._inflater.decompress(rest, CHUNK_SIZE)
            except zlib.error:
                self._try_otherwise()
                continue
            self._has_begun = True
            rest = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            self._left -= len(piece)
            if self._left < 0:
                raise _TooMuchError
            # Input that decompresses to nothing takes time too, so it counts as a step.
            yield piece

    def _end_member(self) -> None:
        self._has_ended, self._has_begun = True, False
        self._is_over = not self.has_members
        self._left -= 1
        self._inflater = zlib.decompressobj(self.windows[0])

    def _try_otherwise(self) -> None:
        """Handle what zlib rejects: padding after the end, or the other kind of deflate."""
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
    # Some servers send raw deflate, without the zlib frame.
    windows = (zlib.MAX_WBITS, -zlib.MAX_WBITS)


_UNPACKERS: dict[str, type[_Unpacker]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:g} MiB"
