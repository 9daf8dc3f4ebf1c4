"""The waits of one event loop on one tenant."""

from __future__ import annotations

import contextvars
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from sailpoint_provider.isc.wait.backoff import Backoff
    from sailpoint_provider.isc.wait.watch import Watch
    from sailpoint_provider.results import State

_LEFT_OUT_SECONDS = 600.0


class Wait:
    """
    One wait, as the poller sees it; it is made in the context of its caller.

    :param watch: what is known of the aggregation.
    :param backoff: how often to poll.
    :param begins: the loop's time of the first poll; the wait does not end before.
    :param outcome: receives the final state, or the error that ends the wait.
    """

    __slots__ = (
        "_is_left_out",
        "_times_left_out",
        "alone_until",
        "backoff",
        "batch_poll",
        "begins",
        "context",
        "due",
        "needs_full_poll",
        "outcome",
        "polling",
        "progress_asked",
        "watch",
    )

    def __init__(self, watch: Watch, backoff: Backoff, begins: float, outcome: asyncio.Future[State]) -> None:
        self.watch = watch
        self.backoff = backoff
        self.begins = self.due = begins
        self.outcome = outcome
        self.context = contextvars.copy_context()
        self.polling: asyncio.Task[None] | None = None
        self.alone_until = 0.0
        self.batch_poll = 0
        self.needs_full_poll = False
        self.progress_asked = 0.0
        self._is_left_out = False
        self._times_left_out = 0

    def is_alone(self, now: float) -> bool:
        """Return whether to poll it by itself: lists leave it out, or its responses contradict each other."""
        return now < self.alone_until

    def is_nearly_due(self, now: float) -> bool:
        """Return whether to poll it now, since others are polled anyway."""
        return self.due <= now + self.backoff.poll_interval / 2 and not self.is_alone(now)

    def poll_at(self, moment: float) -> None:
        """Have it polled then, but not before its first pause has passed."""
        self.due = max(self.begins, moment)

    def poll_alone(self, now: float, *, is_left_out: bool = False) -> None:
        """Have it polled by itself: now, or after its first pause."""
        self._is_left_out = is_left_out
        self.alone_until = math.inf
        self.poll_at(min(self.due, now))

    def was_seen(self) -> None:
        """Note that a list named it, so that it need not be polled by itself."""
        self._is_left_out = False
        self.alone_until = 0.0

    def rejoin(self, now: float) -> bool:
        """
        Have it polled with the others again; later, if the lists leave it out repeatedly.

        :returns: whether the lists had left it out.
        """
        was_left_out, self._is_left_out = self._is_left_out, False
        self._times_left_out += was_left_out
        self.alone_until = now + _LEFT_OUT_SECONDS if was_left_out and self._times_left_out > 1 else 0.0
        return was_left_out

    def end(self, state: State) -> None:
        """End the wait with a state, unless it has ended."""
        if not self.outcome.done():
            self.outcome.set_result(state)

    def fail(self, error: BaseException) -> None:
        """End the wait with an error, unless it has ended."""
        if not self.outcome.done():
            self.outcome.set_exception(error)


class Waits:
    """All waits by aggregation; several can be for the same one."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[Wait]] = {}
        self.count = 0

    def add(self, wait: Wait) -> None:
        """Add a wait."""
        self._by_id.setdefault(wait.watch.aggregation_id, []).append(wait)
        self.count += 1

    def remove(self, wait: Wait) -> None:
        """Remove a wait."""
        others = self._by_id[wait.watch.aggregation_id]
        others.remove(wait)
        if not others:
            del self._by_id[wait.watch.aggregation_id]
        self.count -= 1

    def of(self, aggregation_id: str) -> list[Wait]:
        """Return the waits for one aggregation."""
        return self._by_id.get(aggregation_id, [])

    def __contains__(self, aggregation_id: str) -> bool:
        """Return whether there is a wait for the aggregation."""
        return aggregation_id in self._by_id

    def __iter__(self) -> Iterator[Wait]:
        """Iterate over the waits that have not ended."""
        return (wait for waits in self._by_id.values() for wait in waits if not wait.outcome.done())
