"""Drops the planned files over time, as careful and less careful people do, and keeps a ledger of them."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.live.drop_chaos.files import FOLDERS
from tests.live.drop_chaos.world import QUIET_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.drop_chaos.files import PlannedDrop, PlannedSource
    from tests.live.drop_chaos.world import World

MOST_WAITING_PER_SOURCE = 4
_GROWTH_STEPS = 4
_GROWTH_PAUSE = 0.3
_PAUSE = 0.05
BYSTANDERS = {
    ".hidden.csv": b"id,name,e-mail\r\n",
    "export.csv.part": b"id,name,e-mail\r\n",
    "export.csv.tmp": b"id,name,e-mail\r\n",
    "~export.csv": b"id,name,e-mail\r\n",
    "empty.csv": b"",
    "4711-old-id.csv": b"id,name,e-mail\r\n1,One,one@mail.example.com\r\n",
    "nobody's.csv": b"id,name,e-mail\r\n1,One,one@mail.example.com\r\n",
    "notes.txt": b"These files are nobody's drops.\n",
}
"""Files that are not drops, by name; each must stay where it is."""


@dataclass(frozen=True)
class Dropped:
    """
    A file that was dropped.

    :param source: name of its source.
    :param mtime_ns: modification time.
    :param complete_at: real epoch seconds from which it counts as complete.
    """

    source: str
    folder: str
    plan: PlannedDrop
    mtime_ns: int
    complete_at: float

    @property
    def dropped_at(self) -> float:
        """Modification time in epoch seconds, as Python rounds it."""
        return self.mtime_ns / 1e9


class Dropper:
    """
    Drops the files of all sources, each source in a thread of its own.

    :param decided: returns how many files of a source are decided.
    """

    def __init__(self, world: World, sources: list[PlannedSource], decided: Callable[[str], int]) -> None:
        self._world = world
        self._sources = sources
        self._decided = decided
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.dropped: dict[str, list[Dropped]] = {source.name: [] for source in sources}
        self.overslept: list[str] = []

    def start(self) -> None:
        """Begin."""
        for folder in FOLDERS:
            for name, content in BYSTANDERS.items():
                self._world.path(folder.name, name).write_bytes(content)
        self._threads = [
            threading.Thread(target=self._drop_all, args=(source,), daemon=True) for source in self._sources
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_over(self) -> bool:
        """Whether every file was dropped."""
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Drop no more."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _drop_all(self, source: PlannedSource) -> None:
        rng = Random(f"{self._world.seed}:dropper:{source.name}")
        done = self.dropped[source.name]
        for plan in source.drops:
            while len(done) - self._decided(source.name) >= MOST_WAITING_PER_SOURCE:
                if self._stopped.wait(_PAUSE):
                    return
            if self._stopped.wait(rng.expovariate(2.0)):
                return
            folder = self._world.path(source.folder.name)
            while (folder / plan.name).exists():  # a careful writer replaces no file
                if self._stopped.wait(_PAUSE):
                    return
            done.append(self._drop(source, plan, folder))

    def _drop(self, source: PlannedSource, plan: PlannedDrop, folder: Path) -> Dropped:
        if plan.kind == "growing" and source.folder.complete != "renamed":
            mtime_ns = self._grow(plan, folder)
        else:
            draft = folder / f".{plan.name}.part"
            draft.write_bytes(plan.stored)
            if plan.age:
                then = draft.stat().st_mtime_ns - int(plan.age * 1e9)
                os.utime(draft, ns=(then, then))
            mtime_ns = draft.stat().st_mtime_ns
            draft.rename(folder / plan.name)
        if source.folder.complete == "companion":
            self._declare(plan, folder)
        complete_at = time.time() + (QUIET_SECONDS if source.folder.complete == "quiet" else 0.0)
        return Dropped(source.name, source.folder.name, plan, mtime_ns, complete_at)

    def _grow(self, plan: PlannedDrop, folder: Path) -> int:
        """Write a file in its place, with pauses in which it is not complete; return its time."""
        step = len(plan.stored) // _GROWTH_STEPS + 1
        with (folder / plan.name).open("xb", buffering=0) as file:
            for at in range(0, len(plan.stored), step):
                begun = time.monotonic()
                file.write(plan.stored[at : at + step])
                if at + step < len(plan.stored):
                    time.sleep(_GROWTH_PAUSE)
                if time.monotonic() - begun > QUIET_SECONDS / 2:
                    self.overslept.append(plan.name)
            return os.fstat(file.fileno()).st_mtime_ns

    def _declare(self, plan: PlannedDrop, folder: Path) -> None:
        """Add the companion that says that a file is complete."""
        ending, content = ".done", b""
        if plan.number % 2:
            ending, content = ".sha256", f"{plan.stored_sha256}  {plan.name}\n".encode()
        draft = folder / f".{plan.name}{ending}.part"
        draft.write_bytes(content)
        draft.rename(folder / f"{plan.name}{ending}")
