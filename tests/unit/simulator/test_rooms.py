"""Imports inside the simulator point one way, and never out of it."""

import ast
import sys
from pathlib import Path

import pytest

import sailpoint_provider.simulator

PACKAGE = "sailpoint_provider.simulator"
ROOT = Path(sailpoint_provider.simulator.__file__).parent
ROOMS = ("model", "api", "faults", "control")
"""From the bottom up; what lies outside of them is at the top."""


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _height(parts):
    return ROOMS.index(parts[0]) if parts and parts[0] in ROOMS else len(ROOMS)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_its_room_and_those_below(path):
    height = _height(path.relative_to(ROOT).with_suffix("").parts)
    for name in _imported(path):
        if name.split(".")[0] != "sailpoint_provider":
            continue
        assert name.startswith(f"{PACKAGE}."), name
        assert _height(name.removeprefix(f"{PACKAGE}.").split(".")) <= height, name


def test_the_control_client_needs_the_standard_library_alone():
    room = ROOT / "control"
    names = {*_imported(room / "__init__.py"), *_imported(room / "client.py")}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"sailpoint_provider"}
