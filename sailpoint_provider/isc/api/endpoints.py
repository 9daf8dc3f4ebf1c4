"""One function per API call: each returns a :class:`Request`, which either client carries out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from sailpoint_provider.exceptions import ProtocolError, UnknownAggregationError
from sailpoint_provider.isc.api.advice import CHECK_SOURCE_ID
from sailpoint_provider.isc.api.exchange import PAGE_BYTES, Request
from sailpoint_provider.isc.api.identifiers import id_for_path
from sailpoint_provider.isc.api.models import (
    AccountAggregationStatus,
    Source,
    TaskStatus,
    read_account_aggregation_status,
    read_source,
    read_sources,
    read_task_status,
    read_task_statuses,
)
from sailpoint_provider.isc.api.task_query import TaskQuery, quoted
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.tenant.oauth import Token, read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.summaries import TaskSummary
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.tenant.config import Tenant

T = TypeVar("T")

PAGE_SIZE = 250
"""The most records that ISC returns in one page."""

_WAITED_FOR = "list the tasks that are waited for"


def token(tenant: Tenant) -> Request[Token]:
    """Request an access token; the secret goes into the body, never into the URL."""
    return Request(
        purpose=f"get a token from {tenant.token_url}",
        method="POST",
        path=tenant.token_url,
        read=lambda response: read_token(response.json()),
        form=(
            ("grant_type", "client_credentials"),
            ("client_id", tenant.client_id),
            ("client_secret", tenant.client_secret),
        ),
        is_token_request=True,
        not_found_advice="Check that host is the tenant's API, and that token_url is correct if it is set.",
    )


def account_aggregation_status(
    api_version: ApiVersion, aggregation_id: str, *, time_limit: float | None = None
) -> Request[AccountAggregationStatus]:
    """
    Read the progress of an aggregation; ISC requires a user (a personal access token) for this call.

    :param time_limit: seconds for one attempt, None for the default.
    """
    aggregation_id = id_for_path(aggregation_id, "aggregation_id")
    return Request(
        purpose=f"read the status of {ACCOUNT_AGGREGATION.name} {aggregation_id}",
        method="GET",
        path=f"{api_version.path('account-aggregations')}/{aggregation_id}/status",
        read=lambda response: read_account_aggregation_status(response.json()),
        time_limit=time_limit,
        denied_advice=(
            "This call needs a personal access token, not a scope. Its user needs one of the user levels "
            f"{', '.join(api_version.status_user_levels)}."
        ),
        not_found=UnknownAggregationError,
        not_found_advice="ISC keeps this status for an hour after the end, and the task status for 90 days.",
    )


def task_status(api_version: ApiVersion, task_id: str) -> Request[TaskStatus]:
    """Read the record of one task, which decides whether it has ended in every API version."""
    task_id = id_for_path(task_id, "task_id")

    def read(response: Response) -> TaskStatus:
        record = read_task_status(response.json())
        if record.id != task_id:
            raise ProtocolError(f"ISC returned the task status of {record.id} instead of {task_id}.")
        return record

    return Request(
        purpose=f"read the task status {task_id}",
        method="GET",
        path=f"{api_version.path('task-status')}/{task_id}",
        read=read,
        scope="idn:task-management:read",
        not_found=UnknownAggregationError,
        not_found_advice=(
            "ISC keeps task statuses for 90 days. Check that the ID is correct and belongs to this tenant."
        ),
    )


def task_statuses(
    path: str, *, limit: int, offset: int, filters: str | None = None, sorters: str | None = None
) -> Request[list[TaskStatus]]:
    """
    Read one page of up to 250 task records.

    :param path: path of the list; that of pending tasks takes neither filters nor sorters.
    """
    return _page_of_tasks(
        "list task statuses" + (f" with {filters}" if filters else ""),
        path,
        _read_records,
        limit=limit,
        offset=offset or None,
        filters=filters,
        sorters=sorters,
    )


def running_tasks(
    api_version: ApiVersion, *, offset: int, types: Sequence[str]
) -> Request[list[TaskSummary]]:
    """
    Read one page of running tasks, oldest first, with only the fields that a wait needs.

    If the API version's list holds only ended tasks, it is a page of all running tasks.

    :param types: types of the tasks, at least one.
    """
    if api_version.pending_tasks is not None:
        return _page_of_tasks(_WAITED_FOR, api_version.pending_tasks, _read_summaries, offset=offset or None)
    return _page_of_tasks(
        _WAITED_FOR,
        api_version.path("task-status"),
        _read_summaries,
        offset=offset or None,
        filters=TaskQuery(types=tuple(types), running=True).filters,
        sorters="created",
    )


def tasks_of_ids(api_version: ApiVersion, task_ids: Sequence[str]) -> Request[list[TaskSummary]]:
    """Read the records of up to 250 tasks, with only the fields that a wait needs."""
    values = ",".join(quoted(id_for_path(task_id, "task_id")) for task_id in task_ids)
    path = api_version.path("task-status")
    return _page_of_tasks(_WAITED_FOR, path, _read_summaries, filters=f"id in ({values})")


def clear_task_record(api_version: ApiVersion, task_id: str, *, now: datetime) -> Request[None]:
    """
    Mark the record of a task as ended with an error; the task itself keeps running.

    :param now: the time to record as its end.
    """
    task_id = id_for_path(task_id, "task_id")
    patch = [
        {"op": "replace", "path": "/completionStatus", "value": "Error"},
        {"op": "replace", "path": "/completed", "value": now.isoformat(timespec="milliseconds")},
    ]
    return Request(
        purpose=f"clear the task record {task_id}",
        method="PATCH",
        path=f"{api_version.path('task-status')}/{task_id}",
        read=lambda _: None,
        scope="idn:task-management:write (with a personal access token)",
        content=json.dumps(patch).encode(),
        headers=(("Content-Type", "application/json-patch+json"),),
        safe_to_repeat=False,
        not_found=UnknownAggregationError,
    )


def source(api_version: ApiVersion, source_id: str) -> Request[Source]:
    """Read one source."""
    source_id = id_for_path(source_id, "source_id")

    def read(response: Response) -> Source:
        found = read_source(response.json())
        if found.id.lower() != source_id.lower():
            # A file that goes to another source deletes its accounts.
            raise ProtocolError(f"the response describes source {found.id}.")
        return found

    return Request(
        purpose=f"read source {source_id}",
        method="GET",
        path=f"{api_version.path('sources')}/{source_id}",
        read=read,
        scope="idn:sources:read",
        not_found_advice=CHECK_SOURCE_ID,
    )


def sources(
    api_version: ApiVersion, *, filters: str | None = None, limit: int = PAGE_SIZE, for_subadmin: bool = False
) -> Request[list[Source]]:
    """Read a page of sources; a source sub-admin sees sources only with ``for-subadmin=me``."""
    return Request(
        purpose=f"list the sources with {filters}" if filters else "list the sources",
        method="GET",
        path=api_version.path("sources"),
        read=lambda response: read_sources(response.json()),
        scope="idn:sources:read",
        most_bytes=PAGE_BYTES,
        query=_query(limit=limit, filters=filters, **{"for-subadmin": "me" if for_subadmin else None}),
    )


def _page_of_tasks(
    purpose: str, path: str, read: Callable[[Response], list[T]], *, limit: int = PAGE_SIZE, **parameters: Any
) -> Request[list[T]]:
    return Request(
        purpose=purpose,
        method="GET",
        path=path,
        read=read,
        scope="idn:task-management:read",
        most_bytes=PAGE_BYTES,
        query=_query(limit=limit, **parameters),
    )


def _read_records(response: Response) -> list[TaskStatus]:
    return [] if response.status == 204 else read_task_statuses(response.json())


def _read_summaries(response: Response) -> list[TaskSummary]:
    from sailpoint_provider.isc.api.summaries import read_task_summaries

    return read_task_summaries(response)


def _query(**parameters: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in parameters.items() if value is not None)
