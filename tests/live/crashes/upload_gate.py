"""A gate on the way to the tenant, which holds the first upload in its middle."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

CHUNK = 65536
# Little is on its way to a gate that has stopped reading, so the sender cannot be done.
RECEIVE_BUFFER = 16384


class UploadGate:
    """Passes every connection on to the tenant; the first upload stops after its first bytes.

    :param tenant_url: where the tenant listens.
    """

    def __init__(self, tenant_url: str) -> None:
        address = urlsplit(tenant_url)
        self._tenant = (address.hostname or "", address.port or 0)
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._is_held = threading.Event()
        self._is_cut = threading.Event()
        self._ends: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Address of the gate."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def holds_upload(self) -> bool:
        """Whether the first upload stands in its middle."""
        return self._is_held.is_set()

    def cut(self) -> None:
        """Break the held upload off; everything passes from then on."""
        self._is_cut.set()

    def __enter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        threading.Thread(target=self._accept, name="upload gate", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        for end in (self._listener, *self._ends):
            _close(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                tenant = socket.create_connection(self._tenant)
                self._ends += [client, tenant]
                for pass_on, ends in ((self._upwards, (client, tenant)), (_pass, (tenant, client))):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()

    def _upwards(self, client: socket.socket, tenant: socket.socket) -> None:
        with suppress(OSError):
            while chunk := client.recv(CHUNK):
                tenant.sendall(chunk)
                is_upload = chunk.startswith(b"POST ") and b"/load-accounts" in chunk.split(b"\r\n", 1)[0]
                if is_upload and not self._is_held.is_set():
                    tenant.sendall(client.recv(CHUNK))
                    self._is_held.set()
                    self._is_cut.wait()
                    break
        _close(client)
        _close(tenant)


def _pass(giver: socket.socket, taker: socket.socket) -> None:
    with suppress(OSError):
        while chunk := giver.recv(CHUNK):
            taker.sendall(chunk)
    _close(taker)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
