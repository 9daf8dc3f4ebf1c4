"""What happens to one process of chaos with drops: at which step it is killed, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

from tests.live.chaos.mischief import WORKER_POINTS, Dangers, Mischief, current
from tests.live.chaos.starts import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.chaos.starts import Post
    from tests.live.drop_chaos.world import World

DISK_CALLS = (
    "rename",
    "link",
    "unlink",
    "rmdir",
    "replace",
    "mkdir",
    "makedirs",
    "listdir",
    "scandir",
    "lstat",
)
DISK_POINTS = {f"{when} {call}": 2 for call in (*DISK_CALLS, "open") for when in ("before", "after")} | {
    "before link": 8,
    "after link": 10,
    "before rename": 6,
    "after rename": 8,
    "before unlink": 6,
    "after unlink": 6,
    "before replace": 4,
    "after replace": 6,
}
LOAD_POINTS = {
    **{point: weight for point, weight in WORKER_POINTS.items() if "resume" not in point},
    **DISK_POINTS,
    "before check": 3,
    "after check": 6,
}
RESUME_POINTS = {point: weight for point, weight in LOAD_POINTS.items() if "load_accounts" not in point}
TAKE_POINTS = DISK_POINTS | {"before success": 6}

_of_process: DropMischief | None = None
"""The mischief of this process. Threads have it too, unlike a context variable."""


class DropMischief(Mischief):
    """
    What happens to one process: where it is killed, and what fails.

    :param world: the run.
    :param name: name of the process, unique in the run.
    """

    def __init__(self, world: World, name: str, weather: float) -> None:
        super().__init__(world.seed, name, Dangers(weather, 0.02, 0.12), [world.secret])
        self.world = world
        self.ledger = _SentLedger(world, name)
        self.disk = self.rng("disk")
        self._trace = self.beside("trace").open("a", encoding="utf-8")

    def beside(self, ending: str) -> Path:
        """Return a file of this process in the working folder."""
        return self.world.path("work", f"{self.task}.{ending}")

    def set_out(self, points: dict[str, int], chance: float, most: int) -> None:
        """
        Decide where the process is killed, if it is.

        :param points: points and their weights.
        :param chance: probability that it is killed.
        :param most: how often a point may be passed before.
        """
        rng = self._begin("crash")
        if rng.random() < chance * min(1.0, self.weather):
            point = rng.choices(list(points), list(points.values()))[0]
            times = 1 if point not in DISK_POINTS else rng.randint(1, most)
            self._crash_at = (point, times)

    def reach(self, point: str) -> None:
        """Reach a point, where the process may be killed: nothing of it runs afterwards."""
        self._met[point] += 1
        if self._crash_at == (point, self._met[point]):
            self.world.happened("killed", point=point, process=self.task)
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60.0)  # the signal arrives before this ends

    def note(self, line: str) -> None:
        """Add a line to the trace of this process."""
        self._trace.write(f"{time.time():.3f} {line}\n")
        self._trace.flush()

    def check(self, text: str, where: str) -> None:
        """Check that a text contains no secret and no token, and record one that does at once."""
        super().check(text, where)
        for leak in self.leaks:
            self.world.happened("leak", leak=leak)
        self.leaks.clear()

    def _counted(self, name: str, trouble: dict[str, Any]) -> dict[str, Any]:
        self.world.happened("fault", fault=f"{name}: {trouble['kind']}")
        return super()._counted(name, trouble)


class _SentLedger(Ledger):
    """Records each start before it is sent, so that a killed process has left word of it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(name)
        self._world = world

    def send(self) -> Post:
        post = super().send()
        self._world.happened("sent", tag=post.tag)
        return post


def become(mischief: DropMischief) -> None:
    """Let this process have a mischief of its own."""
    global _of_process
    _of_process = mischief
    current.set(mischief)


def of_process() -> DropMischief | None:
    """Return the mischief of this process; None if it has none."""
    return _of_process
