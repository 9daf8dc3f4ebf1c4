"""The check of a CSV against the last one, beside what people would use, in one run: a process for each."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.json_process import PROJECT
from tests.benchmarks.report import Bar, Section, Table

MIB = 1024 * 1024
ROWS = int(os.environ.get("CHECK_ROWS", "10000000"))
"""Rows of each file; 10 million make 2 GiB."""
RUNS = 3
_SECONDS = 3600.0
_MOST_MEMORY = 512 * MIB
_LEAST_THROUGHPUT = 150.0
_NAMES = {
    "ours": "this package",
    "polars": "polars",
    "csv": "Python's csv",
    "pandera": "pandera on polars",
    "frictionless": "frictionless, no comparison",
    "sha256": "floor: SHA-256 of both",
    "count": "floor: DuckDB, count only",
    "hash": "floor: DuckDB, every value read",
    "wc": "floor: wc -l",
}
_REPEATED = ("ours", "polars", "sha256", "count", "hash", "wc")
_SAMPLE = 20
"""What takes minutes is measured once, with a twentieth of the rows, and scaled up; its memory is not."""


@dataclass(frozen=True)
class Run:
    """
    One check.

    :param found: joiners, movers and leavers; empty where the tool compares nothing.
    :param seconds: how long it took, imports included.
    :param cpu_seconds: of the process and its children.
    :param peak_bytes: the most memory it held.
    """

    found: dict[str, int]
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(rows: int = ROWS) -> Section:
    """Measure; about five minutes for 10 million rows."""
    with tempfile.TemporaryDirectory(prefix="checks-") as name:
        folder = Path(name)
        new, last = _write(folder / "whole", rows)
        part = _write(folder / "part", max(rows // _SAMPLE, 1))
        runs: dict[str, list[Run]] = {tool: [] for tool in _NAMES}
        _run("wc", new, last)  # both files are in the page cache from here on
        for _ in range(RUNS):
            for tool in _REPEATED:
                runs[tool].append(_run(tool, new, last))
        for tool in ("csv", "pandera"):
            runs[tool].append(_run(tool, new, last))
        runs["frictionless"].append(_run("frictionless", *part))
        size = new.stat().st_size
    _agree(runs)
    return _section(rows, size, runs)


def _write(folder: Path, rows: int) -> tuple[Path, Path]:
    """Write the last file and a new one: 1 % leave, 1 % join, 1 % have another department."""
    folder.mkdir()
    new, last = folder / "new.csv", folder / "last.csv"
    gone = rows // 100
    _write_one(last, range(rows), moved=False)
    _write_one(new, range(gone, rows + gone), moved=True)
    with last.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    Path(f"{last}.sha256").write_text(digest, encoding="ascii")
    return new, last


def _write_one(path: Path, numbers: range, *, moved: bool) -> None:
    line = (
        'p{0:08d},"Person {0:08d}, the {1}th",Given{1},Family{2},p{0:08d}@mail.example.com,Department {3},'
        "p{4:08d},2024-01-01,,Building {2} on the long street number {1},A remark of some forty characters "
        "at the end,cost centre {1}\n"
    ).format
    with path.open("w", encoding="utf-8", newline="", buffering=4 * MIB) as stream:
        stream.write(
            "id,name,givenName,familyName,e-mail,department,manager,startDate,endDate,place,remark,cost\n"
        )
        for at in numbers:
            other = moved and at % 100 == 0
            stream.write(line(at, at % 97, at % 31, at % 50 + 100 * other, at // 10))
        stream.flush()
        os.fsync(stream.fileno())  # else the disk is busy with it while the first runs are timed


def _run(tool: str, new: Path, last: Path) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.checks.runner", tool, str(new), str(last)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The check with {tool} failed: {done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _agree(runs: dict[str, list[Run]]) -> None:
    """Make sure that whoever compares found the same."""
    found = {json.dumps(run.found, sort_keys=True) for some in runs.values() for run in some if run.found}
    if len(found) != 1:
        raise RuntimeError(f"The tools disagree: {found}")


def _section(rows: int, size: int, runs: dict[str, list[Run]]) -> Section:
    seconds = {tool: median(run.seconds for run in some) for tool, some in runs.items()}
    seconds["frictionless"] *= _SAMPLE
    throughput = size / MIB / seconds["ours"]
    peak = max(run.peak_bytes for run in runs["ours"])
    rivals = {tool: seconds[tool] for tool in ("polars", "csv", "pandera")}
    fastest = min(rivals, key=lambda tool: rivals[tool])
    table = Table(
        f"{rows:,} rows, {size / MIB:,.0f} MiB, against a last file of that size; medians",
        ("tool", "runs", "seconds", "MiB/s", "of this package's time", "CPU s", "peak memory"),
        tuple(_row(tool, some, seconds, size) for tool, some in runs.items()),
        (
            "MiB/s: size of the new file by the time in which both are read.",
            f"frictionless was run on 1/{_SAMPLE} of the rows; its time is scaled up.",
            "Only this package also computes the SHA-256 of both files and the changed columns.",
            "A floor is a part of the check alone, without memory limit, and compares nothing.",
        ),
    )
    return Section(
        "Checks of files",
        "A CSV is checked against the last good one on a warm disk, each tool in a process of its own, in "
        "turns. All that compare find the same joiners, movers and leavers; 1 % of the accounts each. Memory "
        "is the peak of the process, with interpreter and libraries.",
        (table,),
        (
            Bar("memory", "<= 512 MiB", f"{peak / MIB:.0f} MiB", peak <= _MOST_MEMORY),
            Bar("throughput", ">= 150 MiB/s", f"{throughput:.0f} MiB/s", throughput >= _LEAST_THROUGHPUT),
            Bar(
                "time",
                f"<= {_NAMES[fastest]}, the fastest that compares",
                f"{seconds['ours'] / rivals[fastest]:.2f} of it",
                seconds["ours"] <= rivals[fastest],
            ),
            Bar(
                "time",
                "<= 2.5 x wc -l",
                f"{seconds['ours'] / seconds['wc']:.1f} x",
                seconds["ours"] <= 2.5 * seconds["wc"],
            ),
        ),
    )


def _row(tool: str, some: list[Run], seconds: dict[str, float], size: int) -> tuple[str, ...]:
    taken = seconds[tool]
    return (
        _NAMES[tool],
        str(len(some)),
        f"{taken:.2f}",
        f"{size / MIB / taken:.0f}",
        f"{taken / seconds['ours']:.2f}",
        f"{median(run.cpu_seconds for run in some):.1f}",
        f"{max(run.peak_bytes for run in some) / MIB:.0f} MiB",
    )
