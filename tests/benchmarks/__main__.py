"""
Measures and writes ``docs/benchmarks.md``.

``python -m tests.benchmarks`` runs all sections, prints them, and writes them into the document. With names
of sections, it does so with these, and leaves the others of the document as they are. The exit status is 1 if
a section failed; then nothing is written. A missed target is printed as MISSED but does not fail the run,
because a busy machine can cause it.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import document
from tests.benchmarks.machine import measured_on
from tests.benchmarks.report import Section, on_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTIONS = {
    "waits": "Waits",
    "sizing": "Sizing",
    "uploads": "Uploads",
    "parsing": "Parsing a DAG file",
    "starts": "Starts",
    "checks": "Checks of files",
    "drops": "Drops",
}
"""The folders of the sections, and their titles."""

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def main(names: Sequence[str]) -> int:
    """Run the named sections, or all, show them, and return the exit status."""
    if unknown := sorted(set(names) - set(SECTIONS)):
        print(
            f"Unknown section: {', '.join(unknown)}. The sections are {', '.join(SECTIONS)}.", file=sys.stderr
        )
        return 2
    wanted = [name for name in SECTIONS if name in names or not names]
    sections: list[Section] = []
    for name in wanted:
        try:
            section: Section = import_module(f"tests.benchmarks.{name}.section").measure()
        except Exception:
            traceback.print_exc()
            print(f"The section {name!r} failed.", file=sys.stderr)
            continue
        section = replace(section, text=f"{measured_on()}\n\n{section.text}")
        sections.append(section)
        print(f"\n{on_terminal(section)}", flush=True)
    for bar in (bar for section in sections for bar in section.bars if not bar.met):
        print(f"MISSED: {bar.what}: {bar.measured}, target {bar.bound}")
    if len(sections) < len(wanted):
        return 1
    document.write(DOCUMENT, sections, list(SECTIONS.values()))
    print(f"Written: {DOCUMENT.relative_to(DOCUMENT.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
