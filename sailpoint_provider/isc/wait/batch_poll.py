"""One look at many aggregations: by list, by ids, or not at all, whichever takes fewer requests and works."""

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
    Failure: TypeAlias = "tuple[_Way, SailPointError]"

IDS_PER_REQUEST = 100
"""Ids in one address: 4 KB, for servers and proxies commonly take 8 KB of head, the token included."""

_FEWEST_IDS = 10
_SIDE_BY_SIDE = 5
_TRY_AGAIN_SECONDS = 600.0
_LIES = 3
_ADDRESS_TOO_LONG = (413, 414, 431)


class BatchPoller:
    """
    Looks at many aggregations of one tenant at once, and remembers what the tenant answers.

    :param generation: the API generation to ask.
    :param tell: takes the records of each page as it comes, others' aggregations included.
    :param clock: tells seconds of a clock that never goes back.
    :param log: where it says, once, that the tenant does not answer a filter.

    :attr:`is_complete` tells whether the latest poll asked in every open way, and was answered: only then do
    the lists leave out what it returned.
    """

    def __init__(
        self,
        generation: ApiVersion,
        tell: Callable[[list[TaskSummary]], None],
        *,
        clock: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self._generation = generation
        self._tell = tell
        self.requests = 0
        self.is_complete = True
        self._list = _Way("the list of running aggregations", clock, log)
        self._ids = _Way("the list of task statuses by id", clock, log)
        self._ids_per_request = IDS_PER_REQUEST
        self._lies = 0
        self._running: int | None = None

    def batch_poll(self, wanted: Collection[str]) -> Flow[set[str]]:
        """
        Look at these aggregations, and tell every record that is found.

        An aggregation that no list names may run, have ended or be unknown: it has to be asked for alone.

        :param wanted: ids of aggregations, in the order of their importance.
        :returns: those that nothing was heard of.
        :raises SailPointError: the tenant does not answer at all, or refuses the client.
        """
        unseen = dict.fromkeys(wanted)
        # Two may wait for the same.
        asked = len(unseen)
        failures: list[Failure] = []
        if self._list.is_open and self._list_is_cheaper(len(unseen)):
            failures += yield from self._tried(self._list, self._by_list(unseen))
        elif self._running is not None:
            # How many run may have changed meanwhile: one day the list is worth another try.
            self._running = int(self._running * 0.95)
        if unseen and self._ids.is_open:
            failures += yield from self._tried(self._ids, self._by_ids(unseen))
        self.is_complete = not failures
        if failures:
            yield from self._blame(failures, unseen, heard=len(unseen) < asked)
        return set(unseen)

    def contradicted(self) -> None:
        """Take in that a running aggregation was found alone which the list by id had left out."""
        if self._generation.pending_tasks is not None or not self._ids.is_open:
            return  # that list holds ended tasks only, or is not asked
        self._lies += 1
        if self._lies >= _LIES:
            self._lies = 0
            self._ids.give_up("it leaves out running aggregations")

    def _list_is_cheaper(self, wanted: int) -> bool:
        # Where the list by id holds ended tasks only, the other one alone can tell that the rest runs.
        if self._generation.pending_tasks is not None or not self._ids.is_open:
            return True
        return _pages(max(wanted, self._running or 0)) < self._requests_by_id(wanted)

    def _requests_by_id(self, wanted: int) -> int:
        return math.ceil(wanted / self._ids_per_request)

    @staticmethod
    def _tried(way: _Way, flow: Flow[SailPointError | None]) -> Flow[list[Failure]]:
        error = yield from flow
        if error is not None:
            return [(way, error)]
        way.worked()
        return []

    def _by_list(self, unseen: Unseen) -> Flow[SailPointError | None]:
        # To ask for each alone would take no more requests than this.
        most = len(unseen)
        if self._generation.pending_tasks is None and self._ids.is_open:
            most = self._requests_by_id(len(unseen))
        expected = _pages(len(unseen) if self._running is None else self._running)
        read = 0
        while unseen and read < most:
            # The first page alone tells whether the list has become short.
            pages = max(1, min(_SIDE_BY_SIDE, expected - read, most - read)) if read else 1
            offsets = [(read + page) * PAGE_SIZE for page in range(pages)]
            calls = [running_tasks(self._generation, offset=offset) for offset in offsets]
            answers = yield from self._together(calls)
            for answer in answers:
                if not isinstance(answer, SailPointError):
                    self._note(answer, unseen)
            _raise_what_all_calls_meet(answers)
            for offset, answer in zip(offsets, answers, strict=True):
                if isinstance(answer, SailPointError):
                    return answer
                if len(answer) < PAGE_SIZE:
                    self._running = offset + len(answer)
                    return None
            read += pages
        # There are more than were worth reading.
        self._running = max(self._running or 0, read * PAGE_SIZE)
        return None

    def _by_ids(self, unseen: Unseen) -> Flow[SailPointError | None]:
        waiting = list(unseen)
        while waiting:
            size = self._ids_per_request
            wave, waiting = waiting[: size * _SIDE_BY_SIDE], waiting[size * _SIDE_BY_SIDE :]
            chunks = [wave[at : at + size] for at in range(0, len(wave), size)]
            calls = [tasks_of_ids(self._generation, chunk) for chunk in chunks]
            answers = yield from self._together(calls)
            error = None
            for chunk, answer in zip(chunks, answers, strict=True):
                if isinstance(answer, SailPointError):
                    if self._shorten(answer, size):
                        waiting[:0] = chunk
                    else:
                        error = error or answer
                elif {record.id for record in answer} <= set(chunk):
                    self._note(answer, unseen)
                else:
                    error = ProtocolError("it answers other ids than it is asked for.", status=400)
            _raise_what_all_calls_meet(answers)
            if error is not None:
                return error
        return None

    def _shorten(self, error: SailPointError, size: int) -> bool:
        """Ask for fewer ids at a time where the address was too long; tell whether that is worth a try."""
        if error.status not in _ADDRESS_TOO_LONG and (error.status != 400 or size <= IDS_PER_REQUEST // 4):
            return False
        if size // 2 < _FEWEST_IDS:
            return False
        self._ids_per_request = min(self._ids_per_request, size // 2)
        return True

    def _together(self, calls: list[Any]) -> Flow[list[Any]]:
        self.requests += len(calls)
        answers: list[Any] = yield Gather(tuple(calls))
        return answers

    def _note(self, records: list[TaskSummary], unseen: Unseen) -> None:
        for record in records:
            unseen.pop(record.id, None)
        self._tell(records)

    def _blame(self, failures: list[Failure], unseen: Unseen, *, heard: bool) -> Flow[None]:
        """Find out whether a filter is not answered, or the tenant not at all."""
        from sailpoint_provider.isc.api.summaries import TaskSummary

        if not heard and all(_is_outage(error) for _, error in failures):
            self.requests += 1
            try:
                record = yield from ask(task_status(self._generation, next(iter(unseen))))
            except UnknownAggregationError:
                pass  # an answer, too
            else:
                self._note(
                    [TaskSummary(record.id, record.completion_status, record.percent_complete)], unseen
                )
        for way, error in failures:
            way.failed(error)


class _Way:
    """One way to ask for many, which a tenant may not answer."""

    def __init__(self, name: str, clock: Callable[[], float], log: logging.Logger) -> None:
        self._name = name
        self._clock = clock
        self._log = log
        self._closed_until = -math.inf
        self._strikes = 0
        self._has_said = False

    @property
    def is_open(self) -> bool:
        return self._clock() >= self._closed_until

    def worked(self) -> None:
        self._strikes = 0

    def failed(self, error: SailPointError) -> None:
        """Count a failure while the tenant answered other calls; an outage of one call can be chance."""
        self._strikes += 1
        if self._strikes > 1 or not _is_outage(error):
            self.give_up(str(error))

    def give_up(self, why: str) -> None:
        self._strikes = 0
        self._closed_until = self._clock() + _TRY_AGAIN_SECONDS
        if not self._has_said:
            self._has_said = True
            self._log.warning(
                "The tenant does not answer %s, so waits take more requests than they need: %s",
                self._name,
                why,
            )


def _pages(records: int) -> int:
    return max(1, math.ceil(records / PAGE_SIZE))


def _raise_what_all_calls_meet(answers: list[Any]) -> None:
    for answer in answers:
        if isinstance(answer, AuthenticationError | RateLimitError) or (
            isinstance(answer, SailPointError)
            and answer.status is None
            and not isinstance(answer, ProtocolError)
        ):
            raise answer


def _is_outage(error: SailPointError) -> bool:
    status = error.status
    return status is not None and (status >= 500 or status == 408 or 200 <= status < 400)
