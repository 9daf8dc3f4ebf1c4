"""The hook's methods for event loops."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import seconds
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.hooks.connection import ConnectedHook, connected_to, import_async_client, upload_of
from sailpoint_provider.isc.api.identifiers import id_from_user, load_id
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, kind_of
from sailpoint_provider.isc.tenant.diagnosis import diagnose
from sailpoint_provider.isc.wait.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from sailpoint_provider.files.check.facts import SourceFacts
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.models import (
        AccountAggregationStatus,
        Source,
        StartedAggregation,
        TaskStatus,
    )
    from sailpoint_provider.isc.api.raw import Params
    from sailpoint_provider.results import AggregationResult


class AsyncMethods(ConnectedHook):
    """
    The methods with the prefix ``a``, which never block an event loop.

    What they import is loaded in a thread by then: by :meth:`_atenant`, which comes before each import.

    Each takes, returns and raises what its blocking counterpart in
    :class:`~sailpoint_provider.hooks.sailpoint.SailPointHook` does.
    """

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
        async with await self._connected() as client:
            return await client.request(
                method, path, params=params, json=json, data=data, headers=headers, timeout=timeout
            )

    async def aget_source(self, source_id: str) -> Source:
        """Return the source with that ID; see :meth:`get_source`."""
        tenant = await self._atenant()
        from sailpoint_provider.isc.start.load import get_source

        return await self._arun(get_source(tenant.api_version, source_id))

    async def aget_source_facts(self, source_id: str) -> SourceFacts:
        """Return what the tenant says about a source; see :meth:`get_source_facts`."""
        source = await self.aget_source(source_id)
        from sailpoint_provider.isc.source_facts import read_source_facts

        return await self._arun(read_source_facts((await self._atenant()).api_version, source))

    async def afind_source(self, name: str) -> Source:
        """Return the one source with that name; see :meth:`find_source`."""
        tenant = await self._atenant()
        from sailpoint_provider.isc.start.load import find_source

        return await self._arun(find_source(tenant.api_version, name))

    async def aload_accounts(
        self, source_id: str, file: FileLocation | Upload | None = None, *, disable_optimization: bool = False
    ) -> StartedAggregation:
        """Start an account aggregation; see :meth:`load_accounts`."""
        from sailpoint_provider.version_compat import in_thread

        id_from_user(source_id, "source_id")
        upload = await in_thread(upload_of, file)
        tenant = await self._atenant()
        from sailpoint_provider.isc.start.load import start

        return await self._arun(
            start(tenant.api_version, source_id, upload, disable_optimization=disable_optimization)
        )

    async def aget_account_aggregation_status(self, aggregation_id: str) -> AccountAggregationStatus:
        """Return the progress of an aggregation; see :meth:`get_account_aggregation_status`."""
        id_from_user(aggregation_id, "aggregation_id")
        tenant = await self._atenant()
        from sailpoint_provider.isc.api.endpoints import account_aggregation_status

        return await self._asend(account_aggregation_status(tenant.api_version, aggregation_id))

    async def aget_task_status(self, task_id: str) -> TaskStatus:
        """Return ISC's record of a task; see :meth:`get_task_status`."""
        tenant = await self._atenant()
        from sailpoint_provider.isc.api.endpoints import task_status

        return await self._asend(task_status(tenant.api_version, task_id))

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
        await import_async_client()
        from sailpoint_provider.isc.api.paging import TaskPages
        from sailpoint_provider.isc.api.task_query import TaskQuery

        query = TaskQuery.from_arguments(
            task_ids=task_ids,
            source_ids=source_ids,
            types=types,
            completion_statuses=completion_statuses,
            running=running,
        )
        api_version = (await self._atenant()).api_version
        pages = TaskPages(api_version, query, newest_first=newest_first, limit=limit)
        async with await self._connected() as client:
            while (call := pages.next_call()) is not None:
                for record in pages.take(await client.send(call)):
                    yield record

    async def async_wait_for_account_aggregation(
        self,
        aggregation_id: str,
        *,
        poll_interval: float = 30.0,
        timeout: float = 86400.0,  # noqa: ASYNC109 - the name of the blocking counterpart
        kind: str = ACCOUNT_AGGREGATION.key,
    ) -> AggregationResult:
        """Wait for an aggregation to end, and return its result; see :meth:`wait_for_account_aggregation`."""
        waited_for = kind_of(kind)
        load_id(aggregation_id, waited_for)
        from sailpoint_provider.isc.verdict import check_end
        from sailpoint_provider.isc.wait.backoff import Backoff

        backoff = Backoff(seconds(poll_interval, "poll_interval"))
        deadlines = Deadlines(time.time() + seconds(timeout, "timeout"))
        await self._atenant()
        watch = self._watch(aggregation_id, deadlines, kind=waited_for)
        async with await self._connected() as client:
            from sailpoint_provider.polling.poller import Poller

            result = None
            while result is None:
                await client.companion(Poller).end_of(watch, backoff)
                result = await client.run(watch.poll_until_clear())
        return check_end(result, kind=waited_for)

    async def atest_connection(self) -> tuple[bool, str]:
        """Get a token and read one source; see :meth:`test_connection`."""
        try:
            tenant = await self._atenant()
            from sailpoint_provider.isc.api.endpoints import sources

            await self._asend(sources(tenant.api_version, limit=1))
        except SailPointError as error:
            return False, diagnose(error)
        return True, connected_to(tenant)
