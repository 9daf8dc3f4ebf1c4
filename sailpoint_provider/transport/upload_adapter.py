"""Lets requests send an upload for as long as the other side takes something of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sailpoint_provider.transport.failures import NothingTakenError
from sailpoint_provider.transport.tls import SharedTlsAdapter

if TYPE_CHECKING:
    import socket
    import ssl

    from requests import PreparedRequest
    from urllib3 import HTTPConnectionPool
    from urllib3.connection import HTTPSConnection

    _Connection = HTTPSConnection
else:
    _Connection = object


class UploadAdapter(SharedTlsAdapter):
    """
    Sends bodies of any length: a time-out is for silence, not for the whole.

    urllib3 counts sending to connecting, so the short time-out of that would hold for it.

    :param context: verifies certificates and host names.
    :param silence: seconds for which the other side may take nothing.
    """

    def __init__(self, context: ssl.SSLContext, silence: float) -> None:
        super().__init__(context)
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


def _send_all(sock: socket.socket, block: bytes) -> None:
    """Send a block; the time-out of ``sendall`` would be for all of it, this one is for the next piece."""
    rest = memoryview(block)
    while rest:
        rest = rest[sock.send(rest) :]
