"""The session that ``SailPointHook.get_conn`` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Unpack

    import requests

    from sailpoint_provider.client.blocking import BlockingClient
    from sailpoint_provider.isc.api.raw import RawOptions


class SailPointSession:
    """
    Sends requests to any endpoint of a tenant; it looks like a ``requests.Session`` for relative paths.

    The client adds and renews the access token, keeps to the request budget and repeats requests where that
    is safe. Unlike a ``requests.Session`` it raises
    :class:`~sailpoint_provider.exceptions.SailPointError` for error statuses.

    :param client: the client of the tenant.
    """

    def __init__(self, client: BlockingClient) -> None:
        self._client = client

    def request(self, method: str, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """
        Send a request.

        :param method: HTTP method.
        :param path: path below the tenant's base URL, such as ``/v2025/accounts``.
        :param options: ``params``, ``json``, ``data``, ``headers`` and ``timeout``, as in
            :meth:`~sailpoint_provider.hooks.sailpoint.SailPointHook.request`.
        :returns: the successful response, read to its end.
        :raises SailPointError: ISC responded with an error status, or did not respond.
        """
        return self._client.request(method, path, **options)

    def get(self, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """Send a ``GET`` request; see :meth:`request`."""
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """Send a ``HEAD`` request; see :meth:`request`."""
        return self.request("HEAD", path, **options)

    def post(self, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """Send a ``POST`` request; see :meth:`request`."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """Send a ``PUT`` request; see :meth:`request`."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """Send a ``PATCH`` request; see :meth:`request`."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[RawOptions]) -> requests.Response:
        """Send a ``DELETE`` request; see :meth:`request`."""
        return self.request("DELETE", path, **options)

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        self._client.close()

    def __enter__(self) -> SailPointSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
