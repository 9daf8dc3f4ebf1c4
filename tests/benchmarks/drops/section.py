"""The watcher of drop folders: how soon it reports a file, and what it costs while nothing happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sailpoint_provider.assets.drops import SailPointDropFolder
from tests.benchmarks.drops.airflow import task_delays
from tests.benchmarks.json_process import PROJECT
from tests.benchmarks.report import Bar, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

DROPS = int(os.environ.get("DROP_COUNT", "50"))
FOLDERS = int(os.environ.get("DROP_FOLDERS", "500"))
FILES = int(os.environ.get("DROP_FILES", "10000"))
IDLE_SECONDS = float(os.environ.get("DROP_IDLE_SECONDS", "60"))
_SCAN_SECONDS = 2.0
_SECONDS = 120.0
_WORST_SECONDS = 2 * _SCAN_SECONDS
_CPU_PER_MINUTE = 6.0
_CONTENT = b"id,name\n1,One\n"


@dataclass(frozen=True)
class Idle:
    """
    What watching cost while nothing happened.

    :param first_seconds: until every folder had reported its oldest file.
    :param cpu_per_minute: processor seconds.
    :param listings_per_minute: complete listings.
    :param glances_per_minute: looks at the folders' own times, which a listing follows if they differ.
    """

    first_seconds: float
    cpu_per_minute: float
    listings_per_minute: float
    glances_per_minute: float


def measure() -> Section:
    """Measure; about seven minutes."""
    with tempfile.TemporaryDirectory(prefix="drops-") as name:
        delays = _delays(Path(name, "events"))
        starts = task_delays(Path(name, "airflow"), _Dropper(51).drop, DROPS)
        apart = _idle(_folders_apart(Path(name, "apart")))
        together = _idle(_folders_together(Path(name, "together")))
    return Section(
        "Drops",
        "The watcher of a drop folder, on a local disk with the default interval of "
        f"{_SCAN_SECONDS:g} s between two listings. Files are renamed into the folder at random times; time "
        "counts from the return of the renaming. Events and idle times: as a triggerer runs the triggers, on "
        "one event loop in a process of its own. Tasks: a DAG with the folder's asset as its schedule, on an "
        "Airflow with LocalExecutor and SQLite, until the first task that finds the file. "
        f"Idle: {FILES:,} complete files that were reported and that nobody takes, watched by {FOLDERS} "
        f"triggers for {IDLE_SECONDS:g} s, once in as many folders and once all in one.",
        (_delay_table(delays, starts), _idle_table(apart, together)),
        (
            Bar(
                "the slowest event",
                f"≤ {_WORST_SECONDS:g} s",
                f"{max(delays):.2f} s",
                max(delays) <= _WORST_SECONDS,
            ),
            *(
                Bar(
                    f"processor time per minute, {what}",
                    f"≤ {_CPU_PER_MINUTE:g} s",
                    f"{idle.cpu_per_minute:.2f} s",
                    idle.cpu_per_minute <= _CPU_PER_MINUTE,
                )
                for what, idle in ((f"{FOLDERS} folders", apart), ("one folder", together))
            ),
        ),
    )


def _delays(folder: Path) -> list[float]:
    """Drop files at random times, and return the seconds from each to its event."""
    folder.mkdir()
    folder.joinpath("loaded").mkdir()  # shows that it is no empty mount point
    rules = SailPointDropFolder(str(folder), source_id_in_name=True, complete="renamed")
    dropper = _Dropper(50)
    with _runner("events", [rules.to_json()]) as runner:
        events = _lines(runner)
        next(events)
        time.sleep(_SCAN_SECONDS)
        dropped = dict(dropper.drop(folder) for _ in range(DROPS))
        reported = dict(_reported(events) for _ in range(DROPS))
        _end(runner)
    return [reported[name] - at for name, at in dropped.items()]


class _Dropper:
    """Drops a file of a new source each time, because of one source only the oldest file is reported."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)

    def drop(self, folder: Path) -> tuple[str, float]:
        """Wait a moment, drop a file, and return its name and the monotonic time."""
        time.sleep(self._rng.uniform(0.0, _SCAN_SECONDS))
        name = f"{UUID(int=self._rng.getrandbits(128)).hex}-accounts.csv"
        return name, _drop(folder, name)


def _reported(events: Iterator[dict[str, Any]]) -> tuple[str, float]:
    event = next(events)
    return str(event["name"]), float(event["at"])


def _drop(folder: Path, name: str) -> float:
    draft = folder / f".{name}.part"
    draft.write_bytes(_CONTENT)
    draft.rename(folder / name)
    return time.monotonic()


def _folders_apart(root: Path) -> list[dict[str, Any]]:
    folders = []
    for number in range(FOLDERS):
        folder = root / f"folder-{number:04d}"
        folder.mkdir(parents=True)
        for file in range(FILES // FOLDERS):
            _drop(folder, f"accounts-{file:03d}.csv")
        folders.append(
            SailPointDropFolder(str(folder), source_name=f"Source {number}", complete="renamed").to_json()
        )
    return folders


def _folders_together(root: Path) -> list[dict[str, Any]]:
    root.mkdir()
    folders = []
    for number in range(FOLDERS):
        for file in range(FILES // FOLDERS):
            _drop(root, f"s{number:04d}-accounts-{file:03d}.csv")
        folders.append(
            SailPointDropFolder(
                str(root), pattern=f"s{number:04d}-*.csv", source_name=f"Source {number}", complete="renamed"
            ).to_json()
        )
    return folders


def _idle(folders: list[dict[str, Any]]) -> Idle:
    with _runner("idle", folders, str(IDLE_SECONDS)) as runner:
        idle = Idle(**next(_lines(runner)))
        _end(runner)
    return idle


def _runner(mode: str, folders: list[dict[str, Any]], *arguments: str) -> subprocess.Popen[str]:
    runner = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.drops.runner", mode, *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdin is not None
    runner.stdin.write("".join(f"{json.dumps(folder)}\n" for folder in folders) + "\n")
    runner.stdin.flush()
    return runner


def _lines(runner: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert runner.stdout is not None
    for line in runner.stdout:
        if line.startswith("{"):
            yield json.loads(line)
    raise RuntimeError("The watchers have ended before they reported everything.")


def _end(runner: subprocess.Popen[str]) -> None:
    assert runner.stdin is not None
    runner.stdin.close()
    try:
        runner.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        runner.kill()
        raise


def _delay_table(delays: list[float], starts: list[float]) -> Table:
    rows = tuple(
        (what, f"{median(some):.2f}", f"{max(some):.2f}")
        for what, some in (("to the trigger's event", delays), ("to the task's start", starts))
    )
    return Table(
        f"Seconds from the renaming, {len(delays)} drops",
        ("", "median", "worst"),
        rows,
        ("A file that counts as complete once it is quiet is reported that much later.",),
    )


def _idle_table(apart: Idle, together: Idle) -> Table:
    rows = tuple(
        (
            what,
            f"{idle.cpu_per_minute:.2f}",
            f"{idle.listings_per_minute:,.0f}",
            f"{idle.glances_per_minute:,.0f}",
            f"{idle.first_seconds:.1f}",
        )
        for what, idle in ((f"{FOLDERS} folders", apart), ("one folder", together))
    )
    return Table(
        f"Idle, {FILES:,} files and {FOLDERS} watchers",
        ("", "CPU s/min", "listings/min", "glances/min", "s to the first events"),
        rows,
        ("A glance reads the time of a folder; a listing follows if that differs, or after 30 s.",),
    )
