"""
Measures and writes ``docs/benchmarks.md``.

``python -m tests.benchmarks`` runs all sections and writes the document; with names of sections only these
are run and shown, and nothing is written. The exit status is 1 where a section broke down. A missed bar is
no failure of the run: it is printed as MISSED, and it is for a person to judge on how busy a machine it was
missed.
"""

from __future__ import annotations

import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.machine import machine
from tests.benchmarks.report import Section, as_markdown, on_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTIONS = ("waits", "uploads", "parsing", "starts", "checks")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

_INTRODUCTION = """\
Made by `make bench`, in {minutes:.0f} minutes; every figure is of that run. A bar is a promise of this
project. One that says MISSED was not kept in this run; on a machine that is busy with other things that may
happen to the bars on times, so it does not fail the command."""


def main(names: Sequence[str]) -> int:
    """Run the named sections, or all, show them, and return the exit status."""
    if unknown := sorted(set(names) - set(SECTIONS)):
        print(f"There is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}.", file=sys.stderr)
        return 2
    begun = time.monotonic()
    wanted = [name for name in SECTIONS if name in names or not names]
    sections: list[Section] = []
    for name in wanted:
        try:
            section: Section = import_module(f"tests.benchmarks.{name}").measure()
        except Exception:
            traceback.print_exc()
            print(f"The section {name!r} broke down.", file=sys.stderr)
            continue
        sections.append(section)
        print(f"\n{on_terminal(section)}", flush=True)
    report = Section("Benchmarks", _introduction(begun), (machine(),))
    print(on_terminal(report))
    missed = [bar for section in sections for bar in section.bars if not bar.met]
    for bar in missed:
        print(f"MISSED: {bar.what}: {bar.measured}, promised {bar.bound}")
    if len(sections) < len(wanted):
        return 1
    if len(sections) == len(SECTIONS):
        write_document(report, sections)
    return 0


def write_document(report: Section, sections: Sequence[Section]) -> None:
    """Write the document and its figures."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    parts = [as_markdown(report).replace("## ", "# ", 1), *map(as_markdown, sections)]
    for section in sections:
        for figure in section.figures:
            figure.write(DOCUMENT.parent)
    DOCUMENT.write_text("\n".join(parts), encoding="utf-8")
    print(f"Written: {DOCUMENT.relative_to(DOCUMENT.parents[1])}")


def _introduction(begun: float) -> str:
    return _INTRODUCTION.format(minutes=(time.monotonic() - begun) / 60)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
