"""One HTTP connection that several calls use one after the other."""

from __future__ import annotations

import os
import select
import threading
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

_HEADERS = {"Content-Type": "application/json"}


class KeptConnection:
    """
    Asks a server and keeps the connection for the next call; a forked process opens its own.

    :param base_url: URL of the server.
    :param timeout: seconds to wait for an answer.
    :param ssl_context: context for ``https``; None for the default.
    """

    def __init__(self, base_url: str, timeout: float, ssl_context: ssl.SSLContext | None) -> None:
        self._kept: HTTPConnection | None = None
        self._url = urlsplit(base_url)
        self._timeout = timeout
        self._ssl_context = ssl_context
        self._in_use = threading.Lock()
        self._process = os.getpid()

    def ask(self, method: str, path: str, content: bytes | None) -> tuple[int, bytes]:
        """
        Return the status and the body of the answer.

        :raises OSError: the server cannot be reached, or does not answer in time.
        :raises http.client.HTTPException: the answer is not HTTP.
        """
        if not self._in_use.acquire(blocking=False):
            # Another thread is waiting for its answer.
            connection = self._new()
            try:
                return self._asked(connection, method, path, content)
            finally:
                connection.close()
        try:
            if self._kept is None or self._process != os.getpid() or _is_over(self._kept):
                self._drop()
                self._kept, self._process = self._new(), os.getpid()
            return self._asked(self._kept, method, path, content)
        except BaseException:
            self._drop()
            raise
        finally:
            self._in_use.release()

    def close(self) -> None:
        """Close the connection; a later call opens another one."""
        with self._in_use:
            self._drop()

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _new(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return HTTPSConnection(host, port, timeout=self._timeout, context=self._ssl_context)
        return HTTPConnection(host, port, timeout=self._timeout)

    def _asked(
        self, connection: HTTPConnection, method: str, path: str, content: bytes | None
    ) -> tuple[int, bytes]:
        connection.request(method, self._url.path + path, body=content, headers=_HEADERS)
        with connection.getresponse() as response:
            return response.status, response.read()

    def __del__(self) -> None:
        """Close the connection of a client that nobody closed."""
        self._drop()


def _is_over(connection: HTTPConnection) -> bool:
    """Return whether the server has closed a connection on which nothing is due."""
    if connection.sock is None:
        return True
    readable = select.poll()  # select.select() knows only the first 1,024 files
    readable.register(connection.sock, select.POLLIN)
    return bool(readable.poll(0))
