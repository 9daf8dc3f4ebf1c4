"""The simulator's HTTP server, in a thread of the calling process."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

from sailpoint_provider.simulator.app import TenantApplication
from sailpoint_provider.simulator.control import SimulatorControl
from sailpoint_provider.simulator.control.airflow_connection import airflow_connection
from sailpoint_provider.simulator.model.clock import TenantClock
from sailpoint_provider.simulator.model.tenant import Tenant
from sailpoint_provider.simulator.model.tokens import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_BACKLOG = 8192
_START_SECONDS = 10.0
_STOP_SECONDS = 10.0


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen on a port of a loopback address.

    :param host: ``localhost`` or a loopback address.
    :param port: port number, 0 for any free one.
    :raises ValueError: if the host is not on loopback; the control API has no password.
    :raises OSError: if the port is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"the simulator serves on loopback only, not on {host!r}")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the socket names TCP as its protocol; else each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Uvicorn that can close its port for a while, and stops without waiting for open connections."""

    def refuse_connections(self, seconds: float) -> None:
        """Close the port and all connections, and listen again after this many seconds."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        for server in self.servers:
            server.close()
        self._abort_connections()
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: loop.create_task(self._listen_again(host, port)))

    async def _listen_again(self, host: str, port: int) -> None:
        if not self.should_exit:
            await self.startup(sockets=[listening_socket(host, port)])

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop at once: a client that keeps its connection open must not delay a test run."""
        self._abort_connections()
        await super().shutdown(sockets)


class SimulatorServer:
    """Serve a tenant on loopback from a thread.

    Use it as a context manager; :attr:`url` and :attr:`control` are valid while it runs.

    :param speed: how many times faster than in real time aggregations run.
    :param port: port to listen on, 0 for any free one.
    :param host: loopback address to listen on.
    :param tls: certificate file and key file (PEM), None for plain HTTP.
    :raises ValueError: if the speed is not above 0.
    """

    client_id = DEFAULT_CLIENT_ID
    client_secret = DEFAULT_CLIENT_SECRET

    def __init__(
        self,
        speed: float = 1.0,
        port: int = 0,
        host: str = "127.0.0.1",
        tls: tuple[str, str] | None = None,
    ) -> None:
        self.tenant = Tenant(TenantClock(speed=speed))
        self.application = TenantApplication(self.tenant)
        self._host, self._port, self._tls = host, port, tls
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None
        self._control: SimulatorControl | None = None
        self.url = ""

    @property
    def control(self) -> SimulatorControl:
        """A client for its control API."""
        if self._control is None:
            context = None
            if self._tls:
                context = ssl.create_default_context(cafile=self._tls[0])
                context.check_hostname = False
            self._control = SimulatorControl(self.url, ssl_context=context)
        return self._control

    @property
    def airflow_connection(self) -> str:
        """The Airflow connection to it, in the JSON form of an ``AIRFLOW_CONN_…`` variable."""
        return json.dumps(airflow_connection(self.url, self.client_id, self.client_secret))

    @property
    def is_running(self) -> bool:
        """Whether its thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start serving.

        :raises OSError: if the port is taken.
        :raises ValueError: if the host is not on loopback.
        :raises RuntimeError: if the server does not start within 10 seconds.
        """
        listener = listening_socket(self._host, self._port)
        port = listener.getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{'https' if self._tls else 'http'}://{host}:{port}"
        self._server = _Server(self._config())
        self.tenant.stopping.clear()
        self.application.refuse_connections = self._server.refuse_connections
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="sailpoint-simulator", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                listener.close()
                raise RuntimeError("the simulator's server did not start")
            time.sleep(0.005)

    def _config(self) -> uvicorn.Config:
        certificate, key = self._tls or (None, None)
        return uvicorn.Config(
            self.application,
            interface="asgi3",
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )

    def stop(self) -> None:
        """Stop, and close all open connections.

        :raises RuntimeError: if the server does not stop within 10 seconds.
        """
        if self._server is None or self._thread is None:
            return
        if self._control is not None:
            self._control.close()
            self._control = None
        self.tenant.stopping.set()
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError("the simulator's server did not stop")
        self._server = self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
