"""The hook: calls Identity Security Cloud with an Airflow connection."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import seconds
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.hooks.asynchronous import AsyncMethods
from sailpoint_provider.hooks.connection import DEFAULT_CONN_ID, connected_to, upload_of
from sailpoint_provider.hooks.loads import LoadMethods
from sailpoint_provider.hooks.session import SailPointSession
from sailpoint_provider.isc.api.identifiers import id_from_user, load_id
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, kind_of
from sailpoint_provider.isc.tenant import connection_fields
from sailpoint_provider.isc.tenant.diagnosis import diagnose
from sailpoint_provider.isc.wait.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import requests

    from sailpoint_provider.files.check.facts import SourceFacts
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.models import (
        AccountAggregationStatus,
        Source,
        StartedAggregation,
        TaskStatus,
    )
    from sailpoint_provider.isc.api.paging import TaskPages
    from sailpoint_provider.isc.api.raw import Params
    from sailpoint_provider.results import AggregationResult


class SailPointHook(LoadMethods, AsyncMethods):
    """
    Calls Identity Security Cloud as the client of an Airflow connection.

    Blocking methods have counterparts for event loops with the prefix ``a``; that of
    :meth:`wait_for_account_aggregation` is :meth:`async_wait_for_account_aggregation`. All raise
    :class:`~sailpoint_provider.exceptions.SailPointError` or a subclass.

    :param sailpoint_conn_id: ID of an Airflow connection of type ``sailpoint``.
    :param api_version: API version to call; None for the connection's.
    """

    conn_name_attr = "sailpoint_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "sailpoint"
    hook_name = "SailPoint Identity Security Cloud"

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
        :param data: body to send unchanged; a mapping is URL-encoded.
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
        from sailpoint_provider.isc.start.load import get_source

        return self._run(get_source(self._tenant.api_version, source_id))

    def get_source_facts(self, source_id: str) -> SourceFacts:
        """
        Return what the tenant says about a source: header row, identity attribute and number of accounts.

        It needs the scopes ``idn:source-schema:read`` and ``idn:accounts:read``; what the client may not read
        is None, and listed in ``missing`` with the reason.

        :raises InvalidInputError: the ID is malformed, or no source has it.
        """
        from sailpoint_provider.isc.source_facts import read_source_facts

        return self._run(read_source_facts(self._tenant.api_version, self.get_source(source_id)))

    def find_source(self, name: str) -> Source:
        """
        Return the one source with that name.

        :raises InvalidInputError: no source has that name, or several have.
        """
        from sailpoint_provider.isc.start.load import find_source

        return self._run(find_source(self._tenant.api_version, name))

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
        from sailpoint_provider.isc.start.load import start

        id_from_user(source_id, "source_id")
        upload = upload_of(file)
        return self._run(
            start(self._tenant.api_version, source_id, upload, disable_optimization=disable_optimization)
        )

    def get_account_aggregation_status(self, aggregation_id: str) -> AccountAggregationStatus:
        """
        Return the progress of an aggregation; ISC keeps it for about an hour after the end.

        :raises UnknownAggregationError: ISC does not know the ID, or no longer.
        :raises AccessDeniedError: the client has no user (use a personal access token) or lacks the scope.
        """
        from sailpoint_provider.isc.api.endpoints import account_aggregation_status

        id_from_user(aggregation_id, "aggregation_id")
        return self._send(account_aggregation_status(self._tenant.api_version, aggregation_id))

    def get_task_status(self, task_id: str) -> TaskStatus:
        """
        Return ISC's record of a task, which is kept for 90 days.

        :raises UnknownAggregationError: ISC does not know the ID, or no longer.
        """
        from sailpoint_provider.isc.api.endpoints import task_status

        return self._send(task_status(self._tenant.api_version, task_id))

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
        Iterate over the task records of all pages, running ones included, in every API version.

        Each collection may also be a single value; an empty one matches nothing. Pages are requested as the
        iteration reaches them.

        :param task_ids: IDs of the tasks, each a UUID or 32 hex characters; None for all.
        :param source_ids: IDs of the sources that the tasks work on, 32 hex characters each; None for all.
        :param types: types of task, such as ``CLOUD_ACCOUNT_AGGREGATION``; None for all.
        :param completion_statuses: completion statuses, such as ``SUCCESS`` or ``ERROR``; None for all,
            running tasks included.
        :param running: True for running tasks only, False for ended ones only, None for both.
        :param newest_first: whether the newest records come first.
        :param limit: maximum number of records to return; None for all.
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
        pages = TaskPages(self._tenant.api_version, query, newest_first=newest_first, limit=limit)
        return self._records(pages)

    def wait_for_account_aggregation(
        self,
        aggregation_id: str,
        *,
        poll_interval: float = 30.0,
        timeout: float = 86400.0,
        kind: str = ACCOUNT_AGGREGATION.key,
    ) -> AggregationResult:
        """
        Wait in this thread for an aggregation, or another load, to end, and return its result.

        :param aggregation_id: ID of the aggregation.
        :param poll_interval: longest time between two polls in seconds; the first polls come sooner.
        :param timeout: seconds after which the wait ends.
        :param kind: ``account_aggregation``, ``entitlement_aggregation``, ``uncorrelated_accounts`` or
            ``identity_refresh``.
        :returns: the result of the aggregation.
        :raises AggregationFailedError: it failed; ``result`` holds the details.
        :raises AggregationTimeoutError: it did not end in time and is still running in ISC.
        :raises UnknownAggregationError: ISC has not known the ID for two minutes.
        """
        waited_for = kind_of(kind)
        load_id(aggregation_id, waited_for)
        from sailpoint_provider.isc.verdict import check_end
        from sailpoint_provider.isc.wait.backoff import Backoff

        backoff = Backoff(seconds(poll_interval, "poll_interval"))
        deadlines = Deadlines(time.time() + seconds(timeout, "timeout"))
        watch = self._watch(aggregation_id, deadlines, kind=waited_for)
        return check_end(self._run(watch.wait(backoff, random.random), until=watch.end), kind=waited_for)

    def test_connection(self) -> tuple[bool, str]:
        """Get a token, read one source, and name the part of the connection that is wrong."""
        from sailpoint_provider.isc.api.endpoints import sources

        try:
            self._send(sources(self._tenant.api_version, limit=1))
        except SailPointError as error:
            return False, diagnose(error)
        return True, connected_to(self._tenant)

    def _records(self, pages: TaskPages) -> Iterator[TaskStatus]:
        while (call := pages.next_call()) is not None:
            yield from pages.take(self._send(call))
