"""Lets requests send an upload for as long as the other side takes something of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider.client.bounded_adapter import BoundedAdapter, BoundedConnection
from sailpoint_provider.client.failures import NothingTakenError

if TYPE_CHECKING:
    import socket
    import ssl

    from sailpoint_provider.client.attempt import Attempt


class UploadAdapter(BoundedAdapter):
    """
    Sends bodies of any length: a time-out is for silence, not for the whole.

    urllib3 counts sending to connecting, so the short time-out of that would hold for it.

    :param context: verifies certificates and host names.
    :param silence: seconds for which the other side may take nothing.
    """

    def __init__(self, context: ssl.SSLContext, silence: float) -> None:
        super().__init__(context)
        self._silence = silence

    def bounded(self, kind: type[Any]) -> type[Any]:
        """Return a kind of connection that is bounded but for its sending, which is patient."""
        return type(kind.__name__, (_PatientConnection, kind), {"silence": self._silence})


class _PatientConnection(BoundedConnection):
    """A connection whose time-out starts anew with every piece that is taken."""

    silence: float

    def send(self, data: Any) -> None:
        if self.sock is None or not isinstance(data, bytes):
            super().send(data)
            return
        try:
            _send_all(self.sock, data)
        except TimeoutError:
            raise NothingTakenError(self.sock.gettimeout()) from None

    def _sending_timeout(self, attempt: Attempt) -> float:
        return self.silence


def _send_all(sock: socket.socket, block: bytes) -> None:
    """Send a block; the time-out of ``sendall`` would be for all of it, this one is for the next piece."""
    rest = memoryview(block)
    while rest:
        rest = rest[sock.send(rest) :]
