"""Every Python block of README and documentation runs as it stands."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sailpoint_provider.simulator.server import SimulatorServer
from tests.docs.blocks import BLOCKS, PROJECT, Block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def block_cases(kind: Callable[[Block], bool]) -> Any:
    """Parametrize a test with the blocks of a kind."""
    chosen = [block for block in BLOCKS if kind(block)]
    return pytest.mark.parametrize("block", chosen, ids=[block.place for block in chosen])


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """Serve a fresh tenant."""
    with SimulatorServer(speed=100.0) as server:
        yield server


def test_the_pages_have_blocks_of_every_kind() -> None:
    assert any(block.page == "README.md" for block in BLOCKS)
    for kind in (Block.is_dag_file, Block.is_test_module, Block.is_script):
        assert any(kind.fget(block) for block in BLOCKS)  # type: ignore[attr-defined]


@block_cases(lambda block: block.is_dag_file)
def test_airflow_imports_a_dag_file(block: Block, tmp_path: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "dag_of_a_page.py").write_text(block.code, encoding="utf-8")
    bag = DagBag(dag_folder=tmp_path)
    assert bag.import_errors == {}
    assert bag.dags
    assert all(dag.tasks for dag in bag.dags.values())


@block_cases(lambda block: block.is_test_module)
def test_pytest_passes_a_test_module(block: Block, tmp_path: Path) -> None:
    if "def test_" in block.code:
        code = block.code
        if "pytest_plugins" not in code:
            (tmp_path / "conftest.py").write_text(
                'pytest_plugins = ["sailpoint_provider.simulator.pytest_fixture"]\n', encoding="utf-8"
            )
    else:
        (tmp_path / "conftest.py").write_text(block.code, encoding="utf-8")
        code = "def test_the_fixture_is_there(sailpoint_simulator): sailpoint_simulator.control.health()\n"
    module = tmp_path / "test_of_a_page.py"
    module.write_text(code, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, module],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


@block_cases(lambda block: block.is_script)
def test_a_script_runs_against_a_tenant(
    block: Block, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run it with what the pages introduce before: the control client, and the ID of a source."""
    monkeypatch.setenv("AIRFLOW_CONN_SAILPOINT_DEFAULT", simulator.airflow_connection)
    names = {"control": simulator.control, "source_id": "2c918085000000000000000000000a03"}
    exec(compile(ast.parse(block.code), block.place, "exec"), names)
