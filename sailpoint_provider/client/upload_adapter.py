"""Uploads with requests that last as long as the server accepts bytes."""

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
    An adapter for bodies of any length: its timeout limits a stall, not the whole upload.

    urllib3 counts sending as part of connecting, whose timeout is short.

    :param context: verifies certificates and host names.
    :param idle_timeout: seconds after which a stalled upload ends.
    """

    def __init__(self, context: ssl.SSLContext, idle_timeout: float) -> None:
        super().__init__(context)
        self._idle_timeout = idle_timeout

    def bounded(self, kind: type[Any]) -> type[Any]:
        """Return a subclass that limits everything but the duration of sending."""
        return type(kind.__name__, (_PatientConnection, kind), {"idle_timeout": self._idle_timeout})


class _PatientConnection(BoundedConnection):
    """A connection whose timeout starts anew with every piece that the server accepts."""

    idle_timeout: float

    def send(self, data: Any) -> None:
        if self.sock is None or not isinstance(data, bytes):
            super().send(data)
            return
        try:
            _send_all(self.sock, data)
        except TimeoutError:
            raise NothingTakenError(self.sock.gettimeout()) from None

    def _sending_timeout(self, attempt: Attempt) -> float:
        return self.idle_timeout


def _send_all(sock: socket.socket, block: bytes) -> None:
    """Send a block; the timeout of ``sendall`` covers all of it, this one only the next piece."""
    rest = memoryview(block)
    while rest:
        rest = rest[sock.send(rest) :]
