"""Polls many aggregations at once: by list or by ID, whichever takes fewer requests and is answered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import (
    AuthenticationError,
    ProtocolError,
    RateLimitError,
    SailPointError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.api.endpoints import PAGE_SIZE, running_tasks, task_status, tasks_of_ids
from sailpoint_provider.isc.flow import Flow, Gather, ask

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Collection
    from typing import TypeAlias

    from sailpoint_provider.isc.api.summaries import TaskSummary
    from sailpoint_provider.isc.api.versions import ApiVersion

    Unseen: TypeAlias = dict[str, None]
    Failure: TypeAlias = "tuple[_Query, SailPointError]"

IDS_PER_REQUEST = 100
"""IDs in one URL. They take 4 KB; many servers and proxies limit a request head to 8 KB, token included."""

_FEWEST_IDS = 10
_MOST_IN_PARALLEL = 5
_RETRY_AFTER_SECONDS = 600.0
_MOST_OMISSIONS = 3
_URL_TOO_LONG = (413, 414, 431)


class BatchPoller:
    """
    Polls many aggregations of one tenant at once, and remembers which queries the tenant answers.

    :attr:`is_complete` is True if every query of the latest poll was answered. Only then are the IDs that it
    returned really missing from the lists.

    :param receive: is called with the records of each page, which may include other clients' aggregations.
    :param clock: returns seconds of a monotonic clock.
    :param log: gets one warning for each query that the tenant does not answer.
    """

    def __init__(
        self,
        api_version: ApiVersion,
        receive: Callable[[list[TaskSummary]], None],
        *,
        clock: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self._api_version = api_version
        self._receive = receive
        self.requests = 0
        self.is_complete = True
        self._list = _Query("the list of running aggregations", clock, log)
        self._ids = _Query("the list of task statuses by ID", clock, log)
        self._ids_per_request = IDS_PER_REQUEST
        self._omissions = 0
        self._running: int | None = None

    def batch_poll(self, wanted: Collection[str], types: Collection[str]) -> Flow[set[str]]:
        """
        Read the records of these aggregations, and pass on every record that is found.

        An aggregation that no list contains may be running, ended or unknown, so it must be polled by itself.

        :param wanted: IDs of aggregations, the most urgent first; an ID may occur more than once.
        :param types: types of their tasks, as far as ISC's filter knows them.
        :returns: the IDs without a record.
        :raises SailPointError: the tenant does not respond at all, or refuses the client.
        """
        unseen = dict.fromkeys(wanted)
        asked = len(unseen)
        failures: list[Failure] = []
        has_list = bool(types) or self._api_version.lists_ended_only
        if has_list and self._list.is_open and self._list_is_cheaper(len(unseen)):
            failures += yield from self._tried(self._list, self._by_list(unseen, sorted(types)))
        elif self._running is not None:
            # The number of running aggregations is only remembered here; lower it, so that the list is
            # tried again some day.
            self._running = int(self._running * 0.95)
        if unseen and self._ids.is_open:
            failures += yield from self._tried(self._ids, self._by_ids(unseen))
        self.is_complete = not failures
        if failures:
            yield from self._note_failures(failures, unseen, is_up=len(unseen) < asked)
        return set(unseen)

    def contradicted(self) -> None:
        """Record that the list by ID omitted an aggregation that turned out to be running."""
        if self._api_version.lists_ended_only or not self._ids.is_open:
            return  # that list holds ended tasks only, or is not in use
        self._omissions += 1
        if self._omissions >= _MOST_OMISSIONS:
            self._omissions = 0
            self._ids.give_up("it omits running aggregations")

    def _list_is_cheaper(self, wanted: int) -> bool:
        # If the list by ID holds ended tasks only, just the other one can show that the rest is running.
        if self._api_version.lists_ended_only or not self._ids.is_open:
            return True
        return _pages(max(wanted, self._running or 0)) < self._requests_by_id(wanted)

    def _requests_by_id(self, wanted: int) -> int:
        return math.ceil(wanted / self._ids_per_request)

    @staticmethod
    def _tried(query: _Query, flow: Flow[SailPointError | None]) -> Flow[list[Failure]]:
        error = yield from flow
        if error is not None:
            return [(query, error)]
        query.succeeded()
        return []

    def _by_list(self, unseen: Unseen, types: list[str]) -> Flow[SailPointError | None]:
        # With more pages than this, another way takes fewer requests: by ID, or one aggregation at a time.
        most = len(unseen)
        if not self._api_version.lists_ended_only and self._ids.is_open:
            most = self._requests_by_id(len(unseen))
        expected = _pages(len(unseen) if self._running is None else self._running)
        read = 0
        while unseen and read < most:
            # The first page is read by itself, because it may turn out to be the only one.
            pages = max(1, min(_MOST_IN_PARALLEL, expected - read, most - read)) if read else 1
            offsets = [(read + page) * PAGE_SIZE for page in range(pages)]
            calls = [running_tasks(self._api_version, types=types, offset=offset) for offset in offsets]
            results = yield from self._together(calls)
            for result in results:
                if not isinstance(result, SailPointError):
                    self._note(result, unseen)
            _raise_shared_errors(results)
            for offset, result in zip(offsets, results, strict=True):
                if isinstance(result, SailPointError):
                    return result
                if len(result) < PAGE_SIZE:
                    self._running = offset + len(result)
                    return None
            read += pages
        # The list is longer than was worth reading.
        self._running = max(self._running or 0, read * PAGE_SIZE)
        return None

    def _by_ids(self, unseen: Unseen) -> Flow[SailPointError | None]:
        waiting = list(unseen)
        while waiting:
            size = self._ids_per_request
            wave, waiting = waiting[: size * _MOST_IN_PARALLEL], waiting[size * _MOST_IN_PARALLEL :]
            chunks = [wave[at : at + size] for at in range(0, len(wave), size)]
            calls = [tasks_of_ids(self._api_version, chunk) for chunk in chunks]
            results = yield from self._together(calls)
            error = None
            for chunk, result in zip(chunks, results, strict=True):
                if isinstance(result, SailPointError):
                    if self._shorten(result, size):
                        waiting[:0] = chunk
                    else:
                        error = error or result
                elif {record.id for record in result} <= set(chunk):
                    self._note(result, unseen)
                else:
                    error = ProtocolError("it returns records of other IDs than requested.", status=400)
            _raise_shared_errors(results)
            if error is not None:
                return error
        return None

    def _shorten(self, error: SailPointError, size: int) -> bool:
        """Send fewer IDs at a time if the URL may have been too long; return whether to try again."""
        if error.status not in _URL_TOO_LONG and (error.status != 400 or size <= IDS_PER_REQUEST // 4):
            return False
        if size // 2 < _FEWEST_IDS:
            return False
        self._ids_per_request = min(self._ids_per_request, size // 2)
        return True

    def _together(self, calls: list[Any]) -> Flow[list[Any]]:
        self.requests += len(calls)
        results: list[Any] = yield Gather(tuple(calls))
        return results

    def _note(self, records: list[TaskSummary], unseen: Unseen) -> None:
        for record in records:
            unseen.pop(record.id, None)
        self._receive(records)

    def _note_failures(self, failures: list[Failure], unseen: Unseen, *, is_up: bool) -> Flow[None]:
        """
        Record failed queries, after a check whether the tenant responds at all.

        :param is_up: whether that is already known.
        """
        from sailpoint_provider.isc.api.summaries import TaskSummary

        if not is_up and all(_is_outage(error) for _, error in failures):
            self.requests += 1
            try:
                record = yield from ask(task_status(self._api_version, next(iter(unseen))))
            except UnknownAggregationError:
                pass  # a 404 is a response too
            else:
                self._note(
                    [TaskSummary(record.id, record.completion_status, record.percent_complete)], unseen
                )
        for query, error in failures:
            query.failed(error)


class _Query:
    """A query for many records at once, which a tenant may not support."""

    def __init__(self, name: str, clock: Callable[[], float], log: logging.Logger) -> None:
        self._name = name
        self._clock = clock
        self._log = log
        self._closed_until = -math.inf
        self._failures = 0
        self._has_warned = False

    @property
    def is_open(self) -> bool:
        return self._clock() >= self._closed_until

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, error: SailPointError) -> None:
        """Count a failure while the tenant responded to other calls; a single 5xx may be chance."""
        self._failures += 1
        if self._failures > 1 or not _is_outage(error):
            self.give_up(str(error))

    def give_up(self, why: str) -> None:
        self._failures = 0
        self._closed_until = self._clock() + _RETRY_AFTER_SECONDS
        if not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "The tenant does not answer %s, so waits take more requests than they need: %s",
                self._name,
                why,
            )


def _pages(records: int) -> int:
    return max(1, math.ceil(records / PAGE_SIZE))


def _raise_shared_errors(results: list[Any]) -> None:
    """Raise an error that concerns the client or the connection, not one query."""
    for result in results:
        if isinstance(result, AuthenticationError | RateLimitError) or (
            isinstance(result, SailPointError)
            and result.status is None
            and not isinstance(result, ProtocolError)
        ):
            raise result


def _is_outage(error: SailPointError) -> bool:
    status = error.status
    return status is not None and (status >= 500 or status == 408 or 200 <= status < 400)
