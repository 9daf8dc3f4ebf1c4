"""One poller for all waits of an event loop on one tenant."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import random
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sailpoint_provider.isc.errors import SailPointError
from sailpoint_provider.isc.sweep import Sweeper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sailpoint_provider.isc.glimpses import Glimpse
    from sailpoint_provider.isc.pace import Pace
    from sailpoint_provider.isc.result import State
    from sailpoint_provider.isc.watch import Watch
    from sailpoint_provider.transport.event_loop import EventLoopTransport

log = logging.getLogger(__name__)

CROWD = 20
"""Up to so many waits each ask for themselves; more are looked at together."""

_ALONE_AT_ONCE = 5
_SWEEP_SHARE = 0.2
_PROGRESS_SHARE = 0.4
_MOST_PROGRESS = 20.0
_SPARE_FOR_PROGRESS = 0.3
_LEFT_OUT_SECONDS = 600.0
_SLICE_SECONDS = 0.008
_ENDS_PER_SLICE = 40
_SECONDS_PER_LINE = 0.03


class Poller:
    """
    Looks at the aggregations that this event loop waits for, all of one tenant.

    Few waits are looked at one by one, each at its own pace. A crowd is looked at together, by lists
    (:class:`~sailpoint_provider.isc.sweep.Sweeper`): its task records alone end a wait, and the status
    endpoint is asked for progress as far as the request budget goes.

    :param transport: carries out the calls; its budget and connections bound everything here.
    """

    def __init__(self, transport: EventLoopTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waits: dict[str, list[_Wait]] = {}
        self._count = 0
        self._rounds: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = 0
        self._news = asyncio.Event()
        self._planned = 0.0
        self._inbox: deque[Glimpse] = deque()
        self._is_read = asyncio.Event()
        self._is_read.set()
        self._sweeper = Sweeper(transport.tenant.generation, self._take_in, clock=time.monotonic, log=log)
        self._sweeps = 0
        self._sweep_began = 0.0
        self._not_before = 0.0
        self._progress_credit = 0.0
        self._status_refused = False

    async def end_of(
        self, watch: Watch, pace: Pace, *, first_pause: float = 0.0, least_seconds: float = 0.0
    ) -> State:
        """
        Wait until the task record, or the status endpoint where it is asked, tells an end.

        :param watch: the wait, which keeps what was seen; it logs in the caller's context.
        :param pace: how often to look.
        :param first_pause: seconds until the first look.
        :param least_seconds: seconds that the wait is given though its deadline may have passed.
        :raises AggregationTimeoutError: the deadline came first, even if a call hangs.
        :raises SailPointError: the wait cannot go on; it is that of :meth:`Watch.look`.
        """
        left = None if watch.end is None else max(least_seconds, watch.end - time.time())
        wait = _Wait(watch, pace, self._loop.time() + first_pause, self._loop.create_future())
        self._join(wait)
        try:
            async with asyncio.timeout(left):
                return await wait.told
        except TimeoutError:
            raise watch.timed_out() from None
        finally:
            self._leave(wait)

    async def stop(self) -> None:
        """End all that runs here; whoever still waits is cancelled."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _join(self, wait: _Wait) -> None:
        self._waits.setdefault(wait.watch.aggregation_id, []).append(wait)
        self._count += 1
        if self._rounds is None:
            # In a context of its own: what it logs belongs to no task.
            self._rounds = self._aside(self._go_round(), contextvars.Context())
        elif wait.due < self._planned:
            self._news.set()

    def _leave(self, wait: _Wait) -> None:
        others = self._waits[wait.watch.aggregation_id]
        others.remove(wait)
        if not others:
            del self._waits[wait.watch.aggregation_id]
        self._count -= 1
        if wait.look is not None:
            wait.look.cancel()
        if self._count == 0 and self._rounds is not None:
            self._rounds.cancel()
            self._rounds = None

    def _all(self) -> Iterator[_Wait]:
        return (wait for waits in self._waits.values() for wait in waits if not wait.told.done())

    async def _go_round(self) -> None:
        try:
            while True:
                await self._next_round()
        except Exception as error:
            log.exception("The poller broke off")
            for wait in list(self._all()):
                wait.fail(error)
        finally:
            if self._rounds is asyncio.current_task():
                self._rounds = None

    async def _next_round(self) -> None:
        """Wait until a look is due, and begin it."""
        self._news.clear()
        is_crowd, now = self._count > CROWD, self._loop.time()
        alone, together = [], math.inf
        for wait in self._all():
            if is_crowd and not wait.is_alone(now):
                together = min(together, wait.due)
            elif wait.look is None:
                alone.append(wait)
        # Not so often that it eats up the budget.
        together = max(together, self._not_before)
        has_places = self._free_places(is_crowd=is_crowd) > 0
        self._planned = min([together, *(wait.due for wait in alone if has_places)])
        if self._planned > now:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self._planned == math.inf else self._planned - now):
                    await self._news.wait()
            return
        self._look_alone(alone, is_crowd=is_crowd)
        if together <= now:
            await self._look_together()

    def _free_places(self, *, is_crowd: bool) -> int:
        return max(0, (_ALONE_AT_ONCE if is_crowd else CROWD) - self._looking)

    def _look_alone(self, waits: list[_Wait], *, is_crowd: bool) -> None:
        now = self._loop.time()
        due = sorted((wait for wait in waits if wait.due <= now), key=_by_due)
        for wait in due[: self._free_places(is_crowd=is_crowd)]:
            self._looking += 1
            wait.look = self._aside(self._looked(wait), wait.context)
            wait.look.add_done_callback(self._look_is_over)

    def _look_is_over(self, _: asyncio.Task[None]) -> None:
        self._looking -= 1
        self._news.set()

    def _aside(self, work: Any, context: contextvars.Context) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _looked(self, wait: _Wait) -> None:
        """Look at one aggregation by itself."""
        watch = wait.watch
        try:
            with_progress = wait.alone_until == 0.0 and self._budget_is_free(0.0)
            result = await self._transport.run(watch.look(with_progress=with_progress))
            now = self._loop.time()
            if result is not None:
                wait.end(result["state"])
                return
            watch.check_deadline()
            wait.due = now + watch.next_pause(wait.pace, random.random())
            if not watch.is_troubled:
                self._rejoin(wait, now)
        except Exception as error:
            wait.fail(error)
        finally:
            wait.look = None

    def _rejoin(self, wait: _Wait, now: float) -> None:
        """Let a wait be looked at with the others again; where the lists leave it out twice, later."""
        was_left_out, wait.is_left_out = wait.is_left_out, False
        wait.alone_until = 0.0
        if was_left_out:
            wait.times_left_out += 1
            self._sweeper.contradicted()
            if wait.times_left_out > 1:
                wait.alone_until = now + _LEFT_OUT_SECONDS

    async def _look_together(self) -> None:
        now = self._sweep_began = self._loop.time()
        self._sweeps += 1
        due = sorted((wait for wait in self._all() if wait.is_nearly_due(now)), key=_by_due)
        before = self._sweeper.requests
        try:
            unseen = await self._transport.run(
                self._sweeper.sweep([wait.watch.aggregation_id for wait in due])
            )
        except SailPointError as error:
            await self._let_know(due, error)
        else:
            for aggregation_id in unseen:
                for wait in self._waits.get(aggregation_id, ()):
                    wait.is_left_out = True
                    wait.alone_until, wait.due = math.inf, min(wait.due, now)
        await self._is_read.wait()
        cost = self._sweeper.requests - before
        self._not_before = now + min(
            cost / (_SWEEP_SHARE * self._rate()),
            min((wait.pace.poll_interval for wait in self._all()), default=0.0),
        )
        self._ask_for_progress()

    async def _let_know(self, waits: list[_Wait], error: SailPointError) -> None:
        """Let those know of an outage that were not seen before it."""
        await self._is_read.wait()
        for number, wait in enumerate(waits):
            if not number % _ENDS_PER_SLICE:
                await asyncio.sleep(0)
            if wait.sweep == self._sweeps or wait.told.done():
                continue
            try:
                wait.context.run(wait.watch.missed, error, quiet=self._quiet())
                wait.due = self._loop.time() + wait.watch.next_pause(wait.pace, random.random())
            except Exception as failure:
                wait.fail(failure)

    def _quiet(self) -> float:
        return self._count * _SECONDS_PER_LINE

    def _take_in(self, records: list[Glimpse]) -> None:
        """Take a page of records; they are worked through in slices, so that the event loop goes on."""
        self._inbox.extend(record for record in records if record.id in self._waits)
        if self._inbox and self._is_read.is_set():
            self._is_read.clear()
            self._work_through()

    def _work_through(self) -> None:
        until, ends = time.perf_counter() + _SLICE_SECONDS, 0
        while self._inbox and ends < _ENDS_PER_SLICE and time.perf_counter() < until:
            record = self._inbox.popleft()
            for wait in self._waits.get(record.id, ()):
                ends += self._seen(wait, record)
        if self._inbox:
            self._loop.call_soon(self._work_through)
        else:
            self._is_read.set()

    def _seen(self, wait: _Wait, record: Glimpse) -> bool:
        """Take in what a list says of an aggregation; tell whether that ended the wait."""
        if wait.told.done() or self._loop.time() < wait.begins:
            return False
        wait.sweep = self._sweeps
        try:
            state = wait.context.run(wait.watch.saw, record, quiet=self._quiet())
            if state != "running":
                wait.end(state)
            elif wait.watch.is_puzzling:
                wait.alone_until = math.inf
            else:
                wait.alone_until = 0.0
                wait.due = self._sweep_began + wait.watch.next_pause(wait.pace, 0.0)
        except Exception as error:
            wait.fail(error)
        return wait.told.done()

    def _ask_for_progress(self) -> None:
        """
        Ask the status endpoint about those that it was not asked about for the longest time.

        It is asked less, the more waits there are, for with many each gets to know little; and never so much
        that looks would have to wait for it.
        """
        if self._status_refused or self._asking is not None or self._count <= CROWD:
            return
        span = self._not_before - self._sweep_began
        self._progress_credit += min(max(2.0, 2000.0 / self._count), span * _PROGRESS_SHARE * self._rate())
        asked = int(min(self._progress_credit, _MOST_PROGRESS))
        self._progress_credit -= asked
        now = self._loop.time()
        running = sorted((wait for wait in self._all() if not wait.is_alone(now)), key=_by_progress)
        self._asking = self._aside(self._asked_for_progress(running[:asked], span), contextvars.Context())

    async def _asked_for_progress(self, waits: list[_Wait], span: float) -> None:
        try:
            for wait in waits:
                await asyncio.sleep(span / (len(waits) + 1))
                if self._status_refused or not self._budget_is_free(_SPARE_FOR_PROGRESS):
                    return
                if not wait.told.done():
                    wait.progress_asked = self._loop.time()
                    await self._aside(self._progressed(wait), wait.context)
        finally:
            self._asking = None

    async def _progressed(self, wait: _Wait) -> None:
        try:
            if await self._transport.run(wait.watch.progress()):
                wait.alone_until, wait.due = math.inf, self._loop.time()
                self._news.set()
        except Exception as error:
            wait.fail(error)
        self._status_refused = not wait.watch.shows_status

    def _rate(self) -> float:
        return self._transport.budget.rate(time.monotonic())

    def _budget_is_free(self, share: float) -> bool:
        """Tell whether more than this share of a burst could be sent at once."""
        return self._transport.budget.spare(time.monotonic()) > share


class _Wait:
    """One wait, as the poller sees it."""

    __slots__ = (
        "alone_until",
        "begins",
        "context",
        "due",
        "is_left_out",
        "look",
        "pace",
        "progress_asked",
        "sweep",
        "times_left_out",
        "told",
        "watch",
    )

    def __init__(self, watch: Watch, pace: Pace, due: float, told: asyncio.Future[State]) -> None:
        self.watch = watch
        self.pace = pace
        self.begins = self.due = due
        self.told = told
        self.context = contextvars.copy_context()
        self.look: asyncio.Task[None] | None = None
        self.alone_until = 0.0
        self.is_left_out = False
        self.times_left_out = 0
        self.sweep = 0
        self.progress_asked = 0.0

    def is_alone(self, now: float) -> bool:
        """Tell whether to look at it by itself, for the lists do not tell of it or its answers do not fit."""
        return now < self.alone_until

    def is_nearly_due(self, now: float) -> bool:
        """Tell whether to look at it now, where others are looked at anyway."""
        return self.due <= now + self.pace.poll_interval / 4 and not self.is_alone(now)

    def end(self, state: State) -> None:
        if not self.told.done():
            self.told.set_result(state)

    def fail(self, error: Exception) -> None:
        if not self.told.done():
            self.told.set_exception(error)


def _by_due(wait: _Wait) -> float:
    return wait.due


def _by_progress(wait: _Wait) -> float:
    return wait.progress_asked
