import inspect
import json
import re
from pathlib import Path

import pytest
import requests

from sailpoint_provider.simulator.control import ControlError, SimulatorControl
from sailpoint_provider.simulator.control.api import ENDPOINTS
from sailpoint_provider.simulator.faults.script import KINDS

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "tenant-in-a-box.md"


INDEX = ("/", "/_simulator", "/_simulator/")


@pytest.mark.parametrize("path", INDEX)
def test_the_index_says_what_this_is_and_needs_no_token(sailpoint_simulator, path):
    answer = requests.get(f"{sailpoint_simulator.url}{path}", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    index = answer.json()
    assert "simulated SailPoint Identity Security Cloud tenant" in index["this_is"]
    assert index["airflow_connection"] == json.loads(sailpoint_simulator.airflow_connection)
    assert index == sailpoint_simulator.control.index()


def test_the_index_has_one_line_for_each_endpoint(sailpoint_simulator):
    text = requests.get(sailpoint_simulator.url, timeout=10).text
    for endpoint in ENDPOINTS:
        (line,) = [line for line in text.splitlines() if f'"{endpoint.name}"' in line]
        assert endpoint.summary in line
        assert all(field in line for field in (*endpoint.fields, *endpoint.parameters))


def test_the_index_is_not_recorded_and_not_hit_by_faults(sailpoint_simulator):
    sailpoint_simulator.control.fault("reset")
    assert requests.get(sailpoint_simulator.url, timeout=10).status_code == 200
    assert sailpoint_simulator.control.requests() == []


def test_the_connection_works_and_omits_defaults(sailpoint_simulator):
    connection = sailpoint_simulator.control.index()["airflow_connection"]
    assert set(connection) == {"conn_type", "host", "login", "password"}
    form = {
        "grant_type": "client_credentials",
        "client_id": connection["login"],
        "client_secret": connection["password"],
    }
    assert requests.post(f"{connection['host']}/oauth/token", data=form, timeout=10).status_code == 200


def test_the_guide_lists_every_endpoint_with_its_fields():
    rows = re.findall(r"^\| (GET|POST|DELETE) \| `(/_simulator/.+?)` \|(.*)\|.*\|$", GUIDE.read_text(), re.M)
    told = {f"{method} {path}": set(re.findall(r"`(\w+)`", fields)) for method, path, fields in rows}
    assert set(told) == {endpoint.name for endpoint in ENDPOINTS}
    for endpoint in ENDPOINTS:
        if endpoint.path != "/shapes":
            assert told[endpoint.name] >= {*endpoint.fields, *endpoint.parameters}, endpoint.name


def test_the_guide_lists_every_kind_of_fault():
    assert set(re.findall(r"`(\w+)`", GUIDE.read_text())) >= KINDS


def test_the_control_api_accepts_the_faults_in_the_guide(control):
    recipes = re.search(r"```python\n(# The start.*?)```", GUIDE.read_text(), re.S)[1]
    exec(recipes, {"control": control, "source_id": control.sources()[2]["id"]})
    assert len(control.faults()) == recipes.count("control.fault(") == 6


def test_the_python_client_has_a_method_for_every_endpoint():
    source = inspect.getsource(SimulatorControl)
    called = set(re.findall(r'"(GET|POST|DELETE)", f?"([^"?]*)', source))
    wanted = {(endpoint.method, re.sub(r"\{id\}", "{}", endpoint.path)) for endpoint in ENDPOINTS}
    assert {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in called} >= wanted - {
        ("GET", "/shapes")
    }


def test_unknown_names_and_values_are_refused(control):
    for refused in (
        lambda: control.shapes(round=True),
        lambda: control.create_source("Directory"),
        lambda: control.create_source("New", colour="red"),
        lambda: control.create_source("New", type="cloud"),
        lambda: control.next_run("0" * 32),
        lambda: control.finish("0" * 32),
        lambda: control.api_version("v9", retired=True),
        lambda: control.clock("late"),
    ):
        with pytest.raises(ControlError):
            refused()


def test_reset_gives_a_fresh_tenant(api, control):
    control.create_source("Another")
    control.shapes(all=True)
    control.fault("reset", path="nothing")
    control.reset()
    assert [source["name"] for source in control.sources()] == [
        "HR Delimited File",
        "Contractors Delimited File",
        "Directory",
        "Mainframe via Virtual Appliance",
    ]
    assert (control.faults(), control.requests(), control.runs()) == ([], [], [])
    assert api.sources().status_code == 401
