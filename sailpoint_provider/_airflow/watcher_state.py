"""Where a watcher keeps its position: in Airflow's asset state store, from Airflow 3.3 on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import ProtocolError

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger

    from sailpoint_provider.isc.wait.ended import Position

_ATTEMPTS = 8
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0

_TRANSFER_SECONDS = 5.0
"""How long Airflow gets to move events to its database before a position that is beyond them is stored."""


class WatcherState:
    """
    The stored position of one watcher.

    :param trigger: the watcher.
    :param identity: what distinguishes it from other watchers of the same asset.
    :param log: gets what cannot be read or stored.
    """

    def __init__(self, trigger: BaseEventTrigger, identity: str, log: Any) -> None:
        # Airflow 3.0 to 3.2 have no such store, and tests none either.
        self._store: Any = getattr(trigger, "asset_state_store", None)
        self._key = f"sailpoint_ended_{identity}"
        self._log = log
        self._stored: Position | None = None
        self._has_warned = False

    async def load(self) -> Position | None:
        """Return the stored position; None if there is none, or if it cannot be read for minutes."""
        from sailpoint_provider.isc.wait.ended import Position

        document = await self._read()
        if document is None:
            return None
        try:
            self._stored = Position.from_json(document)
        except ProtocolError as error:
            self._log.warning("Ignoring the position %r. %s", self._key, error)
        return self._stored

    async def save(self, position: Position | None, *, after_events: bool) -> None:
        """
        Store a position unless it is stored already.

        :param after_events: whether events were yielded that it is beyond.
        """
        if self._store is None or position is None or position == self._stored:
            return
        if after_events:
            # A crash in between repeats the events; stored at once, it would lose them.
            await asyncio.sleep(_TRANSFER_SECONDS)
        try:
            await self._store.aset(self._key, position.to_json())
        except Exception as error:
            self._warn("store", error)
            return
        self._stored, self._has_warned = position, False

    async def _read(self) -> Any:
        pause = _FIRST_PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            if self._store is None:
                return None
            try:
                return await self._store.aget(self._key)
            except ValueError as error:
                self._store = None
                self._log.warning(
                    "Airflow offers no single state store to this watcher, because several assets name it. A "
                    "restart looks back instead. (%s)",
                    error,
                )
            except Exception as error:
                self._warn("read", error)
                if attempt < _ATTEMPTS:
                    await asyncio.sleep(pause)
                    pause = min(_LONGEST_PAUSE, 2.0 * pause)
        return None

    def _warn(self, what: str, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "Could not %s the watcher's position in Airflow's asset state store (%s). After a restart, "
                "ends may be reported again.",
                what,
                type(error).__name__,
            )
