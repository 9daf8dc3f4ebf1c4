"""Draws what is to be done from the seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sailpoint_provider.simulator.model.aggregations import Outcome
from tests.live.chaos.mischief import Dangers
from tests.live.chaos.plan import Task, Unit, Watching
from tests.live.chaos.rivals import Rival

if TYPE_CHECKING:
    from tests.live.chaos.plan import Kind, Way

API_VERSIONS = ("v1", "v1", "v2026", "v2025", "v2024", "beta")
LOADS = ("account_aggregation", "entitlement_aggregation", "uncorrelated_accounts")
RETRIES = 9
EQUAL_ROWS_CHANCE = 0.8
STORE_CHANCE = 0.75
_BAD = (Outcome.ERROR, Outcome.TERMINATED, Outcome.CANCELLED, Outcome.TEMPERROR)
_STRANGE = (Outcome.WARNING, Outcome.RETRIED)


def units_of(seed: str, tasks: int, weather: float) -> list[Unit]:
    """Draw units until they have that many tasks."""
    rng = Random(f"{seed}:units")
    units: list[Unit] = []
    left = tasks
    while left > 0:
        kind: Kind = rng.choices(("own", "shared", "files", "watched"), (12, 2, 3, 1))[0]
        size = min(left, 1 if kind == "own" else rng.randint(2, 4))
        units.append(_Draw(seed, len(units), kind if size > 1 else "own", weather).unit(size))
        left -= size
    return units


class _Draw:
    """
    Draws one unit.

    :param number: its place in the run.
    """

    def __init__(self, seed: str, number: int, kind: Kind, weather: float) -> None:
        self._number = number
        self._kind = kind
        self._weather = weather
        self._name = f"{kind}-{number:04d}"
        self._rng = Random(f"{seed}:{self._name}")
        self._with_file = kind == "files" or (kind in ("own", "watched") and self._rng.random() < 0.5)
        self._source_id = UUID(int=self._rng.getrandbits(128)).hex
        loads = LOADS if self._with_file else LOADS[:2]
        self._load = self._rng.choices(loads, (6, 2, 1)[: len(loads)])[0]

    def unit(self, size: int) -> Unit:
        rng = self._rng
        source: dict[str, Any] = {
            "id": self._source_id,
            "type": "delimited" if self._with_file else "direct",
            "collect_seconds": rng.uniform(1.0, 15.0),
            "process_seconds": rng.uniform(0.0, 45.0),
        }
        if not self._with_file:
            source["upstream"] = source["upstream_entitlements"] = rng.randint(1, 40)
        rows = self._rows(2 * size + 1)
        at_once = rng.random() < 0.3
        tasks = []
        for place in range(size):
            if self._kind == "watched" and place:
                continue
            begins_after = 0.0 if self._kind in ("own", "watched") or at_once else rng.uniform(0.0, 1.5)
            tasks.append(self._task(place, tuple(rows[place : 2 * size : size]), rows[-1], begins_after))
        rivals: tuple[Rival, ...] = ()
        if self._weather and self._kind == "watched" and rng.random() < 0.5:
            watched_rival = self._rival(rows[-1], 0.0)
            rivals, tasks = (replace(watched_rival, seconds=rng.uniform(20.0, 120.0)),), []
        elif self._weather and tasks[0].dangers.rival:
            rivals, tasks = self._rivals(rows[-1], tasks)
        if self._kind == "watched":
            watched = tasks[0].name if tasks else None
            tasks += [self._sensor(place, watched) for place in range(len(tasks), size)]
        outcomes: tuple[Outcome, ...] = ()
        if self._kind in ("own", "watched") and tasks[0].waits and rng.random() < 0.25:
            outcomes = tuple(rng.choice(_BAD + _STRANGE) for _ in range(rng.choice((1, 1, 2))))
        return Unit(self._name, self._number, self._kind, tuple(tasks), source, outcomes, rivals, self._load)

    def _rows(self, number: int) -> list[int]:
        """Draw numbers of rows, mostly the same for all files of a unit, so that rows identify none."""
        rng = self._rng
        if not self._with_file:
            return [0] * number
        sizes = range(2, 60) if rng.random() < 0.9 else range(600, 2500)
        if rng.random() < EQUAL_ROWS_CHANCE:
            return [rng.choice(sizes)] * number
        return rng.sample(sizes, number)

    def _rival(self, rows: int, begins_after: float, seconds: float | None = None) -> Rival:
        name = f"{self._name}-rival-{begins_after:.3f}"
        if seconds is not None:
            return Rival(name, rows, seconds, begins_after=begins_after, load=self._load)
        return Rival.draw(name, rows, self._rng, self._load, begins_after=begins_after)

    def _rivals(self, rows: int, tasks: list[Task]) -> tuple[tuple[Rival, ...], list[Task]]:
        """Draw rivals that come by themselves; a long one may run since before the DAG run began."""
        rng = self._rng
        if rng.random() < 0.3:
            long = self._rival(rows, 0.0, rng.uniform(60.0, 150.0))
            return (long,), [replace(task, begins_after=task.begins_after + 0.2) for task in tasks]
        number = rng.choice((0, 1, 2))
        return tuple(self._rival(rows, rng.uniform(0.0, 1.5)) for _ in range(number)), tasks

    def _task(self, place: int, rows: tuple[int, ...], rival_rows: int, begins_after: float) -> Task:
        rng = self._rng
        alone = self._kind in ("own", "watched")
        options = self._options()
        options |= {"source_name": self._name} if rng.random() < 0.3 else {"source_id": self._source_id}
        if rng.random() < 0.2 and self._load == LOADS[0]:
            options["disable_optimization"] = True
        if rng.random() < 0.3:
            ways = ("fail", "skip", "adopt")
            if self._with_file or options.get("disable_optimization"):
                ways = ("fail", "skip", "skip")
            options["if_running"] = rng.choice(ways)
        if alone and rng.random() < 0.1:
            options["fail_on_warning"] = True
        if alone and rng.random() < 0.05:
            options["wait_for_completion"] = False
        elif alone and rng.random() < 0.05:
            options["timeout"] = rng.uniform(20.0, 90.0)
        elif alone and rng.random() < 0.03:
            options["execution_timeout"] = timedelta(seconds=rng.uniform(20.0, 90.0))
        rival = rng.uniform(0.2, 0.7) if self._kind != "watched" and rng.random() < 0.5 else 0.0
        return Task(
            name=f"{self._name}-{place}",
            rows=rows if self._with_file else (),
            dangers=self._dangers(rival, rival_rows),
            options=options | {"deferrable": rng.random() < 0.5},
            begins_after=begins_after,
            has_store=rng.random() < STORE_CHANCE,
            load=self._load,
            **self._connection(),
        )

    def _sensor(self, place: int, watched: str | None) -> Task:
        rng = self._rng
        options = self._options()
        way: Way = rng.choice(("poke", "reschedule", "deferrable"))
        options |= {
            "deferrable": way == "deferrable",
            "mode": "reschedule" if way == "reschedule" else "poke",
        }
        options["timeout"] = rng.uniform(20.0, 90.0) if rng.random() < 0.1 else 86400.0
        options["soft_fail"] = rng.random() < 0.3
        options["fail_on_warning"] = rng.random() < 0.1
        options["kind"] = self._load
        return Task(
            name=f"{self._name}-{place}",
            rows=(),
            dangers=self._dangers(0.0, 0),
            options=options,
            begins_after=0.0,
            watching=Watching(watched, way),
            load=self._load,
            **self._connection(),
        )

    def _options(self) -> dict[str, Any]:
        return {
            "poll_interval": self._rng.choice((5.0, 15.0, 30.0)),
            "tolerate_outage": self._rng.choice((120.0, 1800.0)),
            "retries": RETRIES,
        }

    def _dangers(self, rival: float, rival_rows: int) -> Dangers:
        rng = self._rng
        weather = self._weather * rng.choice((0.5, 1.0, 1.0, 1.0, 1.0, 2.5))
        return Dangers(weather, 0.2 if rng.random() < 0.2 else 0.02, rival, rival_rows, self._load)

    def _connection(self) -> dict[str, Any]:
        rng = self._rng
        return {
            "retry_delay": rng.uniform(0.0, 40.0),
            "extra": {"api_version": rng.choice(API_VERSIONS)},
            "token_lifetime": rng.choice((43200, 43200, 750, 60, 15)),
        }
