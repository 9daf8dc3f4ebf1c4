"""The Python blocks of README and documentation, with the place where each stands."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
PAGES = (PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md")))

_FENCE = re.compile(
    r"^(?P<indent> *)```(?:python|py)\b[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """One Python block of a page."""

    page: str
    line: int
    code: str

    @property
    def place(self) -> str:
        """Page and line, as a test's ID."""
        return f"{self.page}:{self.line}"

    @property
    def is_dag_file(self) -> bool:
        """Whether Airflow finds DAGs in it."""
        return "with DAG(" in self.code or "@dag" in self.code

    @property
    def is_test_module(self) -> bool:
        """Whether pytest collects something from it."""
        return not self.is_dag_file and ("def test_" in self.code or "pytest_plugins" in self.code)

    @property
    def is_script(self) -> bool:
        """Whether it is simply executed."""
        return not self.is_dag_file and not self.is_test_module


def blocks() -> Iterator[Block]:
    """Return every Python block of every page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            line = text.count("\n", 0, fence.start("code")) + 1
            code = textwrap.dedent(fence["code"])
            yield Block(str(page.relative_to(PROJECT)), line, code)


BLOCKS = tuple(blocks())
