"""A server whose answers do not end, in time or in size; everything is made while it is sent."""

from __future__ import annotations

import functools
import gzip
import json
import socket
import struct
import threading
import zlib

MIB = 1024 * 1024
_TOKEN = json.dumps({"access_token": "token-of-the-hostile-server", "expires_in": 750}).encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_PAUSE = 0.05


class HostileServer:
    """
    Answers for a token at once, and otherwise as its deed says; use it as a context manager.

    :param deed: is given a :class:`Line` and sends an answer, or more than one.
    :param healthy: makes the body of requests that are answered well, None for those that are not.
    """

    def __init__(self, deed, healthy=lambda target: None):
        self._deed = deed
        self._healthy = healthy
        self._threads = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.targets = []

    def __enter__(self):
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for thread in self._threads:
            thread.join(5)

    def _accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection):
        connection.settimeout(1)
        try:
            with connection, connection.makefile("rb") as reader:
                while self._answer(reader, connection):
                    pass
        except OSError:
            return

    def _answer(self, reader, connection):
        while True:
            try:
                line = reader.readline()
                break
            except TimeoutError:
                return False
        if not line:
            return False
        target = line.split()[1].decode()
        size = 0
        while field := reader.readline().strip():
            name, _, value = field.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        reader.read(size)
        self.targets.append(target)
        body = _TOKEN if "oauth" in target else self._healthy(target)
        if body is None:
            self._deed(Line(connection, self.closing))
            return False
        connection.sendall(_HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return True


class Line:
    """What a deed sends with; it ends where nobody listens any more."""

    def __init__(self, connection, closing):
        self._connection = connection
        self._closing = closing

    def send(self, data):
        self._connection.sendall(data)

    def pause(self, seconds=None):
        if self._closing.wait(seconds):
            raise OSError("closing")

    def drip(self, data):
        for number in range(len(data)):
            self.send(data[number : number + 1])
            self.pause(_PAUSE)

    def for_ever(self, block):
        while not self._closing.is_set():
            self.send(block)


def silence(line):
    line.pause()


def dripping_head(line):
    line.drip(_HEAD + b"X-Filler: " + b"x" * 10_000)


def dripping_body(line):
    line.send(_HEAD + b"Content-Length: 10000\r\n\r\n")
    line.drip(b" " * 10_000)


def dripping_chunks(line):
    line.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    line.drip(b"1\r\n \r\n" * 10_000)


def endless_head(line):
    line.send(_HEAD)
    line.for_ever(b"".join(b"X-Filler-%d: %s\r\n" % (number, b"x" * 100) for number in range(1000)))


def endless_head_line(line):
    line.send(_HEAD + b"X-Filler: ")
    line.for_ever(b"x" * 65536)


def endless_continues(line):
    line.for_ever(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def endless_hints(line):
    line.for_ever(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000)


def huge_json(line):
    size = 300 * MIB
    line.send(_HEAD + b"Content-Length: %d\r\n\r\n" % size)
    line.send(b'{"id":"')
    for _ in range(300):
        line.send(b"x" * MIB)


def huge_json_in_chunks(line):
    line.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    line.for_ever(b"100000\r\n%s\r\n" % (b"x" * MIB))


def huge_json_without_length(line):
    line.send(_HEAD + b"Connection: close\r\n\r\n")
    line.for_ever(b"x" * MIB)


def endless_chunk_line(line):
    line.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    line.for_ever(b"0" * 65536)


def endless_chunk_extension(line):
    line.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=")
    line.for_ever(b"x" * 65536)


def endless_trailers(line):
    line.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    line.for_ever(b"X-Trailer: x\r\n" * 1000)


def gzip_bomb(line):
    _send_packed(line, b"gzip", bomb())


def gzip_bomb_in_gzip(line):
    _send_packed(line, b"gzip, gzip", gzip.compress(bomb()))


def deflate_bomb(line):
    _send_packed(line, b"deflate", bomb(wrapped=False))


def gzip_of_nothing_for_ever(line):
    line.send(_HEAD + b"Content-Encoding: gzip\r\n\r\n")
    line.for_ever(gzip.compress(b"") * 1000)


@functools.cache
def bomb(wrapped=True):
    """
    Return 300 MiB of nothing, packed.

    One packed block is repeated, because packing all of it takes seconds.

    :param wrapped: gzip, rather than bare deflate.
    """
    nothing, packer = bytes(MIB), zlib.compressobj(wbits=-15)
    block = packer.compress(nothing) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = block * 300 + packer.flush()
    if not wrapped:
        return packed
    checksum = functools.reduce(lambda sum, _: zlib.crc32(nothing, sum), range(300), 0)
    return gzip.compress(b"")[:10] + packed + struct.pack("<II", checksum, 300 * MIB)


def _send_packed(line, encoding, body):
    line.send(_HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body)


TOO_SLOW = (dripping_body, dripping_chunks)
TOO_LONG_A_HEAD = (endless_head, endless_head_line, endless_continues, endless_hints)
TOO_LARGE = (
    huge_json,
    huge_json_in_chunks,
    huge_json_without_length,
    gzip_bomb,
    gzip_bomb_in_gzip,
    deflate_bomb,
)
ODD = (endless_chunk_line, endless_chunk_extension, endless_trailers, gzip_of_nothing_for_ever)
DEEDS = (silence, dripping_head, *TOO_SLOW, *TOO_LONG_A_HEAD, *TOO_LARGE, *ODD)
