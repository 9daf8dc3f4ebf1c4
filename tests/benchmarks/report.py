"""The results of measurements, and their form on a terminal and in Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Table:
    """
    A table of results; the first column names the row, the others are figures.

    :param title: what it shows.
    :param columns: headings.
    :param rows: cells as text, as many as there are columns.
    :param notes: what a reader must know about it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bar:
    """
    One promise and whether it was kept.

    :param what: what is promised.
    :param bound: the bound, as text.
    :param measured: what was measured, as text.
    :param met: whether the bound was kept.
    """

    what: str
    bound: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Figure:
    """
    A drawing of results.

    :param name: name of its files, without the suffix.
    :param caption: what it shows, for those who cannot see it.
    :param write: writes the files, of which one ends in ``.png``, into a folder.
    """

    name: str
    caption: str
    write: Callable[[Path], None]


@dataclass(frozen=True)
class Section:
    """
    What one module measured.

    :param title: its heading.
    :param text: how it was measured.
    :param tables: the results.
    :param bars: the promises.
    :param figures: drawings of the results.
    """

    title: str
    text: str
    tables: tuple[Table, ...]
    bars: tuple[Bar, ...] = ()
    figures: tuple[Figure, ...] = ()


def on_terminal(section: Section) -> str:
    """Return a section with aligned columns."""
    parts = [f"{section.title}\n{'=' * len(section.title)}", section.text]
    for table in section.tables:
        lines = [table.title, *_aligned(table.columns, table.rows), *(f"* {note}" for note in table.notes)]
        parts.append("\n".join(lines))
    if section.bars:
        parts.append("\n".join(["Targets", *_aligned(_BAR_COLUMNS, _bar_rows(section.bars))]))
    return "\n\n".join(parts) + "\n"


def as_markdown(section: Section) -> str:
    """Return a section as Markdown."""
    parts = [f"## {section.title}", section.text]
    parts += [f"![{figure.caption}]({figure.name}.png)" for figure in section.figures]
    for table in section.tables:
        parts += [f"### {table.title}", _piped(table.columns, table.rows)]
        if table.notes:
            parts.append("\n".join(f"- {note}" for note in table.notes))
    if section.bars:
        parts += ["### Targets", _piped(_BAR_COLUMNS, _bar_rows(section.bars), left=4)]
    return "\n\n".join(parts) + "\n"


_BAR_COLUMNS = ("Promise", "Target", "Measured", "Met")


def _bar_rows(bars: Iterable[Bar]) -> list[tuple[str, ...]]:
    return [(bar.what, bar.bound, bar.measured, "yes" if bar.met else "MISSED") for bar in bars]


def _aligned(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [columns, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    is_text = [at == 0 or columns is _BAR_COLUMNS for at in range(len(columns))]
    written = [
        "  ".join(
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(line, widths, is_text, strict=True)
        ).rstrip()
        for line in lines
    ]
    return [written[0], "  ".join("-" * width for width in widths), *written[1:]]


def _piped(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    rule = ["---" if at < left else "---:" for at in range(len(columns))]
    lines = [columns, rule, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
