"""The wheel that users install: what is in it, and how Airflow finds the provider."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from sailpoint_provider import __version__
from sailpoint_provider.get_provider_info import get_provider_info

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    find_spec("flit_core") is None, reason="flit_core, which builds the wheel, is not installed"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel, away from the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from flit_core.buildapi import build_wheel; build_wheel(sys.argv[1])"
    run = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def text_of(wheel, name):
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_the_whole_package_is_in_it(wheel):
    package = PROJECT / "sailpoint_provider"
    files = {str(file.relative_to(PROJECT)) for file in package.rglob("*.py")}
    files |= {str(file.relative_to(PROJECT)) for file in (package / "plugins" / "page").iterdir()}
    assert files <= set(wheel.namelist())
    assert "sailpoint_provider/py.typed" in wheel.namelist()
    assert "sailpoint_provider/simulator/server.py" in wheel.namelist()


def test_nothing_else_is_in_it(wheel):
    roots = {name.partition("/")[0] for name in wheel.namelist()}
    assert roots == {"sailpoint_provider", f"airflow_provider_sailpoint-{__version__}.dist-info"}
    parts = {part for name in wheel.namelist() for part in name.split("/")}
    assert not {
        part for part in parts if part.startswith(("test", "conftest", "example_dags", "__pycache__"))
    }


def test_airflow_finds_the_provider_and_the_plugin_by_their_entry_points(wheel):
    entry_points = ConfigParser()
    entry_points.read_string(text_of(wheel, "entry_points.txt"))
    assert dict(entry_points["apache_airflow_provider"]) == {
        "provider_info": "sailpoint_provider.get_provider_info:get_provider_info"
    }
    assert dict(entry_points["airflow.plugins"]) == {
        "sailpoint": "sailpoint_provider.plugins.sailpoint:SailPointPlugin"
    }
    # Named in both places, Airflow would find the plugin twice and warn of it.
    assert "plugins" not in get_provider_info()


def test_its_name_version_and_needs_are_the_projects(wheel):
    metadata = email.message_from_string(text_of(wheel, "METADATA"))
    assert metadata["Name"] == get_provider_info()["package-name"]
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert any(line.startswith("apache-airflow>=3.0") for line in needed)
    assert not any("starlette" in line or "uvicorn" in line for line in needed)
