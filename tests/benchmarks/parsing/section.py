"""The cost of a DAG file: the import of the classes, and the construction of operators."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import median
from typing import Any

from tests.benchmarks.json_process import PROJECT
from tests.benchmarks.parsing.runner import INSTANCES, MODULES, ROUNDS
from tests.benchmarks.report import Bar, Section, Table

_IMPORTS = 5
_IMPORT_MS = 20.0
_RATIO = 1.15
_SECONDS = 120.0
_NAMES = {"sailpoint": "this package", "dbt-cloud": "dbt-cloud", "airbyte": "Airbyte"}


def measure() -> Section:
    """Measure imports in fresh interpreters, and constructions in a warm one."""
    with tempfile.TemporaryDirectory(prefix="parse_bench_") as home:
        imports = _imports(home)
        made = _run(home, "make")
    ours = imports["sailpoint"]
    assert ours is not None
    ratio = _ratio(made, "ours")
    return Section(
        "Parsing a DAG file",
        f"Import: {_IMPORTS} fresh interpreters for each package, alternating between the packages, with "
        "compiled files on disk. The figures are what operators, sensors, triggers and hook add to a process "
        "that has already loaded airflow.sdk, the common-compat names and airflow.triggers.base. "
        f"Construction: {INSTANCES} operators in a DAG, {ROUNDS} rounds in one warm process, alternating "
        "between the operators. All figures are medians.",
        (_import_table(imports), _construction_table(made)),
        (
            Bar(
                "wall time that the import adds",
                f"≤ {_IMPORT_MS:.0f} ms",
                f"{ours['wall_ms']:.1f} ms",
                ours["wall_ms"] <= _IMPORT_MS,
            ),
            Bar("third-party modules added", "0", f"{ours['third_party']:.0f}", ours["third_party"] == 0),
            Bar(
                f"CPU time of {INSTANCES} operators, relative to BashOperator",
                f"≤ {_RATIO} x",
                f"{ratio:.2f} x",
                ratio <= _RATIO,
            ),
        ),
    )


def _imports(home: str) -> dict[str, dict[str, float] | None]:
    """Import each package a few times; the first round only compiles everything."""
    known = {package: [_run(home, "import", package)] for package in MODULES}
    for _ in range(_IMPORTS):
        for package, runs in known.items():
            if runs[0] is not None:
                runs.append(_run(home, "import", package))
    return {
        package: None
        if runs[0] is None
        else {name: median(run[name] for run in runs[1:]) for name in runs[0]}
        for package, runs in known.items()
    }


def _run(home: str, *arguments: str) -> Any:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.parsing.runner", *arguments],
        env=environment | {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    return json.loads(run.stdout.splitlines()[-1])


def _import_table(imports: dict[str, dict[str, float] | None]) -> Table:
    rows = []
    for package, added in imports.items():
        cells = ("not installed", "", "", "")
        if added is not None:
            cells = (
                f"{added['wall_ms']:.1f}",
                f"{added['cpu_ms']:.1f}",
                f"{added['modules']:.0f}",
                f"{added['third_party']:.0f}",
            )
        rows.append((_NAMES[package], *cells))
    columns = ("package", "wall ms", "CPU ms", "modules", "third-party modules")
    note = "Third-party modules belong neither to Airflow nor to the package itself."
    return Table("Import adds", columns, tuple(rows), (note,))


def _ratio(made: dict[str, list[float]], kind: str) -> float:
    """Return the median of the ratios to BashOperator in the same round."""
    return median(own / base for own, base in zip(made[kind], made["BashOperator"], strict=True))


def _construction_table(made: dict[str, list[float]]) -> Table:
    rows = tuple(
        (
            "SailPointAccountAggregationOperator" if kind == "ours" else kind,
            f"{median(taken):.1f}",
            f"{_ratio(made, kind):.2f}",
        )
        for kind, taken in made.items()
    )
    return Table(
        f"{INSTANCES} operators in a DAG",
        ("operator", "CPU ms", "x BashOperator"),
        rows,
        ("Operators of packages that are not installed are omitted.",),
    )
