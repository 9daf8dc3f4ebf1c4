"""What an Airflow that is too old, or none at all, gets to hear."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sailpoint_provider.airflow_version import OLDEST

PROJECT = Path(__file__).parents[2]
NEEDED = "airflow-provider-sailpoint needs Apache Airflow 3.0.6 or newer; "
MODULES = (
    "sailpoint_provider.hooks.sailpoint",
    "sailpoint_provider.operators.aggregation",
    "sailpoint_provider.sensors.aggregation",
    "sailpoint_provider.triggers.aggregation",
)


@pytest.fixture
def site(tmp_path):
    """Return a folder for packages, which a Python without any installed ones looks into."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def install_airflow(site, version):
    (site / "airflow").mkdir()
    (site / "airflow" / "__init__.py").write_text(f"__version__ = {version!r}\n", encoding="utf-8")


def run(site, program):
    """Run a program with this package and what is in the folder, and nothing else."""
    paths = f"import sys; sys.path[:0] = {[str(site), str(PROJECT)]!r}\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", paths + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(site, module):
    """Import a module and return its last line of complaint."""
    ended = run(site, f"import {module}")
    assert ended.returncode == 1, ended.stdout
    return ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("module", MODULES)
def test_an_airflow_2_hears_which_one_is_needed(site, module):
    install_airflow(site, "2.10.5")
    assert refusal(site, module) == f"ImportError: {NEEDED}this is Airflow 2.10.5."


@pytest.mark.parametrize("module", MODULES)
def test_without_airflow_one_hears_that_it_is_missing(site, module):
    assert refusal(site, module) == f"ImportError: {NEEDED}none is installed."


def test_a_provider_of_airflow_without_airflow_counts_as_none(site):
    (site / "airflow" / "providers" / "standard").mkdir(parents=True)
    assert refusal(site, MODULES[0]) == f"ImportError: {NEEDED}none is installed."


def test_an_airflow_that_is_broken_shows_its_own_trouble(site):
    install_airflow(site, "3.3.2")
    (site / "airflow" / "__init__.py").write_text("import missing_library\n", encoding="utf-8")
    assert refusal(site, MODULES[0]) == "ModuleNotFoundError: No module named 'missing_library'"


@pytest.mark.parametrize("version", ["2.11.0", "3.0.0", "3.0.5", "3.0.0rc1"])
def test_the_first_versions_of_airflow_3_are_too_old_too(site, version):
    install_airflow(site, version)
    assert refusal(site, "sailpoint_provider.hooks") == f"ImportError: {NEEDED}this is Airflow {version}."


@pytest.mark.parametrize("version", ["3.0.6", "3.0.10", "3.3.2", "3.4.0.dev0", "3.10.0b1", "4.0.0"])
def test_a_newer_airflow_is_welcome(site, version):
    install_airflow(site, version)
    ended = run(site, "import sailpoint_provider.hooks, sailpoint_provider.operators")
    assert ended.returncode == 0, ended.stderr


def test_the_task_sdk_alone_is_welcome(site):
    (site / "airflow" / "sdk").mkdir(parents=True)
    (site / "airflow" / "sdk" / "__init__.py").touch()
    ended = run(site, "import sailpoint_provider.hooks")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("version", ["2.10.5", None])
def test_the_providers_description_can_be_read_everywhere(site, version):
    if version is not None:
        install_airflow(site, version)
    program = (
        "from sailpoint_provider.get_provider_info import get_provider_info as read\nprint(read()['name'])"
    )
    ended = run(site, program)
    assert (ended.returncode, ended.stdout) == (0, "SailPoint Identity Security Cloud\n"), ended.stderr


def test_the_requirements_name_the_same_airflow():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"apache-airflow>={'.'.join(map(str, OLDEST))}" in project["dependencies"]
