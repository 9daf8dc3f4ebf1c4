"""The page's own logic, which runs in a browser: tested by Node.js where that is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "page"
NODE = shutil.which("node")
OLDEST_NODE = 20


def node_version() -> int:
    if NODE is None:
        return 0
    told = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    number = told.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


@pytest.mark.skipif(
    node_version() < OLDEST_NODE,
    reason=f"Node.js {OLDEST_NODE} or newer is not installed; the browser test still runs the page",
)
@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.test.mjs")), ids=lambda file: file.name)
def test_the_pages_modules_do_what_their_tests_say(file):
    run = subprocess.run(
        [NODE, "--test", str(file)], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
