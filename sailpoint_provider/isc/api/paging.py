"""Lists task statuses page by page, running tasks included, in every API version."""

from __future__ import annotations

import heapq
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.endpoints import PAGE_SIZE, task_statuses
from sailpoint_provider.isc.api.task_query import TaskQuery
from sailpoint_provider.isc.flow import Flow, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sailpoint_provider.isc.api.exchange import Request, Response
    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion

_MOST_RUNNING = 10_000
_MOST_STALE_PAGES = 2
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class TaskPages:
    """
    Lists the task statuses that a query matches, page by page.

    While :meth:`next_call` returns a request, carry it out and pass its value to :meth:`take`. The lists of
    beta and v2024 hold ended tasks only; running ones are at ``pending-tasks``, which cannot be filtered.
    There both lists are read, running tasks are matched here, and the two are merged in order.

    :param query: which records to list; None for all.
    :param newest_first: the order, by time of creation.
    :param limit: the most records to return; None for all.
    :param observe: is called with each HTTP response; None for no call.
    :raises InvalidInputError: ``limit`` is not a whole number above 0.
    """

    def __init__(
        self,
        api_version: ApiVersion,
        query: TaskQuery | None = None,
        *,
        newest_first: bool = True,
        limit: int | None = None,
        observe: Callable[[Response], None] | None = None,
    ) -> None:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise InvalidInputError(f"limit is {limit!r}; it must be a whole number above 0, or None.")
        self._api_version = api_version
        self._query = query = query or TaskQuery()
        self._newest_first = newest_first
        self._left = limit
        self._observe = observe
        self._offset = 0
        self._running: list[TaskStatus] = []
        self._seen: set[str] = set()
        self._pending_path = None if query.only_ended else api_version.pending_tasks
        self._lists_ended = not (api_version.lists_ended_only and query.only_running)
        self._page = 0
        self._listed: set[str] = set()
        self._stale_pages = 0
        self._done = query.is_empty

    def next_call(self) -> Request[list[TaskStatus]] | None:
        """Return the request for the next page; None when the list is complete."""
        if self._done or self._left == 0:
            return None
        call = self._page_call()
        if self._observe is None:
            return call
        return replace(call, read=partial(_read_observed, call.read, self._observe))

    def _page_call(self) -> Request[list[TaskStatus]]:
        if self._pending_path is not None:
            self._page = PAGE_SIZE
            return task_statuses(self._pending_path, limit=self._page, offset=self._offset)
        whole_page = self._left is None or self._query.running is False
        self._page = PAGE_SIZE if whole_page else min(PAGE_SIZE, self._left or PAGE_SIZE)
        return task_statuses(
            self._api_version.path("task-status"),
            filters=self._query.filters,
            sorters="-created" if self._newest_first else "created",
            limit=self._page,
            offset=self._offset,
        )

    def take(self, page: list[TaskStatus]) -> Iterator[TaskStatus]:
        """
        Take the value of the last request, and iterate over the records that are now known to come next.

        :raises ProtocolError: the list has no end.
        """
        is_last = len(page) < self._page
        self._check_progress(page, is_last=is_last)
        self._offset += len(page)
        if self._pending_path is not None:
            self._running.extend(task for task in page if self._query.matches(task))
            if not is_last:
                return
            self._pending_path, self._offset = None, 0
            self._listed.clear()
            self._running.sort(key=_created, reverse=self._newest_first)
            if self._lists_ended:
                return
            page = []
        if self._query.running is False:
            page = [task for task in page if task.completion_status is not None]
        self._done = is_last
        yield from self._new(self._merged(page, is_last))

    def _check_progress(self, page: list[TaskStatus], *, is_last: bool) -> None:
        """
        Make sure that the list comes closer to its end.

        Records move between pages while the pages are read, so one page may hold known records only.

        :raises ProtocolError: it does not.
        """
        fresh = {task.id for task in page} - self._listed
        self._listed |= fresh
        self._stale_pages = 0 if fresh or is_last else self._stale_pages + 1
        if self._stale_pages == _MOST_STALE_PAGES:
            raise ProtocolError(
                f"ISC's list of task statuses does not end: at offset {self._offset} its pages repeat "
                "earlier records. Check the connection's host and any proxy in between, which may return the "
                "same page for every request.",
                status=200,
            )
        if self._pending_path is not None and not is_last and len(self._listed) >= _MOST_RUNNING:
            raise ProtocolError(
                f"ISC's list of running tasks does not end: it has more than {len(self._listed):,} tasks. "
                "Set a newer api_version in the connection's extra, which does not need this list.",
                status=200,
            )

    def _merged(self, page: list[TaskStatus], is_last: bool) -> Iterator[TaskStatus]:
        if not self._running:
            yield from page
            return
        if is_last:
            due, self._running = self._running, []
        else:
            due = [task for task in self._running if _comes_first(task, page[-1], self._newest_first)]
            self._running = self._running[len(due) :]
        yield from heapq.merge(due, page, key=_created, reverse=self._newest_first)

    def _new(self, tasks: Iterator[TaskStatus]) -> Iterator[TaskStatus]:
        """Drop records that were returned before: they move between pages and lists while these are read."""
        for task in tasks:
            if self._left == 0:
                return
            if task.id in self._seen:
                continue
            self._seen.add(task.id)
            if self._left is not None:
                self._left -= 1
            yield task


def all_records(pages: TaskPages) -> Flow[list[TaskStatus]]:
    """Read all pages, and return their records in order."""
    records: list[TaskStatus] = []
    while (call := pages.next_call()) is not None:
        page = yield from ask(call)
        records.extend(pages.take(page))
    return records


def _read_observed(
    read: Callable[[Response], list[TaskStatus]], observe: Callable[[Response], None], answer: Response
) -> list[TaskStatus]:
    observe(answer)
    return read(answer)


def _created(task: TaskStatus) -> Any:
    return task.created or _LONG_AGO


def _comes_first(task: TaskStatus, other: TaskStatus, newest_first: bool) -> bool:
    mine, others = _created(task), _created(other)
    return bool(mine >= others if newest_first else mine <= others)
