"""What a DAG file pays for: no client library at import, no file, connection or socket in a constructor."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HEAVY = {"requests", "urllib3", "aiohttp", "tenacity", "fsspec"}
TRANSPORTS = {
    f"sailpoint_provider.client.{name}"
    for name in ("aiohttp_session", "async_client", "blocking", "requests_session")
}
CLASSES = {
    "sailpoint_provider.hooks.sailpoint",
    "sailpoint_provider.links.aggregation",
    "sailpoint_provider.notifications.sailpoint",
    "sailpoint_provider.operators.aggregation",
    "sailpoint_provider.operators.entitlements",
    "sailpoint_provider.operators.identity_refresh",
    "sailpoint_provider.operators.source_check",
    "sailpoint_provider.operators.uncorrelated",
    "sailpoint_provider.retry_policy",
    "sailpoint_provider.sensors.aggregation",
    "sailpoint_provider.triggers.aggregation",
}
PROGRAM = """
import json, os, pkgutil, sys
from importlib import import_module
import airflow.sdk, airflow.triggers.base
import airflow.providers.common.compat.sdk as sdk
import airflow.providers.common.compat.notifier
from airflow.providers.common.compat.sdk import (
    AirflowFailException, AirflowNotFoundException, AirflowSensorTimeout, AirflowSkipException, BaseHook,
    BaseOperator, BaseSensorOperator, PokeReturnValue, conf,
)
before = set(sys.modules)
import sailpoint_provider
public = ["sailpoint_provider.get_provider_info", "sailpoint_provider.retry_policy"]
for kind in pkgutil.iter_modules(sailpoint_provider.__path__, "sailpoint_provider."):
    if kind.name.rpartition(".")[2] in (
        "operators", "sensors", "triggers", "hooks", "links", "notifications"
    ):
        package = import_module(kind.name)
        public += [module.name for module in pkgutil.iter_modules(package.__path__, kind.name + ".")]
for name in public:
    import_module(name)
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
import_time = set(sys.modules) - before
loaded = sorted({name.partition(".")[0] for name in import_time})
# A first operator fills Airflow's own caches.
BaseOperator(task_id="warm_up")
BaseSensorOperator(task_id="warm_up_too")
warm = set(sys.modules)
looked_up = []
BaseHook.get_connection = classmethod(lambda cls, conn_id: looked_up.append(conn_id))
missing = os.path.join(os.getcwd(), "no", "such", "accounts.csv")
touched = []
watching = True
def watch(event, arguments):
    if watching and event.partition(".")[0] in ("open", "socket", "subprocess", "os"):
        touched.append(f"{event} {arguments}")
sys.addaudithook(watch)
def stat(path, *arguments, true=os.stat, **keywords):
    if path == missing:
        touched.append(f"stat {path}")
    return true(path, *arguments, **keywords)
os.stat = stat
SailPointAccountAggregationOperator(
    task_id="aggregate", source_name="S", file=missing, sailpoint_conn_id="none", deferrable=True
)
template = "{{ params.one }}"
SailPointAccountAggregationOperator(
    task_id="rendered", source_id=template, file=template, disable_optimization=template,
    sailpoint_conn_id=template,
)
SailPointAccountAggregationSensor(task_id="wait", aggregation_id="0" * 32, sailpoint_conn_id="none")
SailPointAccountAggregationSensor(
    task_id="wait_rendered", aggregation_id=template, sailpoint_conn_id=template, deferrable=True
)
SailPointAccountAggregationTrigger(aggregation_id="0" * 32, sailpoint_conn_id="none")
SailPointHook("none")
watching = False
print(json.dumps({
    "public": public,
    "loaded": loaded,
    "stdlib": [name for name in loaded if name in sys.stdlib_module_names],
    "package": sorted(name for name in import_time if name.startswith("sailpoint_provider.")),
    "later": sorted({name.partition(".")[0] for name in set(sys.modules) - warm}),
    "touched": touched,
    "looked_up": looked_up,
}))
"""


@pytest.fixture(scope="module")
def parse_time(tmp_path_factory):
    """Import and construct in a fresh interpreter, and return what that took."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r})\n{PROGRAM}"],
        capture_output=True,
        text=True,
        cwd=tmp_path_factory.mktemp("parse"),
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_every_public_module_is_looked_at(parse_time):
    assert set(parse_time["public"]) > CLASSES


def test_the_classes_load_no_client_library(parse_time):
    assert not HEAVY & set(parse_time["loaded"])


def test_the_classes_load_nothing_but_airflow_and_the_standard_library(parse_time):
    assert set(parse_time["loaded"]) - set(parse_time["stdlib"]) <= {"airflow", "sailpoint_provider"}


def test_the_classes_load_no_transport(parse_time):
    assert all(find_spec(name) for name in TRANSPORTS), "a transport has another name now"
    assert TRANSPORTS.isdisjoint(parse_time["package"])


def test_constructors_load_no_client_library(parse_time):
    assert not HEAVY & set(parse_time["later"])


def test_constructors_touch_no_file_and_no_socket(parse_time):
    assert parse_time["touched"] == []


def test_constructors_look_up_no_connection(parse_time):
    assert parse_time["looked_up"] == []
