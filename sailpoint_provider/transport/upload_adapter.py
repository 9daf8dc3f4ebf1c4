"""Lets requests send an upload quickly, and for as long as the other side takes something of it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.ssltransport import SSLTransport

from sailpoint_provider.transport.failures import NothingTakenError

if TYPE_CHECKING:
    import socket

    from requests import PreparedRequest
    from urllib3 import HTTPConnectionPool
    from urllib3.connection import HTTPSConnection

    _Connection = HTTPSConnection
else:
    _Connection = object


class UploadAdapter(HTTPAdapter):
    """
    Sends bodies of any length: a time-out is for silence, not for the whole.

    urllib3 counts sending to connecting, so the short time-out of that would hold for it.

    :param silence: seconds for which the other side may take nothing.
    """

    def __init__(self, silence: float) -> None:
        super().__init__()
        self._silence = silence

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *args: Any, **kwargs: Any
    ) -> HTTPConnectionPool:
        """Return the pool of an address, whose connections are patient."""
        pool = cast("HTTPConnectionPool", super().get_connection_with_tls_context(request, *args, **kwargs))
        kind = pool.ConnectionCls  # a SOCKS proxy brings a class of its own
        if not issubclass(kind, _PatientConnection):
            patient = type(kind.__name__, (_PatientConnection, kind), {"silence": self._silence})
            pool.ConnectionCls = patient
        return pool


class _PatientConnection(_Connection):
    """A connection whose time-out starts anew with every piece that is taken."""

    silence: float

    def connect(self) -> None:
        if hasattr(self, "ssl_context"):
            usual = create_urllib3_context()
            self.ssl_context = _BlockwiseContext(ssl.PROTOCOL_TLS_CLIENT)
            self.ssl_context.options |= usual.options
            self.ssl_context.verify_flags |= usual.verify_flags
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        self.timeout = self.silence  # urllib3 gives it to the socket at the beginning of a request
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None or not isinstance(data, bytes):
            super().send(data)
            return
        try:
            _send_all(self.sock, data)
        except TimeoutError:
            raise NothingTakenError(self.sock.gettimeout()) from None


class _BlockwiseContext(ssl.SSLContext):
    """A context for connections that seal a block as a whole."""

    def wrap_socket(self, sock: socket.socket, *_: Any, **options: Any) -> Any:
        return _BlockwiseTls(sock, self, options.get("server_hostname"))


class _BlockwiseTls(SSLTransport):
    """
    Seals a whole block and then sends it, where ``ssl.SSLSocket`` makes two system calls for every 16 KiB.

    That takes less of the processor on both sides, and the time-out is for bytes, not for whole records.
    """

    def send(self, data: bytes, flags: int = 0) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self.sslobj.write(rest) :]
        _send_all(self.socket, self.outgoing.read())
        return len(data)


def _send_all(sock: socket.socket, block: bytes) -> None:
    """Send a block; the time-out of ``sendall`` would be for all of it, this one is for the next piece."""
    rest = memoryview(block)
    while rest:
        rest = rest[sock.send(rest) :]
