"""The hook: calls Identity Security Cloud with an Airflow connection."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from sailpoint_provider import isc
from sailpoint_provider._airflow.connection_cache import connection_cache, read_connection
from sailpoint_provider._airflow.parameters import seconds
from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.hooks.session import SailPointSession
from sailpoint_provider.isc.api.identifiers import given_id
from sailpoint_provider.isc.outcome import check_end
from sailpoint_provider.isc.tenant import connection_fields
from sailpoint_provider.isc.tenant.diagnosis import diagnose
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping
    from types import TracebackType

    import requests
    from airflow.providers.common.compat.sdk import Connection

    from sailpoint_provider.client.async_client import AsyncClient
    from sailpoint_provider.client.blocking import BlockingClient
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.exchange import Request, Response
    from sailpoint_provider.isc.api.models import (
        AccountAggregationStatus,
        Source,
        StartedAggregation,
        TaskStatus,
    )
    from sailpoint_provider.isc.api.paging import TaskPages
    from sailpoint_provider.isc.api.raw import Params
    from sailpoint_provider.isc.flow import Flow
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.wait.watch import Watch
    from sailpoint_provider.results import AggregationResult

T = TypeVar("T")

_KILL_SECONDS = 3.0
"""How long a killed task may wait for the response that its record is cleared."""


class SailPointHook(BaseHook):
    """
    Calls Identity Security Cloud as the client of an Airflow connection.

    Blocking methods have counterparts for event loops with the prefix ``a``; that of
    :meth:`wait_for_account_aggregation` is :meth:`async_wait_for_account_aggregation`. All raise
    :class:`~sailpoint_provider.exceptions.SailPointError` or a subclass.

    :param sailpoint_conn_id: ID of an Airflow connection of type ``sailpoint``.
    :param api_version: API generation to call; None for the connection's.
    """

    conn_name_attr = "sailpoint_conn_id"
    default_conn_name = "sailpoint_default"
    conn_type = "sailpoint"
    hook_name = "SailPoint Identity Security Cloud"

    def __init__(
        self, sailpoint_conn_id: str = default_conn_name, *, api_version: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.sailpoint_conn_id = sailpoint_conn_id
        self.api_version = api_version
        self._known_tenant: Tenant | None = None
        self._client: BlockingClient | None = None

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Relabel the standard fields of the connection form on Airflow 3.0 and 3.1."""
        return connection_fields.field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Add the extra fields to the connection form on Airflow 3.0 and 3.1."""
        return connection_fields.form_widgets()

    def get_conn(self) -> SailPointSession:
        """
        Return a session for any endpoint of the tenant, which takes relative paths.

        It shares token, request budget and connections with the hook's other methods.
        """
        return SailPointSession(self._blocking_client())

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: str | bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> requests.Response:
        """
        Send a request to any endpoint of the tenant, with the access token, within the request budget.

        ``GET`` and ``HEAD`` are repeated after a transient failure. Other methods are repeated only if the
        request had no effect: no connection was made, or ISC answered 429.

        :param method: HTTP method.
        :param path: path below the tenant's base URL, such as ``/v2025/accounts``; no absolute URL.
        :param params: query parameters.
        :param json: body to send as JSON; excludes ``data``.
        :param data: body to send as it is; a mapping is URL-encoded.
        :param headers: extra header fields; ``Authorization`` cannot be set.
        :param timeout: seconds that one attempt may take; None for twice the connection's ``timeout``.
        :returns: the successful response, read to its end.
        :raises InvalidInputError: an argument cannot be sent, such as an absolute URL; nothing is sent.
        :raises SailPointError: ISC responded with an error status, or did not respond.
        """
        return self._blocking_client().request(
            method, path, params=params, json=json, data=data, headers=headers, timeout=timeout
        )

    def get_source(self, source_id: str) -> Source:
        """
        Return the source with that ID.

        :raises InvalidInputError: the ID is malformed, or no source has it.
        """
        return self._run(isc.load.get_source(self._tenant.generation, source_id))

    def find_source(self, name: str) -> Source:
        """
        Return the one source with that name.

        :raises InvalidInputError: no source has that name, or several have.
        """
        return self._run(isc.load.find_source(self._tenant.generation, name))

    def load_accounts(
        self, source_id: str, file: FileLocation | Upload | None = None, *, disable_optimization: bool = False
    ) -> StartedAggregation:
        """
        Start an account aggregation; the request is never repeated if it may have had an effect.

        :param source_id: ID of the source, 32 hex characters.
        :param file: the CSV of a delimited-file source: path, URL or ``ObjectStoragePath``. It is
            streamed; a ``.csv.gz`` is read twice and sent unpacked.
        :param disable_optimization: whether to process unchanged accounts too.
        :returns: the aggregation: its ``id``, ISC's messages, and the file that was sent.
        :raises AggregationAlreadyRunningError: another aggregation of the source is running.
        :raises InvalidInputError: ID or file is invalid, or ISC refuses the file (400).
        :raises TenantUnavailableError: no usable response; unless ``sent`` is False, the aggregation may
            have started.
        """
        given_id(source_id, "source_id")
        upload = _upload_of(file)
        return self._run(
            isc.load.start(
                self._tenant.generation, source_id, upload, disable_optimization=disable_optimization
            )
        )

    def get_account_aggregation_status(self, aggregation_id: str) -> AccountAggregationStatus:
        """
        Return the progress of an aggregation; ISC keeps it for about an hour after the end.

        :raises UnknownAggregationError: ISC does not know the ID, or no longer.
        :raises AccessDeniedError: the client has no user (use a personal access token) or lacks the scope.
        """
        given_id(aggregation_id, "aggregation_id")
        return self._send(isc.endpoints.account_aggregation_status(self._tenant.generation, aggregation_id))

    def get_task_status(self, task_id: str) -> TaskStatus:
        """
        Return ISC's record of a task, which is kept for 90 days.

        :raises UnknownAggregationError: ISC does not know the ID, or no longer.
        """
        return self._send(isc.endpoints.task_status(self._tenant.generation, task_id))

    def list_task_statuses(
        self,
        *,
        task_ids: str | Collection[str] | None = None,
        source_ids: str | Collection[str] | None = None,
        types: str | Collection[str] | None = None,
        completion_statuses: str | Collection[str] | None = None,
        running: bool | None = None,
        newest_first: bool = True,
        limit: int | None = None,
    ) -> Iterator[TaskStatus]:
        """
        Iterate over the task records of all pages, running ones included, in every API generation.

        Each collection may also be a single value; an empty one matches nothing. Pages are requested as the
        iteration reaches them.

        :param task_ids: IDs of the tasks, 32 hex characters each; None for all.
        :param source_ids: IDs of the sources that the tasks work on, 32 hex characters each; None for all.
        :param types: types of task, such as ``CLOUD_ACCOUNT_AGGREGATION``; None for all.
        :param completion_statuses: completion statuses, such as ``SUCCESS`` or ``ERROR``; None for all,
            running tasks included.
        :param running: True for running tasks only, False for ended ones only, None for both.
        :param newest_first: whether the newest records come first.
        :param limit: the most records to return; None for all.
        :raises InvalidInputError: an argument is invalid; nothing is sent.
        """
        from sailpoint_provider.isc.api.paging import TaskPages
        from sailpoint_provider.isc.api.task_query import TaskQuery

        query = TaskQuery.from_arguments(
            task_ids=task_ids,
            source_ids=source_ids,
            types=types,
            completion_statuses=completion_statuses,
            running=running,
        )
        pages = TaskPages(self._tenant.generation, query, newest_first=newest_first, limit=limit)
        return self._records(pages)

    def wait_for_account_aggregation(
        self, aggregation_id: str, *, poll_interval: float = 30.0, timeout: float = 86400.0
    ) -> AggregationResult:
        """
        Wait in this thread for an aggregation to end, and return its result.

        :param aggregation_id: ID of the aggregation.
        :param poll_interval: the most seconds between two polls; the first ones come sooner.
        :param timeout: seconds after which the wait ends.
        :returns: the result of the aggregation.
        :raises AggregationFailedError: it failed; ``result`` holds the details.
        :raises AggregationTimeoutError: it did not end in time and is still running in ISC.
        :raises UnknownAggregationError: ISC has not known the ID for two minutes.
        """
        given_id(aggregation_id, "aggregation_id")
        backoff = Backoff(seconds(poll_interval, "poll_interval"))
        watch = self._watch(aggregation_id, Deadlines(time.time() + seconds(timeout, "timeout")))
        return check_end(self._run(watch.wait(backoff, random.random), until=watch.end))

    def test_connection(self) -> tuple[bool, str]:
        """Get a token, read one source, and name the part of the connection that is wrong."""
        try:
            self._send(isc.endpoints.sources(self._tenant.generation, limit=1))
        except SailPointError as error:
            return False, diagnose(error)
        return (
            True,
            f"Connected to {self._tenant.base_url} with API generation {self._tenant.generation.name}.",
        )

    async def arequest(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: str | bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the name of the blocking counterpart
    ) -> Response:
        """
        Send a request to any endpoint of the tenant; see :meth:`request`.

        :returns: the successful response, with ``status``, ``headers``, ``body`` and ``json()``.
        """
        async with self._connected() as client:
            return await client.request(
                method, path, params=params, json=json, data=data, headers=headers, timeout=timeout
            )

    async def aget_source(self, source_id: str) -> Source:
        """Return the source with that ID; see :meth:`get_source`."""
        return await self._arun(isc.load.get_source((await self._atenant()).generation, source_id))

    async def afind_source(self, name: str) -> Source:
        """Return the one source with that name; see :meth:`find_source`."""
        return await self._arun(isc.load.find_source((await self._atenant()).generation, name))

    async def aload_accounts(
        self, source_id: str, file: FileLocation | Upload | None = None, *, disable_optimization: bool = False
    ) -> StartedAggregation:
        """Start an account aggregation; see :meth:`load_accounts`."""
        given_id(source_id, "source_id")
        upload = await asyncio.to_thread(_upload_of, file)
        generation = (await self._atenant()).generation
        return await self._arun(
            isc.load.start(generation, source_id, upload, disable_optimization=disable_optimization)
        )

    async def aget_account_aggregation_status(self, aggregation_id: str) -> AccountAggregationStatus:
        """Return the progress of an aggregation; see :meth:`get_account_aggregation_status`."""
        given_id(aggregation_id, "aggregation_id")
        call = isc.endpoints.account_aggregation_status((await self._atenant()).generation, aggregation_id)
        async with self._connected() as client:
            return await client.send(call)

    async def aget_task_status(self, task_id: str) -> TaskStatus:
        """Return ISC's record of a task; see :meth:`get_task_status`."""
        call = isc.endpoints.task_status((await self._atenant()).generation, task_id)
        async with self._connected() as client:
            return await client.send(call)

    async def alist_task_statuses(
        self,
        *,
        task_ids: str | Collection[str] | None = None,
        source_ids: str | Collection[str] | None = None,
        types: str | Collection[str] | None = None,
        completion_statuses: str | Collection[str] | None = None,
        running: bool | None = None,
        newest_first: bool = True,
        limit: int | None = None,
    ) -> AsyncIterator[TaskStatus]:
        """Iterate over the task records of all pages; see :meth:`list_task_statuses`."""
        await _import_async_client()
        from sailpoint_provider.isc.api.paging import TaskPages
        from sailpoint_provider.isc.api.task_query import TaskQuery

        query = TaskQuery.from_arguments(
            task_ids=task_ids,
            source_ids=source_ids,
            types=types,
            completion_statuses=completion_statuses,
            running=running,
        )
        generation = (await self._atenant()).generation
        pages = TaskPages(generation, query, newest_first=newest_first, limit=limit)
        async with self._connected() as client:
            while (call := pages.next_call()) is not None:
                for record in pages.take(await client.send(call)):
                    yield record

    async def async_wait_for_account_aggregation(
        self,
        aggregation_id: str,
        *,
        poll_interval: float = 30.0,
        timeout: float = 86400.0,  # noqa: ASYNC109 - the name of the blocking counterpart
    ) -> AggregationResult:
        """Wait for an aggregation to end, and return its result; see :meth:`wait_for_account_aggregation`."""
        given_id(aggregation_id, "aggregation_id")
        backoff = Backoff(seconds(poll_interval, "poll_interval"))
        deadlines = Deadlines(time.time() + seconds(timeout, "timeout"))
        await self._atenant()
        watch = self._watch(aggregation_id, deadlines)
        async with self._connected() as client:
            from sailpoint_provider.polling.poller import poller_of

            result = None
            while result is None:
                await poller_of(client).end_of(watch, backoff)
                result = await client.run(watch.settled())
        return check_end(result)

    async def atest_connection(self) -> tuple[bool, str]:
        """Get a token and read one source; see :meth:`test_connection`."""
        try:
            tenant = await self._atenant()
            async with self._connected() as client:
                await client.send(isc.endpoints.sources(tenant.generation, limit=1))
        except SailPointError as error:
            return False, diagnose(error)
        return True, _connected_to(tenant)

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
        """
        if self._known_tenant is None:
            key = (type(self), self.sailpoint_conn_id, self.api_version)
            self._known_tenant = await connection_cache().tenant(key, self._read_tenant)
        return self._known_tenant

    def _watch(
        self,
        aggregation_id: str,
        deadlines: Deadlines,
        *,
        usual_seconds: float | None = None,
        log: Any = None,
    ) -> Watch:
        """
        Return the wait for an aggregation, to be carried out step by step.

        :param aggregation_id: ID of the aggregation.
        :param deadlines: when to give up.
        :param usual_seconds: how long such an aggregation usually takes; None if that is not known.
        :param log: logger for the progress; None for the hook's own.
        """
        from sailpoint_provider.isc.wait.watch import Watch

        return Watch(
            aggregation_id,
            self._tenant.generation,
            deadlines=deadlines,
            clock=time.time,
            log=cast("logging.Logger", log or self.log),
            usual_seconds=usual_seconds,
        )

    def _log_kill(self, log: Any, aggregation_id: str, *, source: str, clear_task: bool) -> None:
        """
        Log at a kill that the aggregation is still running; clear ISC's record of it if asked to.

        Clearing the record (``PATCH`` of the task status) needs the scope ``idn:task-management:write`` and a
        personal access token. It sends one request, with the token in memory, and waits at most three seconds
        for the response; it never raises.

        :param log: logger to use.
        :param aggregation_id: ID of the aggregation.
        :param source: its source, as shown to a person.
        :param clear_task: whether to mark the record as ended with an error.
        """
        log.warning(
            "The task was killed. Account aggregation %s of source %s is still running in Identity Security "
            "Cloud, which has no API to cancel it.",
            aggregation_id,
            source,
        )
        if clear_task:
            try:
                log.warning("%s", self._clear_task_record(aggregation_id))
            except Exception as error:
                log.warning("ISC's task record could not be cleared: %s.", type(error).__name__)

    def _clear_task_record(self, aggregation_id: str) -> str:
        """
        Mark ISC's record of an aggregation as ended with an error, and return what to log about it.

        :raises requests.RequestException: there was no response in time.
        """
        from sailpoint_provider.client.blocking import send_last_word

        if self._known_tenant is None:
            return "ISC's task record was not cleared: the connection was never read."
        tenant = self._known_tenant
        call = isc.endpoints.clear_task_record(tenant.generation, aggregation_id, now=datetime.now(tz=UTC))
        response = send_last_word(tenant, call, _KILL_SECONDS)
        if response is None:
            return "ISC's task record was not cleared: there is no token in memory."
        if response.status < 300:
            return "ISC's task record is now marked as ended with an error (on_kill_clear_task)."
        return (
            f"ISC's task record could not be cleared: HTTP {response.status}. The client needs {call.scope}."
        )

    def _run(self, flow: Flow[T], *, until: float | None = None) -> T:
        """
        Carry out a procedure of several requests.

        :param until: epoch seconds at which its requests and pauses end; None for no end. A request that is
            abandoned for that raises ``TenantUnavailableError`` inside the procedure.
        """
        return self._blocking_client().run(flow, until=until)

    async def _arun(self, flow: Flow[T]) -> T:
        async with self._connected() as client:
            return await client.run(flow)

    def _send(self, call: Request[T]) -> T:
        return self._blocking_client().send(call)

    def _connected(self) -> _SharedClient:
        """Return an async context manager for the client that this tenant's users on the loop share."""
        return _SharedClient(self)

    def _blocking_client(self) -> BlockingClient:
        if self._client is None:
            from sailpoint_provider.client.blocking import BlockingClient

            self._client = BlockingClient(self._tenant)
        return self._client

    def _records(self, pages: TaskPages) -> Iterator[TaskStatus]:
        while (call := pages.next_call()) is not None:
            yield from pages.take(self._send(call))

    async def _read_tenant(self) -> Tenant:
        with _missing_connection_named(self.sailpoint_conn_id):
            connection = await read_connection(self.sailpoint_conn_id, self)
        await _import_async_client()
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


@contextmanager
def _missing_connection_named(conn_id: str) -> Iterator[None]:
    try:
        yield
    except AirflowNotFoundException:
        raise InvalidInputError(
            f"There is no Airflow connection {conn_id!r}: add one of type sailpoint, or set "
            "sailpoint_conn_id."
        ) from None


def _connected_to(tenant: Tenant) -> str:
    return f"Connected to {tenant.base_url} with API generation {tenant.generation.name}."


def _upload_of(file: FileLocation | Upload | None) -> Upload | None:
    from sailpoint_provider.files.locate import find_csv
    from sailpoint_provider.files.source import Upload

    if file is None or isinstance(file, Upload):
        return file
    return find_csv(file)


class _SharedClient:
    """
    Lends the client that all users of a hook's tenant on this event loop share.

    A triggerer holds thousands of these; contextlib's generators would take three times the memory.

    :param hook: hook of the tenant.
    """

    __slots__ = ("_hook", "_lent")

    def __init__(self, hook: SailPointHook) -> None:
        self._hook = hook

    async def __aenter__(self) -> AsyncClient:
        """Read the connection, and lend the client."""
        tenant = await self._hook._atenant()
        self._lent: Any = (await _import_async_client()).shared_async_client(tenant)
        client: AsyncClient = await self._lent.__aenter__()
        return client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Return the client."""
        await self._lent.__aexit__(kind, error, trace)


_async_client_modules: list[Any] = []


async def _import_async_client() -> Any:
    """
    Return the module of the asynchronous client, imported in a thread.

    The first import of aiohttp takes 100 ms, too long to block an event loop.
    """
    if not _async_client_modules:
        for name in (
            "isc.tenant.config",
            "isc.wait.watch",
            "isc.api.paging",
            "polling.poller",
            "client.async_client",
        ):
            module = await asyncio.to_thread(import_module, f"sailpoint_provider.{name}")
        _async_client_modules.append(module)
    return _async_client_modules[0]
