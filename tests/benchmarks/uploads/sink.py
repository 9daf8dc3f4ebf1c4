"""
A fast tenant over TLS that takes uploads and keeps nothing; run it as a process of its own.

It reads a multipart body to its end, finds the part ``file`` in it and writes one line of JSON per upload to
its standard output: how many bytes the file had, whether the body was whole, the closing boundary last, and
the SHA-256 of the file if it is to hash.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import socket
import ssl
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Any, cast

_BLOCK = 1024 * 1024
_PIECE = 256 * 1024
_EDGE = 8192
_FILE_PART = re.compile(
    rb'\r\nContent-Disposition: form-data; name="file".*?\r\n\r\n', re.IGNORECASE | re.DOTALL
)
_TOKEN: dict[str, object] = {"access_token": "token-of-the-sink", "expires_in": 43200, "token_type": "bearer"}
_SOURCE: dict[str, object] = {"id": "2c918085000000000000000000000a01", "name": "HR", "type": "DelimitedFile"}
_STARTED: dict[str, object] = {
    "success": True,
    "task": {"id": "af1b82086c194f89acce82e156ff6e61", "type": "QUARTZ", "messages": [], "returns": []},
}


@dataclass(frozen=True)
class Taken:
    """
    What came of one upload.

    :param file_bytes: size of the part ``file``; 0 where the body was not whole.
    :param whole: whether all bytes came that were announced, the closing boundary last.
    :param sha256: of the file, empty where nobody asked for it.
    """

    file_bytes: int
    whole: bool
    sha256: str = ""


class TlsStream(io.RawIOBase):
    """
    A connection over TLS that is received in large pieces, where ``ssl.SSLSocket`` asks for every record.

    :param connection: the connection, freshly accepted.
    :param tls: certificate and key.
    """

    def __init__(self, connection: socket.socket, tls: ssl.SSLContext) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._piece = memoryview(bytearray(_PIECE))
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                if not self._receive():
                    raise ConnectionAbortedError from None
        self._flush()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, and wait only where nothing is."""
        view, count = memoryview(buffer), 0
        while count < len(view):
            try:
                # With a buffer it is a number, which the types do not say.
                got = cast("int", self._tls.read(len(view) - count, cast("bytearray", view[count:])))
                if not got:
                    break  # the other side has said that it sends no more
                count += got
            except ssl.SSLWantReadError:
                if count or not self._receive():
                    break
            except ssl.SSLZeroReturnError:
                break
        return count

    def sendall(self, text: bytes) -> None:
        """Send an answer."""
        self._tls.write(text)
        self._flush()

    def _receive(self) -> int:
        count = self._connection.recv_into(self._piece)
        self._incoming.write(self._piece[:count])
        return count

    def _flush(self) -> None:
        self._connection.sendall(self._outgoing.read())


class MultipartBody:
    """
    A multipart body that passes by; only its two ends are kept.

    :param boundary: the boundary in the header field.
    :param announced: the ``Content-Length``.
    :param hashes: whether the file is hashed.
    """

    def __init__(self, boundary: bytes, announced: int, *, hashes: bool) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._announced = announced
        self._seen = 0
        self._head = self._tail = b""
        self._start = 0
        self._digest = hashlib.sha256() if hashes else None
        self._held = b""

    def feed(self, block: memoryview) -> None:
        """Take the next block."""
        if len(self._head) < _EDGE:
            self._head += bytes(block[:_EDGE])
        if not self._start and (part := _FILE_PART.search(self._head)):
            self._start = part.end()
        self._tail = (self._tail + bytes(block[-_EDGE:]))[-_EDGE:]
        if self._digest is not None and self._start:
            self._hash(block[max(0, self._start - self._seen) :], self._digest)
        self._seen += len(block)

    def taken(self) -> Taken:
        """Return what came, now that nothing more comes."""
        tail_begins = self._seen - len(self._tail)
        end = self._tail.find(self._delimiter, max(0, self._start - tail_begins - len(b"\r\n")))
        closed = self._tail.removesuffix(b"\r\n").endswith(self._delimiter + b"--")
        if not (self._start and self._seen == self._announced and end >= 0 and closed):
            return Taken(0, whole=False)
        size = tail_begins + end - self._start
        if self._digest is None:
            return Taken(size, whole=True)
        self._digest.update(self._held[: self._held.find(self._delimiter)])
        return Taken(size, whole=True, sha256=self._digest.hexdigest())

    def _hash(self, block: memoryview, digest: hashlib._Hash) -> None:
        # What may be the end of the body is no part of the file, so it is held back.
        text = self._held + bytes(block)
        digest.update(text[:-_EDGE])
        self._held = text[-_EDGE:]


def main() -> None:
    """Serve until the standard input is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("chain")
    parser.add_argument("key")
    parser.add_argument("--hash", action="store_true")
    options = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.chain, options.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        serving = threading.Thread(target=_serve, args=(listener, tls, options.hash), daemon=True)
        serving.start()
        sys.stdin.read()


def _serve(listener: socket.socket, tls: ssl.SSLContext, hashes: bool) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_talk, args=(connection, tls, hashes), daemon=True).start()


def _talk(connection: socket.socket, tls: ssl.SSLContext, hashes: bool) -> None:
    try:
        with connection:
            stream = TlsStream(connection, tls)
            reader: io.BufferedReader[Any] = io.BufferedReader(stream, _EDGE)
            while line := reader.readline():
                _answer(line, stream, reader, hashes)
    except OSError:
        return  # the client broke off: the upload was told as one that is not whole


def _answer(line: bytes, stream: TlsStream, reader: io.BufferedReader[Any], hashes: bool) -> None:
    headers = {}
    while (field := reader.readline().strip()) != b"":
        name, _, value = field.partition(b":")
        headers[name.lower()] = value.strip()
    size = int(headers.get(b"content-length", 0))
    if b"/oauth/token" in line:
        reader.read(size)
        document, status = _TOKEN, b"200 OK"
    elif line.startswith(b"GET"):
        document, status = _SOURCE, b"200 OK"
    else:
        if headers.get(b"expect", b"").lower() == b"100-continue":
            stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        taken = _take(reader, size, headers, hashes)
        print(json.dumps(asdict(taken)), flush=True)
        document, status = _STARTED, b"202 Accepted"
    body = json.dumps(document).encode()
    stream.sendall(
        b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (status, len(body), body)
    )


def _take(reader: io.BufferedReader[Any], size: int, headers: dict[bytes, bytes], hashes: bool) -> Taken:
    boundary = headers[b"content-type"].partition(b"boundary=")[2].strip(b'"')
    body, buffer = MultipartBody(boundary, size, hashes=hashes), memoryview(bytearray(_BLOCK))
    while size and (count := reader.readinto(buffer[: min(size, _BLOCK)])):
        body.feed(buffer[:count])
        size -= count
    return body.taken()


if __name__ == "__main__":
    main()
