"""Imports point downwards only and never in a circle; those for type checkers count too."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import sailpoint_provider

ROOT = Path(sailpoint_provider.__file__).parent
ROOMS = (
    ("exceptions", "results", "amounts", "coercion", "airflow_version", "version_compat"),
    ("files",),
    ("isc",),
    ("client",),
    ("polling",),
    ("hooks",),
    ("drops", "links"),
    ("_airflow",),
    ("triggers", "notifications"),
    ("operators",),
    ("assets",),
    ("sensors",),
    ("__init__", "__main__", "get_provider_info", "plugins", "retry_policy"),
)
"""From the bottom up."""

MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path
    for path in sorted(ROOT.rglob("*.py"))
    if path.relative_to(ROOT).parts[0] != "simulator"
}


def _imported(path):
    """Yield the modules of this package that a module imports, as keys of MODULES."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            assert not name.startswith("sailpoint_provider.simulator"), f"{path}: {name}"
            inside = name.removeprefix("sailpoint_provider.")
            if name.startswith("sailpoint_provider.") and inside in MODULES:
                yield inside


def _height(module):
    room = module.split(".")[0]
    (height,) = [at for at, rooms in enumerate(ROOMS) if room in rooms]
    return height


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_room_and_those_below(module):
    for name in _imported(MODULES[module]):
        is_same_room = name.split(".")[0] == module.split(".")[0]
        assert is_same_room or _height(name) < max(_height(module), 1), name


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: set(_imported(path)) - {module} for module, path in MODULES.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"an import cycle: {' -> '.join(error.args[1])}")
