"""What is to be done: logical tasks, alone or several on one source, all drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from sailpoint_provider.simulator.aggregations import Outcome
from tests.live.account_files import AccountFile

if TYPE_CHECKING:
    from pathlib import Path

    from sailpoint_provider.simulator.control import SimulatorControl

HEADER = ("id", "name", "e-mail")
GENERATIONS = ("v1", "v1", "v2026", "v2025", "v2024", "beta")
RETRIES = 9
_BAD = (Outcome.ERROR, Outcome.TERMINATED, Outcome.CANCELLED, Outcome.TEMPERROR)
_STRANGE = (Outcome.WARNING, Outcome.RETRIED)

Kind = Literal["own", "shared", "files"]


@dataclass(frozen=True)
class Task:
    """
    One task of Airflow.

    :param name: its name, by which it can be replayed.
    :param rows: numbers of rows of its files, one after the other; empty for a direct source.
    :param weather: factor on the chance of trouble.
    :param options: arguments of the operator.
    :param begins_after: real seconds between the start of its unit and its own.
    :param retry_delay: seconds of the quick clock between two tries.
    :param extra: extra of its connection.
    :param token_lifetime: seconds that its tokens live.
    """

    name: str
    rows: tuple[int, ...]
    weather: float
    options: dict[str, Any]
    begins_after: float
    retry_delay: float
    extra: dict[str, Any]
    token_lifetime: int

    @property
    def waits(self) -> bool:
        """Whether it waits for the end."""
        return bool(self.options.get("wait_for_completion", True))

    def write_file(self, folder: Path, version: int) -> Path:
        """Write a version of its file in place of the one before."""
        rows = self.rows[version]
        return AccountFile.numbered(rows).drop(folder, f"{self.name}.csv", HEADER)


@dataclass(frozen=True)
class Unit:
    """
    The tasks of one source.

    :param name: its name, by which it can be replayed.
    :param number: its place in the run.
    :param kind: a source to itself, shared without a file, or shared with a file each.
    :param tasks: its tasks.
    :param source: settings of the source.
    :param next_runs: how its first runs go, where not in the usual way.
    """

    name: str
    number: int
    kind: Kind
    tasks: tuple[Task, ...]
    source: dict[str, Any]
    next_runs: tuple[Outcome, ...] = field(default=())

    def create_source(self, control: SimulatorControl) -> None:
        """Create its source and decide about the runs."""
        control.create_source(self.name, header=list(HEADER), **self.source)
        for outcome in self.next_runs:
            control.next_run(self.source["id"], outcome.value, fail_at=0.5)


def units_of(seed: str, tasks: int, weather: float) -> list[Unit]:
    """Draw units until they have that many tasks."""
    rng = Random(f"{seed}:units")
    units: list[Unit] = []
    left = tasks
    while left > 0:
        kind: Kind = rng.choices(("own", "shared", "files"), (6, 1, 1))[0]
        size = min(left, 1 if kind == "own" else rng.randint(2, 4))
        units.append(_unit(seed, len(units), kind if size > 1 else "own", size, weather))
        left -= size
    return units


def _unit(seed: str, number: int, kind: Kind, size: int, weather: float) -> Unit:
    name = f"{kind}-{number:04d}"
    rng = Random(f"{seed}:{name}")
    with_file = kind == "files" or (kind == "own" and rng.random() < 0.5)
    source: dict[str, Any] = {
        "id": UUID(int=rng.getrandbits(128)).hex,
        "type": "delimited" if with_file else "direct",
        "collect_seconds": rng.uniform(1.0, 15.0),
        "process_seconds": rng.uniform(0.0, 45.0),
    }
    if not with_file:
        source["upstream"] = rng.randint(1, 40)
    rows = (
        rng.sample(range(2, 60), size * 2) if rng.random() < 0.8 else rng.sample(range(600, 2500), size * 2)
    )
    tasks = tuple(
        _task(
            rng, f"{name}-{place}", name, source["id"], tuple(rows[place::size]) if with_file else (), weather
        )
        for place in range(size)
    )
    outcomes: tuple[Outcome, ...] = ()
    if kind == "own" and tasks[0].waits and rng.random() < 0.25:
        outcomes = tuple(rng.choice(_BAD + _STRANGE) for _ in range(rng.choice((1, 1, 2))))
    return Unit(name, number, kind, tasks, source, outcomes)


def _task(
    rng: Random, name: str, source_name: str, source_id: str, rows: tuple[int, ...], weather: float
) -> Task:
    alone = source_name.startswith("own")
    options: dict[str, Any] = {
        "deferrable": rng.random() < 0.5,
        "poll_interval": rng.choice((5.0, 15.0, 30.0)),
        "tolerate_outage": rng.choice((120.0, 1800.0)),
        "retries": RETRIES,
    }
    options |= {"source_name": source_name} if rng.random() < 0.3 else {"source_id": source_id}
    if rng.random() < 0.2:
        options["disable_optimization"] = True
    if alone and rng.random() < 0.1:
        options["fail_on_warning"] = True
    if alone and rng.random() < 0.05:
        options["wait_for_completion"] = False
    elif alone and rng.random() < 0.05:
        options["timeout"] = rng.uniform(20.0, 90.0)
    elif alone and rng.random() < 0.03:
        options["execution_timeout"] = timedelta(seconds=rng.uniform(20.0, 90.0))
    return Task(
        name=name,
        rows=rows,
        weather=weather * rng.choice((0.5, 1.0, 1.0, 1.0, 1.0, 2.5)),
        options=options,
        begins_after=0.0 if alone else rng.uniform(0.0, 1.5),
        retry_delay=rng.uniform(0.0, 40.0),
        extra={"api_version": rng.choice(GENERATIONS)},
        token_lifetime=rng.choice((43200, 43200, 750, 60, 15)),
    )
