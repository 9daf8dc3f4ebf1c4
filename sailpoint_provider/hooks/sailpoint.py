"""The hook: an Airflow connection becomes a client of Identity Security Cloud."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from sailpoint_provider import isc
from sailpoint_provider._airflow.connection_cache import connection_cache, read_connection
from sailpoint_provider._airflow.parameters import seconds
from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.hooks.connected import Connected, async_client_module
from sailpoint_provider.hooks.last_word import clear_record
from sailpoint_provider.isc.api.identifiers import given_id
from sailpoint_provider.isc.outcome import check_end
from sailpoint_provider.isc.tenant import connection_form
from sailpoint_provider.isc.tenant.diagnosis import diagnose
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncIterator, Iterator

    from airflow.providers.common.compat.sdk import Connection

    from sailpoint_provider.client.blocking import BlockingClient
    from sailpoint_provider.files.locate import CsvLocation
    from sailpoint_provider.isc.api.endpoints import Request
    from sailpoint_provider.isc.api.models import (
        AccountAggregationStatus,
        LoadAccountsTask,
        Source,
        TaskStatus,
    )
    from sailpoint_provider.isc.api.paging import TaskPages
    from sailpoint_provider.isc.flow import Flow
    from sailpoint_provider.isc.start.upload import Upload
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.wait.watch import Watch
    from sailpoint_provider.results import AggregationResult

T = TypeVar("T")


class SailPointHook(BaseHook):
    """
    Calls Identity Security Cloud as the client of an Airflow connection.

    Every blocking method has a counterpart for event loops with the prefix ``a``. All raise
    :class:`~sailpoint_provider.exceptions.SailPointError` or one of the errors below it.

    :param sailpoint_conn_id: id of an Airflow connection of type ``sailpoint``.
    :param api_version: API generation to call instead of the connection's; None for the connection's own.
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
        self._tenant: Tenant | None = None
        self._transport: BlockingClient | None = None

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Relabel the standard fields of the connection form on Airflow 3.0 and 3.1."""
        return connection_form.field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Add the extra fields to the connection form on Airflow 3.0 and 3.1."""
        return connection_form.form_widgets()

    @property
    def tenant(self) -> Tenant:
        """
        The tenant that the connection names.

        :raises InvalidInputError: there is no such connection, or a field of it cannot work.
        """
        if self._tenant is None:
            with _found(self.sailpoint_conn_id):
                connection = self.get_connection(self.sailpoint_conn_id)
            self._tenant = self._tenant_of(connection)
        return self._tenant

    async def atenant(self) -> Tenant:
        """
        Return the tenant that the connection names, on an event loop.

        Airflow is asked once for all hooks of the event loop that want the same connection within seconds.
        """
        if self._tenant is None:
            key = (type(self), self.sailpoint_conn_id, self.api_version)
            self._tenant = await connection_cache().tenant(key, self._read_tenant)
        return self._tenant

    def get_source(self, source_id: str) -> Source:
        """
        Return the source of that id.

        :raises InvalidInputError: the id is none, or no source has it.
        """
        return self._run(isc.load.get_source(self.tenant.generation, source_id))

    def find_source(self, name: str) -> Source:
        """
        Return the one source of that name.

        :raises InvalidInputError: no source has that name, or several have.
        """
        return self._run(isc.load.find_source(self.tenant.generation, name))

    def load_accounts(
        self, source_id: str, file: CsvLocation | Upload | None = None, *, disable_optimization: bool = False
    ) -> LoadAccountsTask:
        """
        Start an account aggregation; this call is never repeated where it may have had an effect.

        :param source_id: id of the source, 32 hex characters.
        :param file: the CSV of a delimited-file source: path, URL or ``ObjectStoragePath``; streamed. Of a
            ``.csv.gz``, which is read twice, what it holds is sent.
        :param disable_optimization: whether accounts that did not change are processed too.
        :returns: ISC's task, with the id to follow and what was sent of the file.
        :raises AggregationAlreadyRunningError: another aggregation of the source is running.
        :raises InvalidInputError: id or file cannot work, or ISC refuses the file (400).
        :raises TenantUnavailableError: no answer; unless ``sent`` is False the start may have happened.
        """
        given_id(source_id, "source_id")
        upload = _found_csv(file)
        return self._run(
            isc.load.start(
                self.tenant.generation, source_id, upload, disable_optimization=disable_optimization
            )
        )

    def get_account_aggregation_status(self, aggregation_id: str) -> AccountAggregationStatus:
        """
        Return the progress of an aggregation; ISC keeps it until about an hour after the end.

        :raises UnknownAggregationError: ISC does not know the id, or no longer.
        :raises AccessDeniedError: the client has no user (use a personal access token) or lacks the scope.
        """
        given_id(aggregation_id, "aggregation_id")
        return self._send(isc.endpoints.account_aggregation_status(self.tenant.generation, aggregation_id))

    def get_task_status(self, task_id: str) -> TaskStatus:
        """
        Return ISC's record of a task, which is kept for 90 days.

        :raises UnknownAggregationError: ISC does not know the id, or no longer.
        """
        return self._send(isc.endpoints.task_status(self.tenant.generation, task_id))

    def list_task_statuses(
        self, *, filters: str | None = None, sorters: str | None = "-created", limit: int | None = None
    ) -> Iterator[TaskStatus]:
        """
        Iterate over the task records of all pages, running ones included, in every API generation.

        :param filters: in ISC's language: ``id``, ``sourceId``, ``type`` and ``launcher`` (v1, v2026) with
            ``eq`` and ``in``, ``completionStatus`` with ``eq``, ``in`` and ``isnull``, joined with ``and``.
        :param sorters: ``created``, ``-created`` (newest first) or None.
        :param limit: how many records at the most, None for all.
        :raises InvalidInputError: filter, sorter or limit cannot work.
        """
        from sailpoint_provider.isc.api.paging import TaskPages

        pages = TaskPages(self.tenant.generation, filters=filters, sorters=sorters, limit=limit)
        return self._records(pages)

    def wait_for_account_aggregation(
        self, aggregation_id: str, *, poll_interval: float = 30.0, timeout: float = 86400.0
    ) -> AggregationResult:
        """
        Wait, holding this thread, until an aggregation ended well.

        :param aggregation_id: the id that a start answered.
        :param poll_interval: seconds between two looks at the most; the first ones come sooner.
        :param timeout: seconds after which the wait is given up.
        :returns: the result of the aggregation.
        :raises AggregationFailedError: it ended badly; ``result`` tells how.
        :raises AggregationTimeoutError: it did not end in time; it goes on in ISC.
        :raises UnknownAggregationError: ISC has not known the id for two minutes.
        """
        given_id(aggregation_id, "aggregation_id")
        backoff = Backoff(seconds(poll_interval, "poll_interval"))
        watch = self.watch(aggregation_id, Deadlines(time.time() + seconds(timeout, "timeout")))
        return check_end(self.run(watch.wait(backoff, random.random), until=watch.end))

    def test_connection(self) -> tuple[bool, str]:
        """Get a token and read one source, and say in words which part is wrong."""
        try:
            self._send(isc.endpoints.sources(self.tenant.generation, limit=1))
        except SailPointError as error:
            return False, diagnose(error)
        return True, f"Connected to {self.tenant.base_url} with API generation {self.tenant.generation.name}."

    async def aget_source(self, source_id: str) -> Source:
        """Return the source of that id; see :meth:`get_source`."""
        return await self._arun(isc.load.get_source((await self.atenant()).generation, source_id))

    async def afind_source(self, name: str) -> Source:
        """Return the one source of that name; see :meth:`find_source`."""
        return await self._arun(isc.load.find_source((await self.atenant()).generation, name))

    async def aload_accounts(
        self, source_id: str, file: CsvLocation | Upload | None = None, *, disable_optimization: bool = False
    ) -> LoadAccountsTask:
        """Start an account aggregation; see :meth:`load_accounts`."""
        given_id(source_id, "source_id")
        upload = await asyncio.to_thread(_found_csv, file)
        generation = (await self.atenant()).generation
        return await self._arun(
            isc.load.start(generation, source_id, upload, disable_optimization=disable_optimization)
        )

    async def aget_account_aggregation_status(self, aggregation_id: str) -> AccountAggregationStatus:
        """Return the progress of an aggregation; see :meth:`get_account_aggregation_status`."""
        given_id(aggregation_id, "aggregation_id")
        call = isc.endpoints.account_aggregation_status((await self.atenant()).generation, aggregation_id)
        async with self.aconnected() as transport:
            return await transport.send(call)

    async def aget_task_status(self, task_id: str) -> TaskStatus:
        """Return ISC's record of a task; see :meth:`get_task_status`."""
        call = isc.endpoints.task_status((await self.atenant()).generation, task_id)
        async with self.aconnected() as transport:
            return await transport.send(call)

    async def alist_task_statuses(
        self, *, filters: str | None = None, sorters: str | None = "-created", limit: int | None = None
    ) -> AsyncIterator[TaskStatus]:
        """Iterate over the task records of all pages; see :meth:`list_task_statuses`."""
        from sailpoint_provider.isc.api.paging import TaskPages

        generation = (await self.atenant()).generation
        pages = TaskPages(generation, filters=filters, sorters=sorters, limit=limit)
        async with self.aconnected() as transport:
            while (call := pages.next_call()) is not None:
                for record in pages.take(await transport.send(call)):
                    yield record

    async def await_for_account_aggregation(
        self,
        aggregation_id: str,
        *,
        poll_interval: float = 30.0,
        timeout: float = 86400.0,  # noqa: ASYNC109 - the name of the blocking counterpart
    ) -> AggregationResult:
        """Wait until an aggregation ended well; see :meth:`wait_for_account_aggregation`."""
        given_id(aggregation_id, "aggregation_id")
        backoff = Backoff(seconds(poll_interval, "poll_interval"))
        deadlines = Deadlines(time.time() + seconds(timeout, "timeout"))
        await self.atenant()
        watch = self.watch(aggregation_id, deadlines)
        async with self.aconnected() as transport:
            result = None
            while result is None:
                await transport.poller.end_of(watch, backoff)
                result = await transport.run(watch.settled())
        return check_end(result)

    async def atest_connection(self) -> tuple[bool, str]:
        """Get a token and read one source; see :meth:`test_connection`."""
        try:
            tenant = await self.atenant()
            async with self.aconnected() as transport:
                await transport.send(isc.endpoints.sources(tenant.generation, limit=1))
        except SailPointError as error:
            return False, diagnose(error)
        return True, f"Connected to {tenant.base_url} with API generation {tenant.generation.name}."

    def watch(
        self,
        aggregation_id: str,
        deadlines: Deadlines,
        *,
        usual_seconds: float | None = None,
        log: Any = None,
    ) -> Watch:
        """
        Return the wait for an aggregation, for whoever looks step by step.

        :param aggregation_id: the id that a start answered.
        :param deadlines: when to give up.
        :param usual_seconds: how long such a run usually takes, None where that is not known.
        :param log: where progress goes, None for the hook's own log.
        """
        from sailpoint_provider.isc.wait.watch import Watch

        return Watch(
            aggregation_id,
            self.tenant.generation,
            deadlines=deadlines,
            clock=time.time,
            log=cast("logging.Logger", log or self.log),
            usual_seconds=usual_seconds,
        )

    def say_last_word(self, log: Any, aggregation_id: str, *, source: str, clear_task: bool) -> None:
        """
        Say at a kill that the aggregation goes on; clear ISC's record of it where that is wished.

        ISC has no call that stops an aggregation. To clear its record (``PATCH`` of the task status) takes
        the scope ``idn:task-management:write`` and a personal access token. One request is sent, with the
        token in memory, and three seconds are waited for its answer; it never raises.

        :param log: where it is said.
        :param aggregation_id: the aggregation.
        :param source: its source, as a person reads it.
        :param clear_task: whether to mark the record as ended with an error.
        """
        log.warning(
            "The task was killed. Account aggregation %s of source %s goes on in Identity Security Cloud, "
            "which has no call to stop it.",
            aggregation_id,
            source,
        )
        if clear_task:
            try:
                log.warning("%s", clear_record(self._tenant, aggregation_id))
            except Exception as error:
                log.warning("ISC's record of it could not be cleared: %s.", type(error).__name__)

    def run(self, flow: Flow[T], *, until: float | None = None) -> T:
        """
        Carry out a procedure of several calls, for operators and sensors.

        :param until: epoch seconds at which its calls and pauses end, None for no end. A call that is given
            up then meets the procedure as a ``TenantUnavailableError``.
        """
        return self._run(flow, until)

    def aconnected(self) -> Connected:
        """Lend, in an ``async with``, the transport that all users of the tenant on the event loop share."""
        return Connected(self)

    def close(self) -> None:
        """Close the connections of the blocking methods; they open again when needed."""
        if self._transport is not None:
            self._transport.close()

    def _run(self, flow: Flow[T], until: float | None = None) -> T:
        return self._blocking().run(flow, until=until)

    def _send(self, call: Request[T]) -> T:
        return self._blocking().send(call)

    async def _arun(self, flow: Flow[T]) -> T:
        async with self.aconnected() as transport:
            return await transport.run(flow)

    def _records(self, pages: TaskPages) -> Iterator[TaskStatus]:
        while (call := pages.next_call()) is not None:
            yield from pages.take(self._send(call))

    def _blocking(self) -> BlockingClient:
        if self._transport is None:
            from sailpoint_provider.client.blocking import BlockingClient

            self._transport = BlockingClient(self.tenant)
        return self._transport

    async def _read_tenant(self) -> Tenant:
        with _found(self.sailpoint_conn_id):
            connection = await read_connection(self.sailpoint_conn_id, self)
        await async_client_module()
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
def _found(conn_id: str) -> Iterator[None]:
    try:
        yield
    except AirflowNotFoundException:
        raise InvalidInputError(
            f"There is no Airflow connection {conn_id!r}: add one of type sailpoint, or give "
            "sailpoint_conn_id."
        ) from None


def _found_csv(file: CsvLocation | Upload | None) -> Upload | None:
    from sailpoint_provider.files.locate import find_csv
    from sailpoint_provider.isc.start.upload import Upload

    if file is None or isinstance(file, Upload):
        return file
    upload = find_csv(file)
    upload.content()  # reading a packed file through may take a while: not between token and start
    return upload
