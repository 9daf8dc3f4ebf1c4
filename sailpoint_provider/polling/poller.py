"""One poller for all waits of an event loop on one tenant."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.wait.batch_poll import BatchPoller
from sailpoint_provider.polling.progress import ProgressReader
from sailpoint_provider.polling.waits import Wait, Waits
from sailpoint_provider.polling.work_queue import WorkQueue

if TYPE_CHECKING:
    from sailpoint_provider.client.async_client import AsyncClient
    from sailpoint_provider.isc.api.summaries import TaskSummary
    from sailpoint_provider.isc.wait.backoff import Backoff
    from sailpoint_provider.isc.wait.watch import Watch
    from sailpoint_provider.results import State

log = logging.getLogger(__name__)

CROWD = 20
"""Maximum number of waits that are polled one by one; more are polled together."""

_ALONE_AT_ONCE = 5
_BATCH_SHARE = 0.2
_AT_A_TIME = 40
_SECONDS_PER_LINE = 0.03


class Poller:
    """
    Polls all aggregations of one tenant that this event loop waits for.

    All users of a client share one: ``client.companion(Poller)``, which stops when the client closes.

    A few waits are polled one by one, each at its own backoff. A crowd is polled together, by lists
    (:class:`~sailpoint_provider.isc.wait.batch_poll.BatchPoller`): only task records end a wait, and the
    status endpoint is asked for progress as far as the request budget allows.

    :param client: carries out the calls; its budget and connections limit everything here.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._waits = Waits()
        self._rounds: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._polling = 0
        self._wake_up = asyncio.Event()
        self._planned = 0.0
        self._records = WorkQueue(self._apply, _AT_A_TIME)
        self._batch_poller = BatchPoller(
            client.tenant.api_version, self._receive, clock=time.monotonic, log=log
        )
        self._batch_polls = 0
        self._batch_began = 0.0
        self._not_before = 0.0
        self._progress = ProgressReader(client, self._waits, self._spawn, self._wake_up)

    async def end_of(
        self, watch: Watch, backoff: Backoff, *, first_pause: float = 0.0, least_seconds: float = 0.0
    ) -> State:
        """
        Wait until the aggregation has ended.

        :param watch: what is known of the aggregation; it logs in the caller's context.
        :param backoff: how often to poll.
        :param first_pause: seconds until the first poll.
        :param least_seconds: seconds that the wait gets even if its deadline has passed.
        :raises AggregationTimeoutError: the deadline came first, even if a call hangs.
        :raises SailPointError: the wait cannot continue; see :meth:`Watch.poll`.
        """
        left = None if watch.end is None else max(least_seconds, watch.end - time.time())
        wait = Wait(watch, backoff, self._loop.time() + first_pause, self._loop.create_future())
        self._join(wait)
        try:
            async with asyncio.timeout(left):
                return await wait.outcome
        except TimeoutError:
            raise watch.timed_out() from None
        finally:
            self._leave(wait)

    async def stop(self) -> None:
        """Stop polling; waits that are still open are cancelled."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _join(self, wait: Wait) -> None:
        self._waits.add(wait)
        if self._rounds is None:
            # In a context of its own: what it logs belongs to no Airflow task.
            self._rounds = self._spawn(self._go_round(), contextvars.Context())
        elif wait.due < self._planned:
            self._wake_up.set()

    def _leave(self, wait: Wait) -> None:
        self._waits.remove(wait)
        if wait.polling is not None:
            wait.polling.cancel()
        if self._waits.count == 0 and self._rounds is not None:
            self._rounds.cancel()
            self._rounds = None

    async def _go_round(self) -> None:
        try:
            while True:
                await self._next_round()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            log.exception("The poller failed")
            for wait in list(self._waits):
                wait.fail(error)
        finally:
            if self._rounds is asyncio.current_task():
                self._rounds = None

    async def _next_round(self) -> None:
        """Wait until a poll is due, and start it."""
        self._wake_up.clear()
        is_crowd, now = self._waits.count > CROWD, self._loop.time()
        alone, together = [], math.inf
        for wait in self._waits:
            if is_crowd and not wait.is_alone(now):
                together = min(together, wait.due)
            elif wait.polling is None:
                alone.append(wait)
        # Not so often that it uses up the budget.
        together = max(together, self._not_before)
        has_places = self._free_places(is_crowd=is_crowd) > 0
        self._planned = min([together, *(wait.due for wait in alone if has_places)])
        if self._planned > now:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self._planned == math.inf else self._planned - now):
                    await self._wake_up.wait()
            return
        self._poll_alone(alone, is_crowd=is_crowd)
        if together <= now:
            await self._poll_together()

    def _free_places(self, *, is_crowd: bool) -> int:
        return max(0, (_ALONE_AT_ONCE if is_crowd else CROWD) - self._polling)

    def _poll_alone(self, waits: list[Wait], *, is_crowd: bool) -> None:
        now = self._loop.time()
        due = sorted((wait for wait in waits if wait.due <= now), key=_by_due)
        for wait in due[: self._free_places(is_crowd=is_crowd)]:
            self._polling += 1
            wait.polling = self._spawn(self._poll_one(wait), wait.context)
            wait.polling.add_done_callback(self._poll_is_over)

    def _poll_is_over(self, _: asyncio.Task[None]) -> None:
        self._polling -= 1
        self._wake_up.set()

    def _spawn(self, work: Any, context: contextvars.Context) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _poll_one(self, wait: Wait) -> None:
        """Poll one aggregation by itself."""
        watch = wait.watch
        try:
            with_progress = wait.needs_full_poll or (
                wait.alone_until == 0.0 and self._progress.is_affordable()
            )
            wait.needs_full_poll = False
            result = await self._client.run(watch.poll(with_progress=with_progress))
            now = self._loop.time()
            if result is not None:
                wait.end(result["state"])
                return
            watch.check_deadline()
            wait.poll_at(now + watch.next_pause(wait.backoff, random.random()))
            if not watch.is_troubled and wait.rejoin(now):
                self._batch_poller.contradicted()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever it is, no caller may wait for ever
            wait.fail(error)
        finally:
            wait.polling = None

    async def _poll_together(self) -> None:
        now = self._batch_began = self._loop.time()
        self._batch_polls += 1
        due = sorted((wait for wait in self._waits if wait.is_nearly_due(now)), key=_by_due)
        types = {kind for wait in due if (kind := wait.watch.kind.task_type) is not None}
        before = self._batch_poller.requests
        try:
            unseen = await self._client.run(
                self._batch_poller.batch_poll([wait.watch.aggregation_id for wait in due], types)
            )
        except SailPointError as error:
            await self._report_outage(due, error)
        else:
            for aggregation_id in unseen:
                for wait in self._waits.of(aggregation_id):
                    wait.poll_alone(now, is_left_out=self._batch_poller.is_complete)
        await self._records.done()
        cost = self._batch_poller.requests - before
        self._not_before = now + min(
            cost / (_BATCH_SHARE * self._client.budget.rate(time.monotonic())),
            min((wait.backoff.poll_interval for wait in self._waits), default=0.0),
        )
        if self._waits.count > CROWD:
            self._progress.read(self._not_before - self._batch_began)

    async def _report_outage(self, waits: list[Wait], error: SailPointError) -> None:
        """Report an outage to the waits that were not polled before it."""
        await self._records.done()
        for number, wait in enumerate(waits):
            if not number % _AT_A_TIME:
                await asyncio.sleep(0)
            if wait.batch_poll == self._batch_polls or wait.outcome.done():
                continue
            try:
                wait.context.run(wait.watch.note_failure, error, quiet=self._quiet())
                wait.poll_at(self._loop.time() + wait.watch.next_pause(wait.backoff, random.random()))
            except Exception as failure:
                wait.fail(failure)

    def _quiet(self) -> float:
        return self._waits.count * _SECONDS_PER_LINE

    def _receive(self, records: list[TaskSummary]) -> None:
        self._records.put(record for record in records if record.id in self._waits)

    def _apply(self, record: TaskSummary) -> int:
        return sum(self._apply_to(wait, record) for wait in self._waits.of(record.id))

    def _apply_to(self, wait: Wait, record: TaskSummary) -> bool:
        """Apply the record of a list; return whether that ended the wait."""
        if wait.outcome.done():
            return False
        wait.batch_poll = self._batch_polls
        try:
            state = wait.context.run(wait.watch.apply_record, record, quiet=self._quiet())
            if state != "running" and self._loop.time() >= wait.begins:
                wait.end(state)
                return True
            if state != "running":
                wait.due = wait.begins  # others are polled already, but this wait may not end yet
                return False
            if wait.watch.is_contradictory or wait.needs_full_poll:
                wait.alone_until = math.inf
            else:
                wait.watch.check_deadline()
                wait.poll_at(self._batch_began + wait.watch.next_pause(wait.backoff, 0.0))
                wait.was_seen()
        except Exception as error:
            wait.fail(error)
        return wait.outcome.done()


def _by_due(wait: Wait) -> float:
    return wait.due
