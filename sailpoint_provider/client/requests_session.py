"""Connections for requests that end in time, whatever the server does."""

from __future__ import annotations

import _thread
import http.client
import io
import socket
import threading
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from sailpoint_provider.client.attempt import current_attempt
from sailpoint_provider.client.failures import MAX_HEADER_BYTES, HeadTooLongError, NothingTakenError
from sailpoint_provider.client.network import shared_tls_context

if TYPE_CHECKING:
    import ssl

    from requests import PreparedRequest
    from urllib3 import HTTPConnectionPool
    from urllib3.connection import HTTPSConnection

    from sailpoint_provider.client.attempt import Attempt
    from sailpoint_provider.isc.tenant.config import Tenant

    _Connection = HTTPSConnection
else:
    _Connection = object

_MAX_LINE_BYTES = 64 * 1024


class BoundedConnection(_Connection):
    """
    A connection that gives each step only the time that its attempt has left.

    The socket's own timeout would start anew with every address of a host and with every byte.
    """

    def connect(self) -> None:
        """Connect, and limit the socket to the time that the attempt has left."""
        super().connect()
        self._bound()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, and note that it is being sent."""
        if self.sock is None:
            self.connect()
        attempt = current_attempt.get()
        if attempt is not None:
            attempt.begin_sending()
            # urllib3 gives it to the socket in the next step.
            self.timeout = attempt.wait(attempt.idle_timeout)
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        """Send data; of an upload, the timeout limits each piece that the peer accepts, not all of it."""
        attempt = current_attempt.get()
        if attempt is None or not attempt.is_uploading or self.sock is None or not isinstance(data, bytes):
            super().send(data)
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self.sock.send(rest) :]
        except TimeoutError:
            raise NothingTakenError(self.sock.gettimeout()) from None

    def getresponse(self) -> Any:
        """Read the header of the response, and note that everything is sent."""
        attempt = current_attempt.get()
        if attempt is not None:
            attempt.end_sending()
        return super().getresponse()

    def response_class(  # type: ignore[override] # typeshed declares a class; http.client calls anything
        self, sock: Any, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        """Return a response reader; http.client calls this as if it were a class."""
        attempt = current_attempt.get()
        if attempt is None:
            return http.client.HTTPResponse(sock, *args, **kwargs)
        return _BoundedResponse(sock, attempt, *args, **kwargs)

    def _bound(self) -> None:
        attempt = current_attempt.get()
        if attempt is not None and self.sock is not None:
            self.sock.settimeout(attempt.wait(attempt.idle_timeout))

    def _tunnel(self) -> None:
        self._bound()
        super()._tunnel()
        self._bound()

    def _new_conn(self) -> socket.socket:
        attempt = current_attempt.get()
        if attempt is None:
            return super()._new_conn()
        name, most = self._dns_host, cast("float", self.timeout)
        try:
            for address in self._addresses(name, attempt):
                self._dns_host = address
                try:
                    self.timeout = attempt.wait(most)
                    sock = super()._new_conn()
                except (ConnectTimeoutError, NewConnectionError, TimeoutError) as failure:
                    error = failure
                else:
                    sock.settimeout(attempt.wait(most))
                    return sock
        finally:
            self._dns_host, self.timeout = name, most
        raise error

    def _addresses(self, name: str, attempt: Attempt) -> list[str]:
        """Resolve a name in a thread, because a lookup cannot be interrupted."""
        found: list[Any] = []
        done = threading.Event()

        def resolve() -> None:
            try:
                found.extend(socket.getaddrinfo(name, self.port, 0, socket.SOCK_STREAM))
            except Exception as error:
                found.append(error)
            finally:
                done.set()

        # Not threading.Thread: code that a signal handler interrupted may hold its locks.
        _thread.start_new_thread(resolve, ())
        if not done.wait(attempt.wait(attempt.idle_timeout)):
            raise ConnectTimeoutError(self, f"The name {name} was not resolved in time.")
        if isinstance(found[0], socket.gaierror):
            raise NameResolutionError(name, self, found[0]) from found[0]
        if isinstance(found[0], Exception):
            raise NewConnectionError(self, f"The name {name} cannot be resolved: {found[0]}") from found[0]
        return list(dict.fromkeys(entry[4][0] for entry in found))


class BoundedAdapter(HTTPAdapter):
    """
    An adapter whose connections end in time.

    It uses an existing TLS context; requests would load the CA certificates for each session.

    :param context: verifies certificates and host names.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        """Use the context for direct connections."""
        super().init_poolmanager(*arguments, ssl_context=self._context, **keywords)

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        """Use the context for connections through a proxy, and to a proxy that itself uses TLS."""
        keywords["ssl_context"] = self._context
        if proxy.lower().startswith("https:"):
            keywords["proxy_ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **keywords)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Leave out the CA file, which urllib3 would load into the context again."""
        return super().build_connection_pool_key_attributes(request, True, cert)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the verification to the context."""
        conn.cert_reqs = "CERT_REQUIRED"

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *args: Any, **kwargs: Any
    ) -> HTTPConnectionPool:
        """Return the connection pool of a URL, with bounded connections."""
        pool = cast("HTTPConnectionPool", super().get_connection_with_tls_context(request, *args, **kwargs))
        kind = pool.ConnectionCls
        if not issubclass(kind, BoundedConnection):
            pool.ConnectionCls = type(kind.__name__, (BoundedConnection, kind), {})
        return pool


def bounded_session(tenant: Tenant) -> requests.Session:
    """Return a session whose connections end in time, and which adds nothing to a request."""
    session = _Session()
    # network.py reads the environment; requests itself would also take a password from .netrc and send it
    # instead of the token.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    context = shared_tls_context(tenant)
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter(context))
    return session


class _Session(requests.Session):
    """A session that treats redirects like other responses; requests would read their bodies to the end."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: redirects are not followed."""


class _BoundedResponse(http.client.HTTPResponse):
    """A response that is read within the time of one attempt."""

    def __init__(self, sock: Any, attempt: Attempt, *args: Any, **kwargs: Any) -> None:
        self._reader = _Bytes(sock, attempt)
        super().__init__(cast("socket.socket", self), *args, **kwargs)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the stream to read from; http.client asks its socket for it."""
        return _Lines(self._reader)

    def begin(self) -> None:
        super().begin()
        self._reader.left_of_head = None

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses; http.client skips only one kind of them."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc] # typeshed does not declare it
            if not 101 < status < 200:
                return version, status, reason
            while self.fp.readline() not in (b"\r\n", b"\n", b""):
                pass


class _Bytes(io.RawIOBase):
    def __init__(self, sock: Any, attempt: Attempt) -> None:
        self._sock = sock
        # http.client closes the socket before it reads to the end, and this keeps it open.
        self._stream = sock.makefile("rb", buffering=0)
        self._attempt = attempt
        self.left_of_head: int | None = MAX_HEADER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._attempt.wait(self._attempt.idle_timeout))
        count = cast("int | None", self._stream.readinto(buffer))
        if count:
            self._attempt.is_answering = True
            if self.left_of_head is not None:
                self.left_of_head -= count
                if self.left_of_head < -io.DEFAULT_BUFFER_SIZE:
                    raise HeadTooLongError
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Lines(io.BufferedReader):
    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line; urllib3 does not limit the lines between the chunks of a body."""
        if size is None or size < 0:
            line = super().readline(_MAX_LINE_BYTES)
            if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
                raise http.client.LineTooLong("chunk")
            return line
        return super().readline(size)
