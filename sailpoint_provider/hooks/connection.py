"""From an Airflow connection to a tenant, and to the clients that call it."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.hooks.connection_cache import connection_cache, read_connection
from sailpoint_provider.hooks.metrics import prepare_metrics, request_observer

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Connection

    from sailpoint_provider.client.blocking import BlockingClient
    from sailpoint_provider.client.shared_client import shared_async_client
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.flow import Flow
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.isc.wait.watch import Watch

T = TypeVar("T")

DEFAULT_CONN_ID = "sailpoint_default"


class ConnectedHook(BaseHook):
    """
    Reads an Airflow connection once, and lends the clients of the tenant that it describes.

    :param sailpoint_conn_id: ID of an Airflow connection of type ``sailpoint``.
    :param api_version: API version to call; None for the connection's.
    """

    def __init__(
        self, sailpoint_conn_id: str = DEFAULT_CONN_ID, *, api_version: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.sailpoint_conn_id = sailpoint_conn_id
        self.api_version = api_version
        self._known_tenant: Tenant | None = None
        self._client: BlockingClient | None = None

    def close(self) -> None:
        """Close the connections of the blocking methods; the next call opens new ones."""
        if self._client is not None:
            self._client.close()

    @property
    def _tenant(self) -> Tenant:
        """
        The tenant that the connection describes.

        :raises InvalidInputError: there is no such connection, or one of its fields is invalid.
        """
        if self._known_tenant is None:
            with _missing_connection_named(self.sailpoint_conn_id):
                connection = self.get_connection(self.sailpoint_conn_id)
            self._known_tenant = self._tenant_of(connection)
        return self._known_tenant

    async def _atenant(self) -> Tenant:
        """
        Return the tenant that the connection describes, on an event loop.

        Hooks of one event loop that need the same connection within seconds share one look-up.

        :raises InvalidInputError: there is no such connection, or one of its fields is invalid.
        """
        if self._known_tenant is None:
            key = (type(self), self.sailpoint_conn_id, self.api_version)
            self._known_tenant = await connection_cache().tenant(key, self._read_tenant)
        return self._known_tenant

    def _run(self, flow: Flow[T], *, until: float | None = None) -> T:
        """
        Carry out a procedure of several requests.

        :param until: epoch seconds at which its requests and pauses end; None for no end. A request that is
            abandoned for that raises ``TenantUnavailableError`` inside the procedure.
        """
        return self._blocking_client().run(flow, until=until)

    async def _arun(self, flow: Flow[T]) -> T:
        """Carry out a procedure of several requests on an event loop."""
        async with await self._connected() as client:
            return await client.run(flow)

    def _send(self, call: Request[T]) -> T:
        """Carry out one call."""
        return self._blocking_client().send(call)

    async def _asend(self, call: Request[T]) -> T:
        """Carry out one call on an event loop."""
        async with await self._connected() as client:
            return await client.send(call)

    def _watch(
        self,
        aggregation_id: str,
        deadlines: Deadlines,
        *,
        usual_seconds: float | None = None,
        log: Any = None,
        kind: LoadKind,
    ) -> Watch:
        """
        Return the wait for an aggregation, to be carried out step by step.

        :param aggregation_id: ID of the aggregation.
        :param deadlines: when to give up.
        :param usual_seconds: how long such an aggregation usually takes; None if that is not known.
        :param log: logger for the progress; None for the hook's own.
        :param kind: the kind of load to wait for.
        """
        from sailpoint_provider.isc.wait.watch import Watch

        return Watch(
            aggregation_id,
            self._tenant.api_version,
            deadlines=deadlines,
            clock=time.time,
            log=cast("logging.Logger", log or self.log),
            usual_seconds=usual_seconds,
            kind=kind,
        )

    async def _connected(self) -> shared_async_client:
        """Return an async context manager for the client that this tenant's users on the loop share."""
        tenant, module = await self._atenant(), await import_async_client()
        lent: shared_async_client = module.shared_async_client(
            tenant, request_observer(self.sailpoint_conn_id)
        )
        return lent

    def _blocking_client(self) -> BlockingClient:
        if self._client is None:
            from sailpoint_provider.client.blocking import BlockingClient

            observe = request_observer(self.sailpoint_conn_id)
            self._client = BlockingClient(self._tenant, observe=observe)
        return self._client

    async def _read_tenant(self) -> Tenant:
        with _missing_connection_named(self.sailpoint_conn_id):
            connection = await read_connection(self.sailpoint_conn_id, self)
        await import_async_client()
        return self._tenant_of(connection)

    def _tenant_of(self, connection: Connection) -> Tenant:
        from sailpoint_provider.isc.tenant.config import Tenant

        return Tenant.from_connection_fields(
            host=connection.host,
            login=connection.login,
            password=connection.password,
            schema=connection.schema,
            port=connection.port,
            extra=connection.extra,
            api_version=self.api_version,
        )


def connected_to(tenant: Tenant) -> str:
    """Return what a successful test of the connection shows."""
    return f"Connected to {tenant.base_url} with API version {tenant.api_version.name}."


def upload_of(file: FileLocation | Upload | None) -> Upload | None:
    """Return the examined file that a location names; this reads from disk or store."""
    from sailpoint_provider.files.locate import find_csv
    from sailpoint_provider.files.source import Upload

    if file is None or isinstance(file, Upload):
        return file
    return find_csv(file)


async def import_async_client() -> Any:
    """
    Return the module that lends the asynchronous client, imported in a thread.

    The first import of aiohttp takes 100 ms, too long to block an event loop.
    """
    if not _async_client_modules:
        for name in (
            "isc.tenant.config",
            "isc.wait.watch",
            "isc.wait.backoff",
            "isc.wait.events",
            "isc.verdict",
            "isc.api.paging",
            "isc.start.load",
            "polling.poller",
            "client.shared_client",
        ):
            module = await asyncio.to_thread(import_module, f"sailpoint_provider.{name}")
        await asyncio.to_thread(prepare_metrics)
        _async_client_modules.append(module)
    return _async_client_modules[0]


_async_client_modules: list[Any] = []


@contextmanager
def _missing_connection_named(conn_id: str) -> Iterator[None]:
    try:
        yield
    except AirflowNotFoundException:
        # Airflow says the same if its API server or a secrets backend fails, so a retry may find it.
        raise InvalidInputError(
            f"There is no Airflow connection {conn_id!r}, or Airflow could not read it just now. Add one of "
            "type sailpoint, or set sailpoint_conn_id.",
            final=False,
        ) from None
