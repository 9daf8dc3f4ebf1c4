"""Lets requests send an upload for as long as the peer keeps accepting data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider.client.failures import NothingTakenError
from sailpoint_provider.client.requests_session import BoundedAdapter, BoundedConnection

if TYPE_CHECKING:
    import socket
    import ssl

    from sailpoint_provider.client.attempt import Attempt


class UploadAdapter(BoundedAdapter):
    """
    Sends bodies of any length: the timeout limits a stall, not the whole upload.

    urllib3 sends within the connect timeout, which is too short for that.

    :param context: verifies certificates and host names.
    :param idle_timeout: seconds for which the peer may accept nothing.
    """

    def __init__(self, context: ssl.SSLContext, idle_timeout: float) -> None:
        super().__init__(context)
        self._idle_timeout = idle_timeout

    def bounded(self, kind: type[Any]) -> type[Any]:
        """Return a kind of connection that is bounded except while it sends."""
        return type(kind.__name__, (_UploadConnection, kind), {"idle_timeout": self._idle_timeout})


class _UploadConnection(BoundedConnection):
    """A connection whose timeout restarts with every piece that the peer accepts."""

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
    """Send a block; the timeout of ``sendall`` would limit all of it, this one each piece."""
    rest = memoryview(block)
    while rest:
        rest = rest[sock.send(rest) :]
