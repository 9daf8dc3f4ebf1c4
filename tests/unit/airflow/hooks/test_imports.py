"""Methods for event loops import nothing heavy on the loop, where an import would hold up every wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.unit.isc.isc_cases import SOURCE

PROBE = """
import asyncio, json, sys, threading
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

asyncio.run(call(*json.loads(sys.argv[1])))
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    "call",
    [["aload_accounts", SOURCE], ["aget_task_status", SOURCE]],
    ids=lambda call: call[0],
)
def test_what_is_heavy_is_imported_in_a_thread(call):
    connection = {"conn_type": "sailpoint", "host": "http://127.0.0.1:9", "login": "a", "password": "b"}
    variables = os.environ | {"AIRFLOW_CONN_SAILPOINT_DEFAULT": json.dumps(connection)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(call)], env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert "sailpoint_provider.isc.api.endpoints" in {name for name, _ in found}
    assert [name for name, is_on_the_loop in found if is_on_the_loop] == []
