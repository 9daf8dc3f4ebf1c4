"""Waits for the end of an account aggregation on the triggerer, without holding a worker."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.wait import events
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE, Deadlines
from sailpoint_provider.version_compat import TRIGGERS_ARE_TOLD_OF_KILLS, state_of_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_SETTLE_SECONDS = 10.0
"""
How long a trigger waits before its first look.

The worker has just looked. And a scheduler can fail a task that is resumed before its executor has noticed
the end of the process that deferred it, as if it had died: no event may come too soon.
"""

_LEAST_SECONDS = 2.0
"""How long a trigger that starts after its deadline, with a restarted triggerer, may take to look once."""

_STATE_SECONDS = 3.0
"""How long Airflow may take to say in which state the task is."""


_asked_early = threading.Lock()

_STATES_SET_BY_A_USER = ("failed", "success", None)
"""Where a cancellation may have any reason: the states of a task that was marked, or cleared (None)."""


class SailPointAccountAggregationTrigger(BaseTrigger):
    """
    Waits until an account aggregation ended, and tells how.

    It never raises: whatever happens becomes an event, which
    :func:`sailpoint_provider.isc.wait.events.read_event` turns into a result or an error on the worker.

    :param aggregation_id: the id that a start answered.
    :param sailpoint_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two looks at the most.
    :param deadline: epoch seconds at which the wait is given up; None for no end.
    :param tolerate_outage: seconds without a good answer after which the wait ends with an error.
    :param begun: epoch seconds at which the wait began, for the elapsed time in the log; None for now.
    :param execution_deadline: epoch seconds at which the task's ``execution_timeout`` is over; None for no
        end.
    :param source_id: id of the aggregated source, for what the log says at a kill; None where it is not
        known.
    :param is_ours: False where the wait is for somebody else's aggregation, which a kill does not concern.
    :param clear_task_on_kill: whether killing the task marks ISC's task record as ended with an error.
    :param usual_seconds: how long such an aggregation usually takes, so that looks come soon near its end;
        None where that is not known.
    :param carried: a JSON object that the event brings back to the task unchanged; ``airflow dags test``
        brings back nothing but the event.
    """

    def __init__(
        self,
        aggregation_id: str,
        sailpoint_conn_id: str = SailPointHook.default_conn_name,
        poll_interval: float = 30.0,
        deadline: float | None = None,
        tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE,
        begun: float | None = None,
        execution_deadline: float | None = None,
        source_id: str | None = None,
        is_ours: bool = True,
        clear_task_on_kill: bool = False,
        usual_seconds: float | None = None,
        carried: dict[str, Any] | None = None,
    ) -> None:
        # Airflow does not annotate its trigger classes.
        super().__init__()  # type: ignore[no-untyped-call]
        self.aggregation_id = aggregation_id
        self.sailpoint_conn_id = sailpoint_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.tolerate_outage = tolerate_outage
        self.begun = begun
        self.execution_deadline = execution_deadline
        self.source_id = source_id
        self.is_ours = is_ours
        self.clear_task_on_kill = clear_task_on_kill
        self.usual_seconds = usual_seconds
        self.carried = carried

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments: ids, numbers and the connection id only."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "aggregation_id": self.aggregation_id,
                "sailpoint_conn_id": self.sailpoint_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "tolerate_outage": self.tolerate_outage,
                "begun": self.begun,
                "execution_deadline": self.execution_deadline,
                "source_id": self.source_id,
                "is_ours": self.is_ours,
                "clear_task_on_kill": self.clear_task_on_kill,
                "usual_seconds": self.usual_seconds,
                "carried": self.carried,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        early_question = self._early_question()
        try:
            event = await self._event()
        except asyncio.CancelledError:
            if not TRIGGERS_ARE_TOLD_OF_KILLS:
                await self._speak_if(lambda state: state in _STATES_SET_BY_A_USER)
            raise
        finally:
            if early_question is not None:
                early_question.cancel()
        # Nor does it annotate this one.
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """
        Say that the aggregation goes on, and clear ISC's record of it where that is wished.

        Airflow 3.3 calls this for a kill, but also where a trigger moves to another triggerer while this one
        lives (apache/airflow#73454); 3.0 to 3.2 only cancel, for every reason. So the task is asked for its
        state first: one that is still deferred was not killed, nor is one that cannot be asked for.
        """
        await self._speak_if(lambda state: state != "deferred")

    def _early_question(self) -> asyncio.Task[None] | None:
        """
        Ask for the task's state once in a process, before a kill does.

        The first such question makes a triggerer load its API, for longer than a kill waits for the answer.
        """
        if self.task_instance is None or not _asked_early.acquire(blocking=False):
            return None
        return asyncio.create_task(self._ask_early())

    async def _ask_early(self) -> None:
        try:
            await asyncio.to_thread(state_of_task, self.task_instance)
        except Exception as error:
            self.log.debug("The state of the task cannot be told: %s", type(error).__name__)

    async def _speak_if(self, is_kill: Callable[[str | None], bool]) -> None:
        if not self.is_ours:
            return
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                state = await asyncio.to_thread(state_of_task, self.task_instance)
        except Exception as error:
            self.log.debug("The state of the task cannot be told: %s", type(error).__name__)
            return
        if not is_kill(state):
            return
        hook = SailPointHook(self.sailpoint_conn_id)
        try:
            if self.clear_task_on_kill:
                await hook._atenant()
        except Exception as error:
            self.log.warning("The connection cannot be read (%s).", type(error).__name__)
        await asyncio.to_thread(
            hook._log_kill,
            self.log,
            self.aggregation_id,
            source=self.source_id or "unknown",
            clear_task=self.clear_task_on_kill,
        )

    async def _event(self) -> dict[str, Any]:
        try:
            return await self._ended()
        except SailPointError as error:
            return events.broken(self.aggregation_id, error, self.carried)
        except Exception as error:
            self.log.exception("The wait for account aggregation %s broke off", self.aggregation_id)
            return events.broken(self.aggregation_id, error, self.carried)

    async def _ended(self) -> dict[str, Any]:
        hook, began = SailPointHook(self.sailpoint_conn_id), time.monotonic()
        async with hook._connected() as transport:
            from sailpoint_provider.polling.poller import poller_of

            deadlines = Deadlines(self.deadline, self.tolerate_outage, self.execution_deadline)
            watch = hook._watch(
                self.aggregation_id,
                deadlines,
                begun=self.begun,
                usual_seconds=self.usual_seconds,
                log=self.log,
            )
            left = math.inf if watch.end is None else watch.end - time.time()
            is_late = left <= 0.0
            settled = _SETTLE_SECONDS - (time.monotonic() - began)
            state = await poller_of(transport).end_of(
                watch,
                Backoff(self.poll_interval),
                first_pause=0.0 if is_late else max(0.0, min(settled, self.poll_interval, left / 2.0)),
                least_seconds=_LEAST_SECONDS if is_late else 0.0,
            )
            return events.ended(self.aggregation_id, state, self.carried)
