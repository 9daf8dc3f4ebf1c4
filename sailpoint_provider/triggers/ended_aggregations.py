"""Watches on the triggerer for aggregations that end, whoever started them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from sailpoint_provider._airflow.errors import airflow_errors, trigger_arguments
from sailpoint_provider._airflow.parameters import seconds
from sailpoint_provider._airflow.watcher_state import WatcherState
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.ended_loads_filter import EndedLoadsFilter, recorded_kind
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, ACCOUNT_TASK_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence

    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.wait.ended import EndedLoads
    from sailpoint_provider.results import LoadEvent, LoadEvents

DEFAULT_POLL_INTERVAL = 60.0
DEFAULT_LOOK_BACK = 3600.0

_GATHERING_SECONDS = 1.0
"""How long the first scan waits, so that watchers that start together share it."""

_MOST_LOADS = 500
"""The most loads of one event, which Airflow stores as one row: a load takes about 700 bytes."""

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0


class SailPointEndedAggregationsTrigger(BaseEventTrigger):
    """
    Yields events about the aggregations that end, forever, whoever started them.

    The event is a :class:`~sailpoint_provider.results.LoadEvent`, or, if several ended since the last look, a
    :class:`~sailpoint_provider.results.LoadEvents`. All watchers of one tenant share one list request per
    interval. Errors are logged once and outlived; it never raises.

    :param sailpoint_conn_id: ID of the Airflow connection.
    :param source_ids: IDs of the sources, 32 hex characters each; None for all sources of the tenant.
    :param task_types: types of ISC's tasks.
    :param states: how an aggregation must have ended to be reported; None for any end.
    :param poll_interval: seconds between two requests.
    :param look_back: without a stored position, as before Airflow 3.3, how many seconds before its start an
        aggregation may have ended to be reported.
    :raises InvalidInputError: a parameter is invalid.
    """

    def __init__(
        self,
        *,
        sailpoint_conn_id: str = SailPointHook.default_conn_name,
        source_ids: str | Sequence[str] | None = None,
        task_types: str | Sequence[str] = (ACCOUNT_TASK_TYPE,),
        states: str | Sequence[str] | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        look_back: float = DEFAULT_LOOK_BACK,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow does not annotate its trigger classes
        self.sailpoint_conn_id = sailpoint_conn_id
        with airflow_errors(), trigger_arguments():
            self.watched = EndedLoadsFilter.from_arguments(source_ids, task_types, states)
            if not self.watched.task_types:
                raise InvalidInputError("task_types must name at least one type.")
            self.poll_interval = seconds(poll_interval, "poll_interval")
            self.look_back = 0.0 if look_back == 0 else seconds(look_back, "look_back")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        watched = self.watched
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "sailpoint_conn_id": self.sailpoint_conn_id,
                "source_ids": None if watched.source_ids is None else list(watched.source_ids),
                "task_types": list(watched.task_types),
                "states": None if watched.states is None else list(watched.states),
                "poll_interval": self.poll_interval,
                "look_back": self.look_back,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the ended aggregations."""
        # The first import of a client must not block the event loop.
        await asyncio.to_thread(import_module, "sailpoint_provider.polling.ended_scans")
        from sailpoint_provider.isc.wait.ended import EndedLoads

        state = WatcherState(self, self.watched.identity(self.sailpoint_conn_id), self.log)
        loads = EndedLoads(
            self.watched.task_types,
            self.watched.source_ids,
            look_back=timedelta(seconds=self.look_back),
            position=await state.load(),
        )
        trouble = _Trouble(self)
        while True:
            try:
                async with aclosing(self._ended(loads, state, trouble)) as events:
                    async for event in events:
                        yield TriggerEvent(event)  # type: ignore[no-untyped-call] # nor its events
            except Exception as error:  # a watcher that ends would not be started again
                await asyncio.sleep(trouble.pause_after(error))

    async def _ended(
        self, loads: EndedLoads, state: WatcherState, trouble: _Trouble
    ) -> AsyncGenerator[LoadEvent | LoadEvents, None]:
        """Yield events until something fails; the connection is read anew each time."""
        from sailpoint_provider.isc.load_event import VERSION
        from sailpoint_provider.results import LoadEvents

        hook = SailPointHook(self.sailpoint_conn_id)
        async with await hook._connected() as client:
            from sailpoint_provider.polling.ended_scans import EndedScans

            scans, pause = client.companion(EndedScans), min(_GATHERING_SECONDS, self.poll_interval)
            while True:
                scan = await scans.next(loads.request(), pause)
                trouble.is_over()
                pause = self.poll_interval
                news = list(self._news(loads.new_ends(scan), client.tenant.base_url))
                # One event for all: of events that follow each other quickly, Airflow up to 3.3 passes only
                # the first to the run that it starts, and the others wait for the next event of the asset.
                for at in range(0, len(news), _MOST_LOADS):
                    if at:
                        await asyncio.sleep(self.poll_interval)
                    part = news[at : at + _MOST_LOADS]
                    yield part[0] if len(part) == 1 else LoadEvents(version=VERSION, loads=part)
                await state.save(loads.position, after_events=bool(news))

    def _news(self, ended: Iterable[TaskStatus], host: str) -> Iterator[LoadEvent]:
        """Return the events to yield; a record that cannot be described does not hold up the others."""
        for record in ended:
            try:
                event = _event_of(record, host)
            except Exception:
                self.log.exception(
                    "The ended load %s cannot be described, so no event reports it.", record.id
                )
                continue
            if self.watched.reports(event["state"]):
                yield event


def _event_of(record: TaskStatus, host: str) -> LoadEvent:
    from sailpoint_provider.isc.load_event import load_event
    from sailpoint_provider.isc.outcome import make_result

    kind = recorded_kind(record)
    result = make_result(record.id, task=record, kind=kind or ACCOUNT_AGGREGATION)
    name = kind.name if kind is not None else (record.unique_name or "load").lower()
    return load_event(result, kind=name, host=host)


class _Trouble:
    """Logs an outage once, whatever it lasts, and its end."""

    def __init__(self, trigger: SailPointEndedAggregationsTrigger) -> None:
        self._log = trigger.log
        self._name = f"connection {trigger.sailpoint_conn_id!r}"
        self._logged: tuple[type[Exception], int | None] | None = None
        self._pause = 0.0

    def pause_after(self, error: Exception) -> float:
        """Log a failure unless the last one was of the same sort; return the seconds to wait."""
        self._pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, 2.0 * self._pause))
        sort = (type(error), getattr(error, "status", None))
        if sort != self._logged:
            self._logged = sort
            self._log.warning(
                "Cannot list ended aggregations (%s); retrying. Those that end in the meantime will still be "
                "reported. %s: %s",
                self._name,
                type(error).__name__,
                error,
            )
        return max(self._pause, getattr(error, "retry_after", None) or 0.0)

    def is_over(self) -> None:
        """Note a success."""
        if self._logged is not None:
            self._log.info("Listing ended aggregations works again (%s).", self._name)
        self._logged, self._pause = None, 0.0
