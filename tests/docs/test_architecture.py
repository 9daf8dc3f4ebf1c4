"""The walk through the code in the architecture page names what exists, where it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = PROJECT / "sailpoint_provider"
PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([a-z_]+/(?:[a-z_]+/)*(?:[a-z_]+\.py)?)`", PAGE)) - {"sailpoint_provider/"})
NAMED = re.findall(r"`([A-Za-z_.]+)`\s*[(,]\s*`([a-z_/]+(?:\.py)?)`", PAGE)


def source_of(path: Path) -> str:
    """Return the text of a module, or of all modules of a package."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_the_walk_names_functions_and_their_modules() -> None:
    assert len(NAMED) > 15
    assert len(PATHS) > 15


@pytest.mark.parametrize("path", PATHS)
def test_a_named_module_exists(path: str) -> None:
    assert (PACKAGE / path).exists()


@pytest.mark.parametrize(("name", "path"), NAMED, ids=[f"{name} in {path}" for name, path in NAMED])
def test_a_named_function_or_class_is_defined_in_the_module_beside_it(name: str, path: str) -> None:
    text = source_of(PACKAGE / path)
    for part in name.split("."):
        assert re.search(rf"^ *(?:async )?(?:def|class) {part}\b", text, re.MULTILINE)
