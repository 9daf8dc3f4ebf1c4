"""Tiny servers on loopback that note what they receive: a host to be redirected to, a sink, a proxy."""

from __future__ import annotations

import hashlib
import http.client
import json
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_BLOCK = 65536


@dataclass
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    size: int = 0
    client_port: int = 0


class RecordingServer:
    """
    A server that notes requests and answers what it is told to; use it as a context manager.

    :param answer: makes ``(status, headers, body)`` of a request.
    :param keeps_bodies: whether bodies are kept, or only counted and hashed.
    :param tunnels: whether CONNECT gets a tunnel, or is answered 407.
    :param keeps_connections: whether a connection serves several requests.
    """

    def __init__(self, answer=None, *, keeps_bodies=True, tunnels=True, keeps_connections=False):
        self.keeps_connections = keeps_connections
        self.tunnels = tunnels
        self.answer = answer or (lambda request: (200, {}, b"{}"))
        self.keeps_bodies = keeps_bodies
        self.received: list[Received] = []
        self.hashes: list[str] = []
        server = self

        class Handler(_Handler):
            recorder = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class RecordingProxy(RecordingServer):
    """A proxy: passes requests on, and tunnels with CONNECT."""

    def __init__(self):
        super().__init__(_passed_on)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorder: RecordingServer

    def serve(self):
        request = Received(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        request.client_port = self.client_address[1]
        self._take_body(request)
        self.recorder.received.append(request)
        status, headers, body = self.recorder.answer(request)
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name in headers}:
            self.send_header("Content-Length", str(len(body)))
        if not self.recorder.keeps_connections:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = not self.recorder.keeps_connections

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve

    def do_CONNECT(self):
        self.recorder.received.append(Received("CONNECT", self.path, dict(self.headers.items())))
        if not self.recorder.tunnels:
            self.send_error(407)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), 5) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _tunnel(self.connection, upstream)
        self.close_connection = True

    def _take_body(self, request):
        left, digest, blocks = int(self.headers.get("Content-Length", 0)), hashlib.sha256(), []
        while left and (block := self.rfile.read(min(left, _BLOCK))):
            left -= len(block)
            request.size += len(block)
            digest.update(block)
            if self.recorder.keeps_bodies:
                blocks.append(block)
        request.body = b"".join(blocks)
        self.recorder.hashes.append(digest.hexdigest())

    def log_message(self, *_):
        pass


def _passed_on(request):
    target = urlsplit(request.target)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=5)
    headers = {k: v for k, v in request.headers.items() if not k.startswith("proxy-")}
    path = target.path + (f"?{target.query}" if target.query else "")
    try:
        connection.request(request.method, path, request.body, headers)
        answer = connection.getresponse()
        return answer.status, {"Content-Type": answer.headers["content-type"] or ""}, answer.read()
    finally:
        connection.close()


def _tunnel(here, there):
    with selectors.DefaultSelector() as selector:
        selector.register(here, selectors.EVENT_READ, there)
        selector.register(there, selectors.EVENT_READ, here)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for key, _ in selector.select(0.1):
                try:
                    block = key.fileobj.recv(_BLOCK)
                except OSError:
                    return
                if not block:
                    return
                key.data.sendall(block)


def json_answer(document, status=200):
    """Return an answer of a :class:`RecordingServer` in JSON."""
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


TOKEN_ANSWER = json_answer({"access_token": "token-of-the-recording-server", "expires_in": 750})


def closed_port():
    """Return a port of loopback at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
