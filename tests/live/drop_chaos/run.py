"""One run of chaos with drops: its tenants, its executors and watchers, its droppers, and the verdict."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import IO, TYPE_CHECKING

from tests.live.chaos.clock import make_time_pass_quickly
from tests.live.chaos.rivals import HEADER
from tests.live.chaos.tenant import ChaosServer
from tests.live.drop_chaos.dropper import Dropper
from tests.live.drop_chaos.files import FOLDERS, planned_sources
from tests.live.drop_chaos.truth import Observer, held_accounts, truths
from tests.live.drop_chaos.verdict import SourceVerdict, judge_folders
from tests.live.drop_chaos.world import CLIENT_ID, Source, Tail, World
from tests.live.simulator_process import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.drop_chaos.files import PlannedSource
    from tests.live.drop_chaos.world import Json

TENANTS = 3
EXECUTORS = 3
BAD_OUTCOMES = ("error", "terminated", "cancelled", "temperror", "warning", "retried")
BAD_OUTCOME_CHANCE = 0.12
LOST_EVENT_CHANCE = 0.05
MERGE_CHANCE = 0.8
TWIN_CHANCE = 0.7
"""How often a run begins together with a second one of the same folder."""

_TICK = 0.05
_IDLE_SECONDS = 8.0
"""So long without a run, although files are left, until one is started as if by schedule."""
_STUCK_SECONDS = 120.0
"""So long without a decision until it is given up; long enough for a busy machine."""
_LATEST_SECONDS = 0.5
_SUMMARY_SECONDS = 20.0


@dataclass
class Outcome:
    """What happened, for the summary."""

    dropped: int
    sources: int
    unprompted: int
    reports: int
    events: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    abandoned: int = 0
    taken_over: int = 0
    aggregations: int = 0
    rivals: int = 0
    busy: int = 0
    violations: list[str] = field(default_factory=list)

    def take_in(self, events: list[Json]) -> None:
        """Count what the processes recorded."""
        for event in events:
            self.events[event["what"]] += 1
            if event["what"] == "killed":
                who = (
                    "watcher"
                    if event["process"].startswith("watcher")
                    else event["process"].rpartition(".")[2]
                )
                self.kills[f"{who}: {event['point']}"] += 1
            elif event["what"] == "fault":
                # A fault that meets a rival's start is named after that one start.
                kind = event["fault"].rpartition(": ")[2]
                self.faults[f"rival: {kind}" if "-rival-" in event["fault"] else event["fault"]] += 1
            elif event["what"] == "error":
                self.errors[event["name"]] += 1
            elif event["what"] == "run over":
                self.abandoned += event["abandoned"]
            elif event["what"] == "wrong":
                self.violations.append(event["wrong"])
            elif event["what"] == "leak":
                self.violations.append(event["leak"])


class Executor:
    """An executor's process, which plays one run at a time."""

    def __init__(self, world_path: Path, stack: ExitStack, module: str, log: IO[bytes]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(world_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=PROJECT,
        )
        stack.callback(self._stop)
        self._is_idle = False

    @property
    def is_idle(self) -> bool:
        """Whether it waits for an order."""
        assert self.process.stdout is not None
        if not self._is_idle and select.select([self.process.stdout], [], [], 0)[0]:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(
                    f"an executor has ended with {self.process.wait()}; see stderr.log in the working folder"
                )
            self._is_idle = True
        return self._is_idle

    def order(self, order: Json) -> None:
        """Have it play a run."""
        assert self.process.stdin is not None
        self._is_idle = False
        self.process.stdin.write(f"{json.dumps(order)}\n".encode())
        self.process.stdin.flush()

    def _stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class DropRun:
    """
    Everything from the first file to the verdict.

    :param stack: ends the tenants at last.
    """

    def __init__(
        self, seed: str, files: int, weather: float, broken: str, folder: Path, stack: ExitStack
    ) -> None:
        make_time_pass_quickly()
        self._rng = Random(f"{seed}:scheduler")
        self._planned = planned_sources(seed, files)
        self._servers = [stack.enter_context(ChaosServer(number)) for number in range(TENANTS)]
        self._world = World(
            str(folder),
            seed,
            weather,
            tuple(Source(one.id, one.name, one.folder.name, one.number % TENANTS) for one in self._planned),
            tuple(server.url for server in self._servers),
            broken,
        )
        for planned in self._planned:
            self._create(planned)
        for server in self._servers:
            server.control.client(
                CLIENT_ID, secret=self._world.secret, token_lifetime=self._rng.choice((43200, 60))
            )
        self._observer = Observer(self._world)
        self._dropper = Dropper(self._world, self._planned, self._observer.decided)
        self._tail = Tail(self._world.path("events"), "*.reported")
        self._reported: dict[str, list[Json]] = defaultdict(list)
        self._runs = 0
        self._twin: tuple[str, list[Json]] | None = None
        self._outcome = Outcome(0, len(self._planned), 0, 0)

    def _create(self, planned: PlannedSource) -> None:
        server = self._servers[planned.number % TENANTS]
        rng = self._rng
        server.control.create_source(
            planned.name,
            id=planned.id,
            type="delimited",
            header=list(HEADER),
            collect_seconds=rng.uniform(1.0, 8.0),
            process_seconds=rng.uniform(0.0, 20.0),
        )
        source = server.tenant.sources[planned.id]
        source.upstream = source.held  # so a rival keeps the source busy, but changes no account
        for _ in range(len(planned.drops)):
            if rng.random() < BAD_OUTCOME_CHANCE * min(1.0, self._world.weather):
                server.control.next_run(planned.id, rng.choice(BAD_OUTCOMES), fail_at=0.5)
            else:
                server.control.next_run(planned.id)

    def run(self) -> Outcome:
        """Play it and judge it."""
        path = self._world.save()
        self._observer.start()
        with ExitStack() as stack:
            log = stack.enter_context(self._world.path("stderr.log").open("wb"))
            executors = [Executor(path, stack, "tests.live.drop_chaos.lane", log) for _ in range(EXECUTORS)]
            Executor(path, stack, "tests.live.drop_chaos.watchers", log)
            self._dropper.start()
            stack.callback(self._dropper.stop)
            self._schedule(executors)
        return self._judged()

    def _schedule(self, executors: list[Executor]) -> None:
        """Start runs until every file is decided, or nothing happens any more."""
        decided, changed, ran, said = -1, time.monotonic(), time.monotonic(), time.monotonic()
        while True:
            self._read_reports()
            now = time.monotonic()
            count = sum(self._observer.decided(one.name) for one in self._planned)
            if count != decided:
                decided, changed = count, now
            idle = [executor for executor in executors if executor.is_idle]
            for executor in idle:
                if (order := self._next_order(can_race=len(idle) > 1)) is not None:
                    executor.order(order)
                    ran = now
            all_idle = len(idle) == len(executors)
            left = sum(map(len, self._dropper.dropped.values())) - decided
            if all_idle and self._dropper.is_over and not left:
                return
            if left < 0:
                return  # files are decided more than once, and might be for ever
            if not self._runs:
                changed = now  # the executors are still starting
            if now - changed > _STUCK_SECONDS:
                self._outcome.violations.append(f"nothing was decided for {_STUCK_SECONDS:.0f} s")
                return
            if all_idle and left and now - ran > _IDLE_SECONDS:
                self._outcome.unprompted += 1
                ran = now
                for folder in FOLDERS:
                    self._reported[folder.name].append({})
            if now - said > _SUMMARY_SECONDS:
                said = now
                print(f"  {decided} files are decided, {left} wait, {self._runs} runs", flush=True)
            time.sleep(_TICK)

    def _read_reports(self) -> None:
        for told in self._tail.lines():
            self._outcome.reports += 1
            if self._rng.random() >= LOST_EVENT_CHANCE * min(1.0, self._world.weather):
                self._reported[told["folder"]].append(told["payload"])

    def _next_order(self, *, can_race: bool) -> Json | None:
        """Return the next run, for one event or for all that a folder has; perhaps a second one follows."""
        if self._twin is not None:
            twin, self._twin = self._twin, None
            return self._order(*twin)
        names = [name for name, events in self._reported.items() if events]
        if not names:
            return None
        name = self._rng.choice(names)
        events = self._reported[name]
        number = len(events) if self._rng.random() < MERGE_CHANCE else 1
        self._reported[name] = events[number:]
        reported = [event for event in events[:number] if event]
        if can_race and self._rng.random() < TWIN_CHANCE:
            self._twin = name, reported
        return self._order(name, reported)

    def _order(self, folder: str, reported: list[Json]) -> Json:
        self._runs += 1
        run_id = f"run-{self._runs:05d}"
        self._world.mark(run_id, active=True)
        return {"run_id": run_id, "folder": folder, "reported": reported}

    def _judged(self) -> Outcome:
        time.sleep(_LATEST_SECONDS)
        self._observer.stop()
        outcome, events = self._outcome, self._world.events()
        outcome.take_in(events)
        claims = {source.name: self._observer.claims(source.name) for source in self._world.sources}
        every = truths(self._world, self._servers)
        for source in self._world.sources:
            truth, dropped = every[source.name], self._dropper.dropped[source.name]
            if missing := self._observer.missing(source.name):
                outcome.violations.append(f"{source.name}: the records {missing} are missing")
            held = held_accounts(self._servers, source)
            verdict = SourceVerdict(
                self._world, source, dropped, claims[source.name], truth, held, events
            ).judge()
            outcome.dropped += len(dropped)
            outcome.files += verdict.outcomes
            outcome.violations += verdict.violations
            outcome.taken_over += sum(len(claim.runs) - 1 for claim in claims[source.name])
            outcome.aggregations += len(truth.started)
            outcome.busy += len(truth.runs) - len(truth.started)
            outcome.rivals += sum("-rival-" in run.origin for run in truth.started)
        outcome.violations += judge_folders(self._world, claims)
        if self._dropper.overslept:
            outcome.violations.append(
                f"the machine was too slow to let files grow: {', '.join(self._dropper.overslept)}"
            )
        return outcome
