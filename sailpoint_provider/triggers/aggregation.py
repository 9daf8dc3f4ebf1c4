"""Waits for the end of an aggregation, or another load, on the triggerer, without holding a worker."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from sailpoint_provider._airflow.errors import trigger_arguments
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.hooks.kill import log_kill
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, kind_of
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.version_compat import TRIGGERS_HAVE_ON_KILL, in_thread, state_of_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

_SETTLE_SECONDS = 10.0
"""
How long a trigger waits before its first request.

The worker has just read the state. Besides, an event must not come too soon: a scheduler that resumes a task
before its executor has noticed the end of the deferring process can fail that task.
"""

_LEAST_SECONDS = 2.0
"""Seconds that a trigger has to read the state once if a restarted triggerer starts it after its deadline."""

_CONNECTION_SECONDS = 300.0
"""How long a wait goes on without its connection, if Airflow cannot return it."""

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 30.0

_KILL_SECONDS = 10.0
"""How long the work at a kill may take in all: less than the 30 seconds that Airflow allows by default."""

_STATE_SECONDS = 6.0
"""
How long Airflow may take to return the state of the task, and ISC to return its record, side by side.

The 3 seconds in which a record may be cleared follow.
"""

_early_query = threading.Lock()

_STATES_SET_BY_A_USER = ("failed", "success", "skipped", None)
"""
The states of a task that a user marked or cleared (None).

In the states that follow, such as ``scheduled``, a cleared task looks like one that resumed after the event
of another triggerer. Nothing is logged or cleared then: the next try finds the aggregation.
"""


class SailPointAccountAggregationTrigger(BaseTrigger):
    """
    Waits until an aggregation, or another load, has ended, and yields one event about its end.

    It never raises: every error becomes an event, which
    :func:`sailpoint_provider.isc.wait.events.read_event` checks on the worker.

    :param aggregation_id: ID of the aggregation, 32 hex characters.
    :param sailpoint_conn_id: ID of the Airflow connection.
    :param poll_interval: longest time between two requests in seconds.
    :param deadlines: when the wait began and when it must end, as
        :class:`~sailpoint_provider.isc.wait.deadlines.Deadlines` or its JSON object; None for no limit.
    :param source_id: ID of the source, for the log; None if unknown.
    :param is_ours: False for an aggregation that the task did not start, so that a kill leaves it alone.
    :param clear_task_on_kill: whether killing the task marks ISC's task record as ended with an error.
    :param usual_seconds: how long such an aggregation usually takes, so that requests come sooner near its
        end; None if unknown.
    :param carried: a JSON object that the event passes back to the task, because ``airflow dags test`` passes
        back nothing else.
    :param kind: ``account_aggregation``, ``entitlement_aggregation``, ``uncorrelated_accounts`` or
        ``identity_refresh``.
    """

    def __init__(
        self,
        *,
        aggregation_id: str,
        sailpoint_conn_id: str = SailPointHook.default_conn_name,
        poll_interval: float = 30.0,
        deadlines: Deadlines | Mapping[str, Any] | None = None,
        source_id: str | None = None,
        is_ours: bool = True,
        clear_task_on_kill: bool = False,
        usual_seconds: float | None = None,
        carried: dict[str, Any] | None = None,
        kind: str = ACCOUNT_AGGREGATION.key,
    ) -> None:
        # Airflow does not annotate its trigger classes.
        super().__init__()  # type: ignore[no-untyped-call]
        self.aggregation_id = aggregation_id
        self.sailpoint_conn_id = sailpoint_conn_id
        self.poll_interval = poll_interval
        self.deadlines = deadlines.to_json() if isinstance(deadlines, Deadlines) else deadlines
        self.source_id = source_id
        self.is_ours = is_ours
        self.clear_task_on_kill = clear_task_on_kill
        self.usual_seconds = usual_seconds
        self.carried = carried
        with trigger_arguments():
            self.kind = kind_of(kind)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Return the class path and the arguments, which hold no secrets.

        The kind is left out for account aggregations, so that a triggerer of an earlier version runs them.
        """
        kind = {} if self.kind is ACCOUNT_AGGREGATION else {"kind": self.kind.key}
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            kind
            | {
                "aggregation_id": self.aggregation_id,
                "sailpoint_conn_id": self.sailpoint_conn_id,
                "poll_interval": self.poll_interval,
                "deadlines": self.deadlines,
                "source_id": self.source_id,
                "is_ours": self.is_ours,
                "clear_task_on_kill": self.clear_task_on_kill,
                "usual_seconds": self.usual_seconds,
                "carried": self.carried,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        # Once the class has a logger, all its objects share it. To set one up for each takes Airflow longer
        # than to log the few lines of a wait in a crowd.
        self.logger()
        early_query = self._query_state_early()
        try:
            event = await self._event()
        except asyncio.CancelledError:
            if not TRIGGERS_HAVE_ON_KILL:
                await _complete(self._log_kill())
            raise
        finally:
            if early_query is not None:
                early_query.cancel()
        # Airflow does not annotate its events either.
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """
        Log that the aggregation is still running; with ``clear_task_on_kill``, clear ISC's record of it.

        Airflow 3.3 calls this for a kill, but also when a trigger moves to another triggerer while this one
        lives (apache/airflow#73454), even if that one's event has resumed the task; 3.0 to 3.2 only cancel
        the trigger, for any reason. So the state of the task decides: only one that is marked or cleared was
        killed. A task that has meanwhile ended looks like a marked one, so ISC's record decides, too: nothing
        is logged or cleared if the aggregation has ended.
        """
        await _complete(self._log_kill())

    def _query_state_early(self) -> asyncio.Task[str | None] | None:
        """
        Read the task's state once per process before a kill needs it.

        The first such query makes a triggerer load Airflow's API, which takes longer than a kill can wait.
        """
        if self.task_instance is None or not _early_query.acquire(blocking=False):
            return None
        return asyncio.create_task(self._state_of_task())

    async def _state_of_task(self) -> str | None:
        """Return the state of the task: None for a cleared one, ``unknown`` if it cannot be read."""
        try:
            return await in_thread(state_of_task, self.task_instance)
        except Exception as error:
            self.log.debug("Could not read the state of the task: %s", type(error).__name__)
            return "unknown"

    async def _state_in_time(self) -> str | None:
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                return await self._state_of_task()
        except TimeoutError:
            return "unknown"

    async def _log_kill(self) -> None:
        if not self.is_ours:
            return
        hook = SailPointHook(self.sailpoint_conn_id)
        # Side by side, because a triggerer may show what comes later in its own log only.
        state, has_ended = await asyncio.gather(self._state_in_time(), self._has_ended(hook))
        if state not in _STATES_SET_BY_A_USER or has_ended:
            return
        try:
            if self.clear_task_on_kill:
                await hook._atenant()
        except Exception as error:
            self.log.warning("Could not read the connection (%s).", type(error).__name__)
        log_it = partial(
            log_kill,
            self.log,
            hook._known_tenant,
            self.aggregation_id,
            source=self.source_id or ("unknown" if self.kind.takes_file else None),
            clear_task=self.clear_task_on_kill,
            kind=self.kind,
        )
        await in_thread(log_it)

    async def _has_ended(self, hook: SailPointHook) -> bool:
        """Return whether ISC says that the aggregation has ended; False if it does not answer in time."""
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                record = await hook.aget_task_status(self.aggregation_id)
        except Exception as error:
            self.log.debug("Could not read ISC's task record: %s", type(error).__name__)
            return False
        return record.completion_status is not None

    async def _event(self) -> dict[str, Any]:
        try:
            return await self._ended()
        except SailPointError as error:
            failure: Exception = error
        except Exception as error:
            self.log.exception("The wait for %s %s failed.", self.kind.name, self.aggregation_id)
            failure = error
        from sailpoint_provider.isc.wait.events import broken

        return broken(self.aggregation_id, failure, self.carried)

    async def _connect(self, hook: SailPointHook, deadlines: Deadlines) -> None:
        """
        Read the connection, also if Airflow cannot return it for a while, as after a restart of its servers.

        The worker has just read it, and the aggregation is running.
        """
        until = time.monotonic() + min(_CONNECTION_SECONDS, deadlines.seconds_left(time.time()))
        pause, is_logged = _FIRST_PAUSE, False
        while True:
            try:
                await hook._atenant()
                return
            except Exception as error:
                if getattr(error, "final", False) or time.monotonic() + pause > until:
                    raise
                if not is_logged:
                    self.log.warning("Cannot read the connection; trying again. %s", error)
                    is_logged = True
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2.0 * pause)

    async def _ended(self) -> dict[str, Any]:
        hook, began = SailPointHook(self.sailpoint_conn_id), time.monotonic()
        deadlines = Deadlines() if self.deadlines is None else Deadlines.from_json(self.deadlines)
        await self._connect(hook, deadlines)
        async with await hook._connected() as client:
            from sailpoint_provider.isc.wait.backoff import Backoff
            from sailpoint_provider.isc.wait.events import ended
            from sailpoint_provider.polling.poller import Poller

            watch = hook._watch(
                self.aggregation_id,
                deadlines,
                usual_seconds=self.usual_seconds,
                log=self.log,
                kind=self.kind,
            )
            left = deadlines.seconds_left(time.time())
            settle = min(_SETTLE_SECONDS - (time.monotonic() - began), self.poll_interval, left / 2.0)
            state = await client.companion(Poller).end_of(
                watch,
                Backoff(self.poll_interval),
                first_pause=max(0.0, settle),
                least_seconds=0.0 if left else _LEAST_SECONDS,
            )
            return ended(self.aggregation_id, state, self.carried)


async def _complete(work: Coroutine[Any, Any, None]) -> None:
    """
    Do the work at a kill, although Airflow cancels it.

    Until a killed trigger has ended, a triggerer cancels it again every second, also in ``on_kill``.
    """
    loop = asyncio.get_running_loop()
    until, task = loop.time() + _KILL_SECONDS, loop.create_task(work)
    while not task.done() and (left := until - loop.time()) > 0.0:
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task}, timeout=left)
    if not task.cancel():
        task.result()
