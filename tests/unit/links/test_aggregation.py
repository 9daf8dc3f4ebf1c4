"""The links of a task: there from the start on, right after a resume, and never in the way of a load."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from airflow.sdk import DAG

from sailpoint_provider.exceptions import InvalidInputError, SailPointError
from sailpoint_provider.get_provider_info import get_provider_info
from sailpoint_provider.links import aggregation as links
from sailpoint_provider.links.aggregation import (
    LINKS,
    SailPointAggregationActivityLink,
    SailPointSourceLink,
)
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import (
    DIRECTORY,
    HR,
    NEVER,
    NOBODY,
    POLL,
    FakeTaskInstance,
    carried_out,
    end_of,
)

UI = "https://acme.identitynow.com"
SOURCE, ACTIVITY = "_link_SailPointSourceLink", "_link_SailPointAggregationActivityLink"
SOURCES_PAGE = f"{UI}/ui/a/admin/connections/sources-list/configured-sources"
MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
WAITS = pytest.mark.parametrize(
    "mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}], ids=str
)


def page_of(source_id):
    return f"{UI}/ui/a/admin/connections/sources/{source_id}"


def operator(**changed):
    return SailPointAccountAggregationOperator(**{"task_id": "task", "poll_interval": POLL} | changed)


def sensor(**changed):
    usual = {"task_id": "task", "poll_interval": POLL, "timeout": 20.0}
    return SailPointAccountAggregationSensor(**usual | changed)


@pytest.fixture
def tenant(tenant):
    tenant.connect(extra={"ui_url": UI})
    return tenant


@MODES
def test_both_links_are_there_before_the_start_is_sent(tenant, deferrable):
    ti, at_the_push = FakeTaskInstance(), []

    def look():
        at_the_push.append((dict(ti.pushed), len(tenant.starts())))

    ti.on_push = look
    carried_out(lambda: operator(source_name="Directory", deferrable=deferrable), ti)
    assert ti.pushed[SOURCE] == page_of(DIRECTORY)
    assert ti.pushed[ACTIVITY] == SOURCES_PAGE
    starts_before = [
        starts for pushed, starts in at_the_push if SOURCE not in pushed or ACTIVITY not in pushed
    ]
    assert starts_before == [0, 0]


def test_a_task_that_waits_for_a_busy_source_shows_it_meanwhile(tenant):
    tenant.started(DIRECTORY, seconds=NEVER)
    ti = FakeTaskInstance()
    end_of(lambda: operator(source_id=DIRECTORY, if_running="fail"), ti)
    assert ti.pushed[SOURCE] == page_of(DIRECTORY)
    assert "aggregation_id" not in ti.pushed


def test_a_refused_file_shows_the_source_that_it_was_for(tenant, tmp_path):
    file = tenant.csv(tmp_path, rows=0)
    ti = FakeTaskInstance()
    end_of(lambda: operator(source_id=HR, file=file, check=True), ti)
    assert ti.pushed[SOURCE] == page_of(HR)
    assert tenant.starts() == []


def test_an_unknown_source_has_no_page(tenant):
    ti = FakeTaskInstance()
    end_of(lambda: operator(source_id=NOBODY), ti)
    assert SOURCE not in ti.pushed


@WAITS
def test_a_sensor_learns_the_source_from_the_task_record(tenant, mode):
    aggregation_id = tenant.started(DIRECTORY)
    ti = FakeTaskInstance()
    carried_out(lambda: sensor(aggregation_id=aggregation_id, **mode), ti)
    assert (ti.pushed[SOURCE], ti.pushed[ACTIVITY]) == (page_of(DIRECTORY), SOURCES_PAGE)


@WAITS
def test_a_sensor_shows_the_source_of_a_failed_aggregation(tenant, mode):
    aggregation_id = tenant.started(DIRECTORY, "error")
    ti = FakeTaskInstance()
    end_of(lambda: sensor(aggregation_id=aggregation_id, **mode), ti)
    assert ti.pushed[SOURCE] == page_of(DIRECTORY)


@WAITS
def test_a_sensor_that_has_read_no_record_links_to_the_activity_alone(tenant, mode):
    tenant.control.fault("answer", path="task-status", status=503)
    ti = FakeTaskInstance()
    end_of(lambda: sensor(aggregation_id=NOBODY, tolerate_outage=0.1, **mode), ti)
    assert ti.pushed[ACTIVITY] == SOURCES_PAGE
    assert SOURCE not in ti.pushed


def test_a_task_without_links_asks_airflow_for_none_at_its_end(tenant, monkeypatch):
    tenant.connect()
    monkeypatch.setattr(links, "_pushed_before", lambda *_: pytest.fail("nothing was pushed"))
    task, ti = operator(source_id=DIRECTORY), FakeTaskInstance()
    task.execute(ti.context)
    assert [link.get_link(task, ti_key=ti) for link in LINKS] == ["", ""]


@pytest.mark.parametrize("make", [operator, sensor])
def test_a_tenant_whose_web_interface_is_unknown_has_no_link(tenant, make):
    tenant.connect()
    ti = FakeTaskInstance()
    ids = {"aggregation_id": tenant.started()} if make is sensor else {"source_id": DIRECTORY}
    carried_out(lambda: make(**ids), ti)
    assert [key for key in ti.pushed if key.startswith("_link_")] == []


def test_a_link_that_airflow_does_not_take_fails_no_load(tenant):
    class Unreachable(FakeTaskInstance):
        def xcom_push(self, key, value):
            if key.startswith("_link_"):
                raise ConnectionError("the API server is down")
            super().xcom_push(key, value)

    result = carried_out(lambda: operator(source_id=DIRECTORY), Unreachable())
    assert result["state"] == "succeeded"


def test_what_replaces_the_links_at_the_end_of_the_process_is_what_was_pushed(tenant):
    task, ti = operator(source_id=DIRECTORY), FakeTaskInstance()
    task.execute(ti.context)
    assert {link.xcom_key: link.get_link(task, ti_key=ti) for link in LINKS} == {
        SOURCE: page_of(DIRECTORY),
        ACTIVITY: SOURCES_PAGE,
    }


@pytest.mark.parametrize(
    ("make", "settings"), [(operator, {"source_id": DIRECTORY}), (sensor, {"aggregation_id": NOBODY})]
)
def test_a_process_that_resumes_the_task_keeps_the_links_of_the_one_before(monkeypatch, make, settings):
    asked = []

    def before(ti_key, key):
        asked.append((ti_key, key))
        return page_of(DIRECTORY)

    monkeypatch.setattr(links, "_pushed_before", before)
    ti, task = FakeTaskInstance(), make(**settings)
    with pytest.raises(SailPointError):  # the event is missing
        task.resume_execution("execute_complete", {}, ti.context)
    assert SailPointSourceLink().get_link(task, ti_key=ti) == page_of(DIRECTORY)
    assert asked == [(ti, SOURCE)]


def test_a_process_that_begins_asks_airflow_for_no_earlier_links(tenant, monkeypatch):
    # Airflow would log an error for each that is not there.
    monkeypatch.setattr(links, "_pushed_before", lambda *_: pytest.fail("nothing was pushed"))
    task, ti = operator(source_id=NOBODY), FakeTaskInstance()
    with pytest.raises(InvalidInputError):
        task.execute(ti.context)
    assert [link.get_link(task, ti_key=ti) for link in LINKS] == ["", ""]


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_a_link_that_cannot_be_found_out_is_empty(link):
    # No supervisor answers here, so that Airflow's own look-up raises an error.
    resumed = operator(source_id=DIRECTORY)
    links.keep_links(resumed)
    assert link.get_link(resumed, ti_key=FakeTaskInstance()) == ""
    assert link.get_link(None, ti_key=None) == ""


@pytest.mark.parametrize("make", [operator, sensor])
def test_airflow_stores_the_name_and_the_key_of_each_link(make):
    with DAG("shown", schedule=None) as dag:
        make(**({"source_id": DIRECTORY} if make is operator else {"aggregation_id": NOBODY}))
    serialized = import_module("airflow.serialization.serialized_objects")
    serialization = getattr(serialized, "DagSerialization", None) or serialized.SerializedDAG
    stored = json.dumps(serialization.to_dict(dag))
    served = serialization.from_dict(json.loads(stored)).get_task("task")
    assert {link.name: link.xcom_key for link in served.operator_extra_links} == {
        "Open source in ISC": SOURCE,
        "Aggregation activity": ACTIVITY,
    }


def test_the_metadata_name_the_links():
    named = [path.rpartition(".") for path in get_provider_info()["extra-links"]]
    classes = [getattr(import_module(module), name) for module, _, name in named]
    assert classes == [SailPointSourceLink, SailPointAggregationActivityLink]
    assert [type(link) for link in LINKS] == classes
