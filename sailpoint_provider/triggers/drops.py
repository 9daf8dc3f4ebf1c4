"""Waits on the triggerer for files that are dropped in a folder."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from sailpoint_provider.drops.rules import FolderRules

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping


class SailPointDropWatcherTrigger(BaseEventTrigger):
    """
    Yields an event for each complete drop of a folder, forever.

    All watchers of one place share its listings. An outage of the folder is logged and outlived.

    :param folder: the folder, as :meth:`SailPointDropFolder.to_json` describes it.
    """

    def __init__(self, *, folder: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow does not annotate its trigger classes
        self.folder = dict(folder)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        return _class_path(self), {"folder": self.folder}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the drops."""
        from sailpoint_provider.drops.watching import complete_drops

        async with aclosing(complete_drops(FolderRules.from_json(self.folder), self.log)) as drops:
            async for drop in drops:
                yield TriggerEvent(drop)  # type: ignore[no-untyped-call]


class SailPointFileDropTrigger(BaseTrigger):
    """
    Waits for the next complete drop of a folder, and yields one event about it.

    :param folder: the folder, as :meth:`SailPointDropFolder.to_json` describes it.
    :param end: epoch seconds at which the wait ends without a drop; None for no limit.
    :param refused: ``drops``, those that the task could not take, and ``pause``, the seconds until they are
        reported again; all others are reported at once. None if there are none.
    """

    def __init__(
        self, *, folder: Mapping[str, Any], end: float | None = None, refused: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = dict(folder)
        self.end = end
        self.refused = None if refused is None else dict(refused)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        return _class_path(self), {"folder": self.folder, "end": self.end, "refused": self.refused}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield ``drop``, ``end`` and ``refused``; the drop is None at the end of the time."""
        from sailpoint_provider.drops.watching import complete_drops

        left = None if self.end is None else max(0.0, self.end - time.time())
        try:
            async with (
                asyncio.timeout(left),
                aclosing(complete_drops(FolderRules.from_json(self.folder), self.log)) as drops,
            ):
                drop = await self._next_of(drops)
        except TimeoutError:
            drop = None
        yield TriggerEvent({"drop": drop, "end": self.end, "refused": self.refused})  # type: ignore[no-untyped-call]

    async def _next_of(self, drops: AsyncGenerator[dict[str, Any], None]) -> dict[str, Any]:
        until = time.monotonic() + (self.refused["pause"] if self.refused else 0.0)
        drop = await anext(drops)
        while self.refused and state_of(drop) in self.refused["drops"] and until > time.monotonic():
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    drop = await anext(drops)
            except TimeoutError:
                break
        return drop


def state_of(drop: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies a file in its present state, of the description of a drop."""
    return {key: drop.get(key) for key in ("name", "size_bytes", "change_marker")}


def _class_path(trigger: BaseTrigger) -> str:
    return f"{type(trigger).__module__}.{type(trigger).__qualname__}"
