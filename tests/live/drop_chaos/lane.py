"""
One of several executors: plays DAG runs, each task in a forked process that may be killed.

It reads an order for a run from each line of its standard input, and reports on standard output when it is
idle. ``python -m tests.live.drop_chaos.lane WORLD NUMBER``.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from tests.live.chaos.clock import CLOCK
from tests.live.drop_chaos.breaks import break_on_purpose
from tests.live.drop_chaos.hooks import prepare, restore
from tests.live.drop_chaos.tasks import Work, carry_out, outcome_path
from tests.live.drop_chaos.world import RETRIES, World

if TYPE_CHECKING:
    from tests.live.drop_chaos.world import Json

MOST_PROCESSES = 3
KILL_CHANCE = 0.08
ABANDON_CHANCE = 0.12
DEFERRABLE_CHANCE = 0.5
STORE_CHANCE = 0.7
_TICK = 0.02


@dataclass
class Task:
    """
    One task of a run: what its next process does, and when that may begin.

    :param work: what it does next.
    :param starts: number of processes so far.
    :param due: monotonic time.
    :param end: how it ended; None while it has not.
    """

    work: Work
    starts: int = 0
    due: float = 0.0
    end: str | None = None


@dataclass
class Process:
    """
    A forked process.

    :param kill_at: monotonic time at which it is killed; None for never.
    """

    pid: int
    task: Task
    work: Work
    kill_at: float | None


@dataclass
class Run:
    """
    One DAG run.

    :param order: what started it.
    :param abandon_at: monotonic time at which somebody marks it as failed; None for never.
    """

    world: World
    order: Json
    abandon_at: float | None = None
    tasks: list[Task] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id: str = self.order["run_id"]
        self.rng = Random(f"{self.world.seed}:{self.id}")
        take = Work(
            f"{self.id}.take",
            "take",
            self.id,
            self.order["folder"],
            1,
            CLOCK.time(),
            {},
            self.order["reported"],
            has_store=self.rng.random() < STORE_CHANCE,
        )
        self.tasks.append(Task(take))
        if self.rng.random() < ABANDON_CHANCE * min(1.0, self.world.weather):
            self.abandon_at = time.monotonic() + self.rng.uniform(0.2, 5.0)

    def play(self) -> None:
        """Play it to its end."""
        while any(task.end is None for task in self.tasks):
            self._reap()
            now = time.monotonic()
            if self.abandon_at is not None and now >= self.abandon_at:
                self._abandon()
                break
            for process in self.processes:
                if process.kill_at is not None and now >= process.kill_at:
                    process.kill_at = None
                    self.world.happened("killed", point="at any time", process=process.work.name)
                    os.kill(process.pid, signal.SIGKILL)
            busy = [process.task for process in self.processes]
            for task in self.tasks:
                if len(self.processes) >= MOST_PROCESSES:
                    break
                if task.end is None and task.due <= now and not any(task is one for one in busy):
                    self._start(task)
            time.sleep(_TICK)
        ended = time.time()  # before anybody can know it
        self.world.mark(self.id, active=False)
        ends = [task.end for task in self.tasks]
        self.world.happened(
            "run over", run=self.id, ended=ended, abandoned=None in ends, failed=ends.count("failed")
        )

    def _abandon(self) -> None:
        """Mark the run as failed, as a person would in the web page: its processes are killed first."""
        for process in self.processes:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)
            restore(self.world, process.work.name)

    def _start(self, task: Task) -> None:
        task.starts += 1
        work = replace(task.work, name=f"{task.work.name}.{task.starts}.{task.work.phase}")
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                carry_out(self.world, work)
                status = 0
            finally:
                os._exit(status)
        kill_at = None
        if self.rng.random() < KILL_CHANCE * min(1.0, self.world.weather):
            kill_at = time.monotonic() + self.rng.expovariate(2.0)
        self.processes.append(Process(pid, task, work, kill_at))

    def _reap(self) -> None:
        for process in list(self.processes):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if not pid:
                continue
            self.processes.remove(process)
            restore(self.world, process.work.name)
            path = outcome_path(self.world, process.work)
            if path.exists():
                self._ended(process.task, json.loads(path.read_text(encoding="utf-8")))
                continue
            if not os.WIFSIGNALED(status):
                self.world.happened("wrong", wrong=f"{process.work.name} ended with status {status}")
            self._crashed(process.task)

    def _crashed(self, task: Task) -> None:
        if task.work.phase == "trigger":
            return  # another triggerer starts it again
        self._again(task)

    def _again(self, task: Task) -> None:
        """Let Airflow retry a task, unless that was its last try."""
        work = task.work
        if work.number > RETRIES:
            self._end(task, "failed")
            return
        phase: Any = "take" if work.phase == "take" else "execute"
        task.work = replace(work, phase=phase, number=work.number + 1, deferral=None)
        task.due = time.monotonic() + self.rng.uniform(0.0, 0.4)

    def _ended(self, task: Task, outcome: Json) -> None:
        kind = outcome["kind"]
        if outcome.get("wrong"):
            self.world.happened("wrong", wrong=f"{task.work.name} raised {outcome['wrong']}")
        if kind == "deferred":
            task.work = replace(task.work, phase="trigger", deferral=outcome["deferral"])
        elif kind == "event":
            deferral = (task.work.deferral or {}) | {"event": outcome["event"]}
            task.work = replace(task.work, phase="resume", deferral=deferral)
        elif kind == "error":
            self.world.happened("error", name=outcome["name"], error=outcome["error"][:300])
            self._again(task)
        else:
            self._end(task, kind, outcome)

    def _end(self, task: Task, kind: str, outcome: Json | None = None) -> None:
        task.end = kind
        outcome = outcome or {}
        if task.work.phase != "take":
            drop = task.work.drop or {}
            self.world.happened(
                "load over",
                end=kind,
                error=outcome.get("name", ""),
                claim=drop["claim"],
                source=self.world.source_of(drop).name,
                run=self.id,
            )
            return
        if kind == "success":
            self.tasks += [Task(self._load(drop)) for drop in outcome["drops"]]
        self.world.happened("take over", end=kind, drops=len(outcome.get("drops", ())), run=self.id)

    def _load(self, drop: Json) -> Work:
        options: Json = {
            "deferrable": self.rng.random() < DEFERRABLE_CHANCE,
            "poll_interval": self.rng.choice((5.0, 15.0)),
        }
        source = self.world.source_of(drop).name
        take = self.tasks[0].work
        return replace(
            take,
            name=f"{self.id}.{source}.{drop['claim']}",
            phase="execute",
            number=1,
            drop=drop,
            options=options,
        )


def main(world_path: str) -> None:
    """Play the runs that are ordered, until the standard input ends."""
    world = World.enter(world_path)
    break_on_purpose(world.broken)  # first, so that what a break replaces is watched and disturbed too
    prepare(world)
    print("idle", flush=True)
    while select.select([sys.stdin], [], [])[0] and (line := sys.stdin.readline()):
        Run(world, json.loads(line)).play()
        print("idle", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
