"""Ctrl-C, a polite kill and a closed terminal, all turned into one exception."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType
    from typing import Self

    from _typeshed import Unused

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(KeyboardInterrupt):
    """Somebody asked this command to stop."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.exit_status = 128 + signal_number


class StopSignals:
    """While entered, a stop signal raises :class:`StopRequestedError` in the main thread."""

    def __init__(self) -> None:
        self._holding = 0
        self._held_back: int | None = None
        self._ignoring = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        # Set even where the default would do: a command started in the background inherits an ignored SIGINT.
        self._before = {number: signal.signal(number, self._arrived) for number in STOPPING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a stop back until the block is over, so that a process cannot start without being noted."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
        if not self._holding and self._held_back is not None and not self._ignoring:
            raise StopRequestedError(self._held_back)

    def ignore(self) -> None:
        """From now on let nothing interrupt: a second Ctrl-C must not leave half of the processes running."""
        self._ignoring = True

    def _arrived(self, number: int, frame: FrameType | Unused) -> None:
        if self._ignoring:
            return
        if self._holding:
            self._held_back = number
            return
        raise StopRequestedError(number)
