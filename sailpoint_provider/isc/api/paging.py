"""The list of task statuses over all its pages, running tasks included, in every generation."""

from __future__ import annotations

import heapq
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.endpoints import PAGE_SIZE, Request, pending_tasks, task_statuses
from sailpoint_provider.isc.api.filters import parse_task_filters
from sailpoint_provider.isc.flow import Flow, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.responses import Response
    from sailpoint_provider.isc.api.versions import ApiVersion

_MOST_RUNNING = 10_000
_MOST_STALE_PAGES = 2
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class TaskPages:
    """
    Asks for page after page.

    While :meth:`next_call` gives a call, carry it out and hand its value to :meth:`take`. beta and v2024 list
    ended tasks only and keep the running ones at ``pending-tasks``, which knows no filter. There both lists
    are read, the running tasks are filtered here, and the two become one, in order.

    :param generation: the API generation.
    :param filters: a filter in ISC's language, None for all tasks.
    :param sorters: ``created``, ``-created`` or None for ISC's own order.
    :param limit: how many records at the most, None for all.
    :raises InvalidInputError: filter, sorter or limit cannot work.
    """

    def __init__(
        self,
        generation: ApiVersion,
        *,
        filters: str | None = None,
        sorters: str | None = "-created",
        limit: int | None = None,
    ) -> None:
        if sorters not in (None, "created", "-created"):
            raise InvalidInputError(
                f"sorters {sorters!r} cannot be used: task statuses sort by 'created' or '-created' only."
            )
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise InvalidInputError(f"limit {limit!r} must be a whole number above 0, or None for all.")
        self._generation = generation
        self._filters = filters if filters and filters.strip() else None
        self._conditions = parse_task_filters(self._filters, generation) if self._filters else ()
        self._sorters = sorters
        self._left = limit
        self._offset = 0
        self._running: list[TaskStatus] = []
        self._seen: set[str] = set()
        self._pending_path = generation.pending_tasks if self._wants_running() else None
        self._lists_ended = generation.pending_tasks is None or not self._wants_only_running()
        self._page = 0
        self._listed: set[str] = set()
        self._stale_pages = 0
        # A filter can ask for what is running and has ended at once.
        self._done = self._pending_path is None and not self._lists_ended

    def next_call(self) -> Request[list[TaskStatus]] | None:
        """Return the next page's call, None when there is no more to ask."""
        if self._done or self._left == 0:
            return None
        if self._pending_path is not None:
            self._page = PAGE_SIZE
            return pending_tasks(self._pending_path, limit=self._page, offset=self._offset)
        self._page = PAGE_SIZE if self._left is None else min(PAGE_SIZE, self._left)
        return task_statuses(
            self._generation,
            filters=self._filters,
            sorters=self._sorters,
            limit=self._page,
            offset=self._offset,
        )

    def take(self, page: list[TaskStatus]) -> Iterator[TaskStatus]:
        """
        Take the value of the last call and give the records that are now known to come next.

        :raises ProtocolError: the list does not end.
        """
        is_last = len(page) < self._page
        self._check_progress(page, is_last=is_last)
        self._offset += len(page)
        if self._pending_path is not None:
            self._running.extend(task for task in page if all(one.matches(task) for one in self._conditions))
            if not is_last:
                return
            self._pending_path, self._offset = None, 0
            self._listed.clear()
            self._running.sort(key=_created, reverse=self._newest_first)
            if self._lists_ended:
                return
            page = []
        self._done = is_last
        yield from self._new(self._merged(page, is_last))

    def _check_progress(self, page: list[TaskStatus], *, is_last: bool) -> None:
        """
        Make sure that the list comes nearer to its end.

        Records move between pages while these are read, so a page may hold known ones only, once.

        :raises ProtocolError: it does not.
        """
        fresh = {task.id for task in page} - self._listed
        self._listed |= fresh
        self._stale_pages = 0 if fresh or is_last else self._stale_pages + 1
        if self._stale_pages == _MOST_STALE_PAGES:
            raise ProtocolError(
                "ISC's list of task statuses does not end: its pages repeat records of earlier pages (offset "
                f"{self._offset}). Check the connection's host and any proxy in between, which may answer "
                "every page alike.",
                status=200,
            )
        if self._pending_path is not None and not is_last and len(self._listed) >= _MOST_RUNNING:
            raise ProtocolError(
                f"ISC's list of running tasks does not end: it names {len(self._listed):,} tasks and more "
                "follow. A newer api_version in the connection's extra lists them without this one.",
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
        """Leave out what was given before: records move between pages and lists while they are read."""
        for task in tasks:
            if self._left == 0:
                return
            if task.id in self._seen:
                continue
            self._seen.add(task.id)
            if self._left is not None:
                self._left -= 1
            yield task

    @property
    def _newest_first(self) -> bool:
        return self._sorters != "created"

    def _wants_running(self) -> bool:
        return not any(
            one.field == "completionStatus" and one.operator != "isnull" for one in self._conditions
        )

    def _wants_only_running(self) -> bool:
        return any(one.operator == "isnull" for one in self._conditions)


def task_records(
    generation: ApiVersion, *, filters: str, limit: int, observe: Callable[[Response], None] | None = None
) -> Flow[list[TaskStatus]]:
    """
    Read the newest task records, running ones included, as a procedure.

    :param observe: is shown each HTTP answer, None for nobody.
    """
    pages = TaskPages(generation, filters=filters, limit=limit)
    records: list[TaskStatus] = []
    while (call := pages.next_call()) is not None:
        if observe is not None:
            call = replace(call, read=partial(_read_observed, call.read, observe))
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
