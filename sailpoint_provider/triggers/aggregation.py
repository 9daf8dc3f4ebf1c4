"""Waits for the end of an account aggregation on the triggerer, without holding a worker."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc import events
from sailpoint_provider.isc.errors import SailPointError
from sailpoint_provider.isc.policy import Pace
from sailpoint_provider.isc.watch import DEFAULT_TOLERATE_OUTAGE, Patience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_SETTLE_SECONDS = 5.0
"""
How long a trigger waits before its first look.

The worker has just looked. And a scheduler can fail a task that is resumed before its executor has noticed
the end of the process that deferred it, as if it had died: no event may come too soon.
"""

_LEAST_SECONDS = 30.0
"""A trigger that starts late, after a triggerer's restart, still looks once before it gives up."""


class SailPointAccountAggregationTrigger(BaseTrigger):
    """
    Waits until an account aggregation ended, and tells how.

    It never raises: whatever happens becomes an event, which :func:`sailpoint_provider.isc.events.read_event`
    turns into a result or an error on the worker.

    :param aggregation_id: the id that a start answered.
    :param sailpoint_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two looks at the most.
    :param deadline: epoch seconds at which the wait is given up; None for no end.
    :param tolerate_outage: seconds without a good answer after which the wait ends with an error.
    :param begun: epoch seconds at which the wait began, for the elapsed time in the log; None for now.
    """

    def __init__(
        self,
        aggregation_id: str,
        sailpoint_conn_id: str = SailPointHook.default_conn_name,
        poll_interval: float = 30.0,
        deadline: float | None = None,
        tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE,
        begun: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aggregation_id = aggregation_id
        self.sailpoint_conn_id = sailpoint_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.tolerate_outage = tolerate_outage
        self.begun = begun

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
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        yield TriggerEvent(await self._event())  # type: ignore[no-untyped-call]

    async def _event(self) -> dict[str, Any]:
        try:
            return await self._ended()
        except SailPointError as error:
            return events.broken(self.aggregation_id, error)
        except Exception as error:
            self.log.exception("The wait for account aggregation %s broke off", self.aggregation_id)
            return events.broken(self.aggregation_id, error)

    async def _ended(self) -> dict[str, Any]:
        hook = SailPointHook(self.sailpoint_conn_id)
        async with hook.aconnected() as transport:
            watch = hook.watch(
                self.aggregation_id,
                Patience(self.deadline, self.tolerate_outage),
                begun=self.begun,
                log=self.log,
            )
            try:
                async with asyncio.timeout(self._seconds_left()):
                    settled = min(_SETTLE_SECONDS, self.poll_interval)
                    steps = watch.wait(Pace(self.poll_interval), random.random, first_pause=settled)
                    return events.ended(await transport.run(steps))
            except TimeoutError:
                raise watch.timed_out() from None

    def _seconds_left(self) -> float | None:
        """Seconds until the deadline, so that a call that hangs does not carry the wait beyond it."""
        return None if self.deadline is None else max(_LEAST_SECONDS, self.deadline - time.time())
