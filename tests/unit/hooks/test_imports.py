"""Methods for event loops import nothing heavy on the loop, where an import would hold up every wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.unit.isc.isc_cases import SOURCE

CALLS = [["aload_accounts", SOURCE], ["aget_task_status", SOURCE]]
PROBE = """
import asyncio, json, os, sys, threading
from sailpoint_provider.hooks.sailpoint import SailPointHook

HEAVY = ("sailpoint_provider.isc.start.load", "sailpoint_provider.isc.api.endpoints", "aiohttp", "msgspec")
found = []

class Watcher:
    def find_spec(self, name, path=None, target=None):
        if name in HEAVY:
            found.append((name, threading.current_thread() is threading.main_thread()))
        return None

async def send_nothing(self, call):
    return None

async def call(name, *arguments):
    sys.meta_path.insert(0, Watcher())
    SailPointHook._arun = SailPointHook._asend = send_nothing
    await getattr(SailPointHook(), name)(*arguments)

# Each call is the first one of a process, which need not import Airflow anew.
for arguments in json.loads(sys.argv[1]):
    if os.fork() == 0:
        asyncio.run(call(*arguments))
        print(json.dumps([arguments[0], found]), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(f"{arguments[0]} failed")
"""


@pytest.fixture(scope="module")
def imported():
    """Return what the first call of each method imports, and whether on the event loop."""
    connection = {"conn_type": "sailpoint", "host": "http://127.0.0.1:9", "login": "a", "password": "b"}
    variables = os.environ | {"AIRFLOW_CONN_SAILPOINT_DEFAULT": json.dumps(connection)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(CALLS)], env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # Airflow logs to the standard output too.
    return dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith('["a'))


@pytest.mark.parametrize("method", [name for name, _ in CALLS])
def test_what_is_heavy_is_imported_in_a_thread(imported, method):
    assert "sailpoint_provider.isc.api.endpoints" in {name for name, _ in imported[method]}
    assert [name for name, is_on_the_loop in imported[method] if is_on_the_loop] == []
