"""Runs the unit tests and a deferrable ``dag.test`` on each supported Airflow, one virtual environment each.

Each runs on the Python that runs this; the newest Airflow runs on the newest Python of the machine, too.

Needs only the standard library, because it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = PROJECT / ".matrix"
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
PURE = ("benchmarks", "isc", "simulator")
"""The folders of unit tests that depend on no library."""

WITHOUT_AIRFLOW = (*PURE, "client", "drops", "files/check", "polling")
"""The folders of unit tests that do not depend on the Airflow version."""

OLDEST = "3.0.6"
"""The version with the oldest libraries, on which all that uses a library is tested."""

PARALLEL = ("-n", os.environ.get("WORKERS", "3"), "--dist", "loadscope")
NEWEST_PYTHON = {"3.0.6": (3, 12), "3.1.8": (3, 13), "3.2.2": (3, 14), "3.3.2": (3, 14)}
"""The newest Python that each Airflow itself supports."""

NEWEST = "3.3.2"
ON_NEWEST_PYTHON = f"{NEWEST}-newest-python"
"""The name of the environment with the newest Python."""


@dataclass(frozen=True)
class Verdict:
    """The test result in one environment."""

    name: str
    text: str
    seconds: float
    failed: bool


def main(versions: list[str]) -> int:
    """Run the tests on the named versions, or on all, print a table, and return the exit status."""
    names = [*NEWEST_PYTHON, ON_NEWEST_PYTHON]
    unknown = [name for name in versions if name not in names]
    if unknown:
        print(f"No pins for Airflow {', '.join(unknown)}; supported versions: {', '.join(names)}.")
        return 2
    verdicts = [verdict_of(name) for name in versions or names]
    width = max(len(verdict.name) for verdict in verdicts)
    print(f"\n{'Airflow':<{width}}  result")
    for verdict in verdicts:
        print(f"{verdict.name:<{width}}  {verdict.text} ({verdict.seconds:.0f} s)")
    return int(any(verdict.failed for verdict in verdicts))


def verdict_of(name: str) -> Verdict:
    """Set up one Airflow and run the tests on it."""
    print(f"\n=== Airflow {name}", flush=True)
    begin = time.monotonic()

    def verdict(text: str, *, failed: bool = False) -> Verdict:
        return Verdict(name, text, time.monotonic() - begin, failed)

    version = NEWEST if name == ON_NEWEST_PYTHON else name
    newest = ".".join(map(str, NEWEST_PYTHON[version]))
    if name == ON_NEWEST_PYTHON:
        base = newest_python(NEWEST_PYTHON[version])
        if base is None:
            running = ".".join(map(str, sys.version_info[:2]))
            return verdict(f"not run: found no Python newer than {running}, up to {newest}")
    else:
        base = suitable_python(NEWEST_PYTHON[version])
        if base is None:
            return verdict(f"not run: it needs a Python from 3.11 to {newest}, and none was found")
    python = ENVIRONMENTS / name / "bin" / "python"
    try:
        set_up(version, base, python)
        asked = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as failure:
        return verdict(f"failed: the set-up ended with {failure.returncode}", failed=True)
    # The caller's Airflow settings and database must not take part.
    environment = {name: setting for name, setting in os.environ.items() if not name.startswith("AIRFLOW")}
    left_out = [f"--ignore=tests/unit/{room}" for room in (PURE if version == OLDEST else WITHOUT_AIRFLOW)]
    status = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PARALLEL),
            *("tests/unit", "tests/matrix", *left_out),
        ],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode
    used = asked.stdout.strip()
    if status:
        return verdict(f"failed on {used}: pytest ended with {status}", failed=True)
    return verdict(f"passed on {used}")


def set_up(version: str, base: str, python: Path) -> None:
    """Install the pinned packages, unless they are there already."""
    folder = python.parents[1]
    pins = PROJECT / "tests" / "matrix" / f"airflow-{version}.txt"
    stamp = folder / ".installed"
    wanted = hashlib.sha256(pins.read_bytes() + (PROJECT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"Setting up {folder.relative_to(PROJECT)} from {pins.relative_to(PROJECT)} ...", flush=True)
    subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "--quiet",
        "-c",
        pins,
    ]
    subprocess.run([*pip, "flit_core"], cwd=PROJECT, check=True)
    project = ["--no-build-isolation", "--editable", ".[test]", f"apache-airflow=={version}"]
    subprocess.run([*pip, *project], cwd=PROJECT, check=True)
    stamp.write_text(wanted, encoding="utf-8")


def suitable_python(newest: tuple[int, int]) -> str | None:
    """Return this Python where the Airflow supports it, else another one of the machine."""
    return sys.executable if sys.version_info[:2] <= newest else found_python(10, newest[1])


def newest_python(newest: tuple[int, int]) -> str | None:
    """Return the newest Python of the machine that the Airflow supports; None if this one is the newest."""
    return found_python(sys.version_info[1], newest[1])


def found_python(older: int, newest: int) -> str | None:
    """Return the newest Python 3 after one minor version, up to another, from the PATH or from pyenv."""
    for minor in range(newest, older, -1):
        in_path = shutil.which(f"python3.{minor}")
        of_pyenv = sorted(PYENV.glob(f"versions/3.{minor}.*/bin/python3.{minor}"))
        for candidate in (*([in_path] if in_path else []), *map(str, reversed(of_pyenv))):
            usable = subprocess.run(
                [candidate, "-c", "import ensurepip, venv"], capture_output=True, check=False
            )
            if not usable.returncode:
                return candidate
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
