"""A tenant that takes uploads slowly, or stops taking them."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time

TOKEN = {"access_token": "token-of-the-slow-server", "expires_in": 750}
STARTED = {"success": True, "task": {"id": "af1b82086c194f89acce82e156ff6e61"}}
_PIECE = 1024 * 1024


class SlowServer:
    """
    Answers for a token at once and takes bodies of starts piece by piece; use it as a context manager.

    :param pause: seconds between two pieces.
    :param stops: whether it takes nothing more after the first piece.
    :param certificates: of TLS, None for none.
    """

    def __init__(self, *, pause=0.0, stops=False, certificates=None):
        self._pause = pause
        self._stops = stops
        self._tls = None
        if certificates is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificates.chain, certificates.key)
        self._closing = threading.Event()
        self._listener = socket.socket()
        # What waits in buffers counts as taken for the client, so they are small.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        scheme = "http" if certificates is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.seconds = 0.0
        self.size = 0

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self):
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._wrapped(connection) as stream, stream.makefile("rb") as reader:
                    self._answer(reader.readline(), stream, reader)
            except OSError:
                continue

    def _wrapped(self, connection):
        return connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True)

    def _answer(self, line, stream, reader):
        fields = {}
        while field := reader.readline().strip():
            name, _, value = field.partition(b":")
            fields[name.lower()] = value
        size, is_token = int(fields.get(b"content-length", 0)), b"oauth" in line
        begun = time.monotonic()
        while size:
            piece = reader.read(min(size, _PIECE))
            size -= len(piece)
            if not piece:
                return
            if not is_token:
                self.size += len(piece)
                self._closing.wait(None if self._stops else self._pause)
                if self._stops:
                    return
        self.seconds = time.monotonic() - begun
        body = json.dumps(TOKEN if is_token else STARTED).encode()
        stream.sendall(
            b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
