"""What OpenLineage gets of a load: at its start, after a good end, after a bad one, in both modes."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from sailpoint_provider._airflow import lineage
from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.drops.taking import take_drops
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import (
    DIRECTORY,
    HR,
    NEVER,
    POLL,
    FakeStore,
    FakeTaskInstance,
    carried_out,
    timed_out_after_start,
)

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
MESSAGE = "The directory said no."


@pytest.fixture
def openlineage(monkeypatch):
    """Let OpenLineage follow the tasks of this process."""
    pytest.importorskip(
        "airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed"
    )
    monkeypatch.setattr(lineage, "openlineage_listens", lambda: True)


@dataclass
class Followed:
    """A task that ran, and what OpenLineage gets of it in the process in which it ended."""

    task: Any
    ti: FakeTaskInstance
    error: BaseException | None = None

    @property
    def end(self):
        """The last event in JSON, as the client sends it."""
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
        from openlineage.client.serde import Serde

        if self.error is None:
            given = self.task.get_openlineage_facets_on_complete(self.ti)
        else:
            self.ti.get_template_context = lambda: {"exception": self.error}
            given = self.task.get_openlineage_facets_on_failure(self.ti)
        event = RunEvent(
            eventType=RunState.OTHER,
            eventTime="2026-11-24T02:00:00Z",
            run=Run("0197c0de-0000-7000-8000-000000000001", given.run_facets),
            job=Job("tests", "task"),
            inputs=given.inputs,
            outputs=given.outputs,
            producer="https://example.com/tests",
        )
        return json.loads(Serde.to_json(event))

    @property
    def file(self):
        (one,) = self.end["inputs"]
        return one

    @property
    def source(self):
        (one,) = self.end["outputs"]
        return one

    @property
    def load(self):
        return self.end["run"]["facets"]["sailPoint_load"]


def followed(make, ti=None):
    """Run a task to its end; a task that is resumed is another object."""
    tasks, ti = [], ti or FakeTaskInstance()

    def made():
        tasks.append(make())
        return tasks[-1]

    try:
        carried_out(made, ti)
    except Exception as error:
        return Followed(tasks[-1], ti, error)
    return Followed(tasks[-1], ti)


def operator(**changed):
    return SailPointAccountAggregationOperator(
        **{"task_id": "task", "source_id": HR, "poll_interval": POLL} | changed
    )


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def columns_of(tenant, source_id=HR):
    (header,) = (source["header"] for source in tenant.control.sources() if source["id"] == source_id)
    return header


def fields(dataset):
    schema = dataset["facets"].get("schema")
    return None if schema is None else [one["name"] for one in schema["fields"]]


def statistics(dataset):
    facet = dataset["inputFacets"]["inputStatistics"]
    return facet.get("rowCount"), facet.get("size"), facet.get("fileCount")


def test_the_start_names_the_file_without_a_request_to_anybody(openlineage, tenant, tmp_path, monkeypatch):
    monkeypatch.setattr(SailPointHook, "get_connection", lambda *_: pytest.fail("the connection was read"))
    missing = tmp_path / "missing.csv"
    given = operator(file=str(missing)).get_openlineage_facets_on_start()
    assert [(one.namespace, one.name) for one in given.inputs] == [("file", str(missing))]
    assert given.outputs == []
    assert given.run_facets["sailPoint_load"].load == "account aggregation"
    assert tenant.calls() == []


@MODES
def test_a_checked_load_has_every_facet(openlineage, tenant, tmp_path, deferrable):
    tenant.plan(HR)
    file = tenant.csv(tmp_path, rows=7)
    content = file.read_bytes()
    done = followed(lambda: operator(file=str(file), check=True, deferrable=deferrable))

    assert (done.file["namespace"], done.file["name"]) == ("file", str(file))
    assert fields(done.file) == columns_of(tenant)
    assert statistics(done.file) == (7, len(content), 1)
    assert done.file["facets"]["version"]["datasetVersion"] == f"sha256:{sha256(content)}"
    sent = done.file["inputFacets"]["sailPoint_file"]
    assert (sent["name"], sent["sizeBytes"], sent["sha256"]) == (
        "accounts.csv",
        len(content),
        sha256(content),
    )

    host = tenant.server.url.removeprefix("http://")
    assert (done.source["namespace"], done.source["name"]) == (f"sailpoint://{host}", f"sources/{HR}")
    assert done.source["facets"]["documentation"]["description"] == "HR Delimited File"
    assert done.source["outputFacets"]["outputStatistics"]["rowCount"] == 7
    counts = done.source["outputFacets"]["sailPoint_accounts"]
    assert [counts[name] for name in ("scanned", "created", "updated", "deleted")] == [7, 7, 0, 0]

    (run,) = tenant.runs()
    assert (done.load["aggregationId"], done.load["state"]) == (run["id"], "succeeded")
    assert "errorType" not in done.load


@MODES
def test_an_unchecked_load_has_the_header_that_isc_accepted_but_no_rows(
    openlineage, tenant, tmp_path, deferrable
):
    tenant.plan(HR)
    file = tenant.csv(tmp_path, rows=7)
    done = followed(lambda: operator(file=str(file), deferrable=deferrable))
    assert fields(done.file) == columns_of(tenant)
    assert statistics(done.file) == (None, file.stat().st_size, 1)


def test_a_file_that_was_replaced_since_has_no_header(openlineage, tenant, tmp_path):
    tenant.plan(HR)
    file = tenant.csv(tmp_path, rows=7)
    loaded = sha256(file.read_bytes())
    done = followed(lambda: operator(file=str(file)))
    file.write_text("values,of,a person\n", encoding="utf-8")
    assert fields(done.file) is None
    assert done.file["inputFacets"]["sailPoint_file"]["sha256"] == loaded


@MODES
def test_a_drop_has_the_name_under_which_it_was_dropped(openlineage, tenant, tmp_path, deferrable):
    tenant.plan(HR)
    folder = tmp_path / "drops"
    folder.mkdir()
    tenant.csv(folder, rows=5, name="hr.csv")
    rules = FolderRules(url=str(folder), source_id=HR, complete="renamed")
    (drop,) = take_drops(rules, Run("load", "run"), active=lambda _: True).drops
    done = followed(lambda: operator(source_id=None, drop=drop, deferrable=deferrable))
    assert done.error is None
    started = operator(source_id=None, drop=drop).get_openlineage_facets_on_start()
    assert done.file["name"] == started.inputs[0].name == str(folder / "hr.csv")
    assert (fields(done.file), statistics(done.file)[0]) == (columns_of(tenant), 5)


def test_a_load_without_a_file_has_no_input(openlineage, tenant):
    tenant.plan(DIRECTORY)
    done = followed(lambda: operator(source_id=DIRECTORY))
    assert done.end["inputs"] == []
    assert done.source["name"] == f"sources/{DIRECTORY}"


def test_a_load_that_is_not_waited_for_has_no_counts(openlineage, tenant, tmp_path):
    tenant.plan(HR, seconds=NEVER)
    file = tenant.csv(tmp_path)
    done = followed(lambda: operator(file=str(file), wait_for_completion=False))
    assert done.load["state"] == "running"
    assert done.source["outputFacets"] == {}
    assert statistics(done.file)[1] == file.stat().st_size


@MODES
def test_a_failed_aggregation_has_isc_s_messages(openlineage, tenant, tmp_path, deferrable):
    tenant.plan(HR, "error", messages=[MESSAGE])
    file = tenant.csv(tmp_path)
    done = followed(lambda: operator(file=str(file), check=True, deferrable=deferrable))
    assert (done.load["state"], done.load["completionStatus"]) == ("failed", "ERROR")
    assert MESSAGE in [message["text"] for message in done.load["messages"]]
    assert done.load["errorType"] == "AggregationFailedError"
    assert done.source["name"] == f"sources/{HR}"
    assert fields(done.file) == columns_of(tenant)


def test_a_refused_file_is_known_as_far_as_it_was_checked(openlineage, tenant, tmp_path):
    file = tenant.csv(tmp_path, rows=9)
    done = followed(lambda: operator(file=str(file), check={"min_rows": 100}))
    assert done.load["errorType"] == "FileRefusedError"
    assert "aggregationId" not in done.load
    assert statistics(done.file) == (9, file.stat().st_size, 1)
    assert done.source["name"] == f"sources/{HR}"
    assert done.source["outputFacets"] == {}


@pytest.mark.parametrize("check", [True, False])
def test_values_of_a_file_without_a_header_stay_in_it(openlineage, tenant, tmp_path, check):
    file = tmp_path / "hr.csv"
    rows = tenant.csv_text(3).split("\n", 1)[1]
    file.write_text(rows, encoding="utf-8")
    done = followed(lambda: operator(file=str(file), check=check))
    assert done.load["errorType"] == "FileRefusedError"
    assert fields(done.file) is None
    assert rows.split(",", 1)[0] not in json.dumps(done.end)


def test_what_isc_answered_to_a_refused_start_is_named(openlineage, tenant, tmp_path):
    file = tmp_path / "hr.csv"
    file.write_text("no,such,columns\n1,2,3\n", encoding="utf-8")
    done = followed(lambda: operator(file=str(file)))
    assert (done.load["httpStatus"], done.load["detailCode"]) == (400, "400.1.3 Illegal value")
    assert done.load["trackingId"]


def test_a_wait_that_timed_out_on_the_triggerer_still_names_source_and_file(openlineage, tenant, tmp_path):
    tenant.plan(HR, seconds=NEVER)
    file = tenant.csv(tmp_path)
    done = timed_out_after_start(
        lambda seconds: followed(lambda: operator(file=str(file), deferrable=True, timeout=seconds)),
        lambda: bool(tenant.runs()),
    )
    (run,) = tenant.runs()
    assert done.load["errorType"] == "AggregationTimeoutError"
    assert (done.load["aggregationId"], done.source["name"]) == (run["id"], f"sources/{HR}")
    assert done.file["inputFacets"]["sailPoint_file"]["sha256"] == sha256(file.read_bytes())


def test_a_retry_that_finds_the_result_of_an_earlier_try_has_it(openlineage, tenant, tmp_path):
    tenant.plan(HR)
    file = tenant.csv(tmp_path, rows=4)
    ti = FakeTaskInstance(store=FakeStore())
    first = followed(lambda: operator(file=str(file)), ti)
    again = followed(lambda: operator(file=str(file)), ti.next_try())
    assert len(tenant.starts()) == 1
    assert again.load == first.load
    assert again.source == first.source


def test_a_connection_that_is_missing_leaves_the_source_out(openlineage, tenant, tmp_path):
    done = followed(lambda: operator(file=str(tenant.csv(tmp_path)), sailpoint_conn_id="none"))
    assert done.load["errorType"] == "InvalidInputError"
    assert done.end["outputs"] == []
    assert len(done.end["inputs"]) == 1


@pytest.mark.parametrize(
    "mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}], ids=lambda mode: str(mode)
)
@pytest.mark.parametrize(("outcome", "state"), [(None, "succeeded"), ("error", "failed")])
def test_the_sensor_has_an_output_alone(openlineage, tenant, mode, outcome, state):
    started = tenant.started(DIRECTORY, outcome)

    def sensor():
        return SailPointAccountAggregationSensor(
            task_id="task", aggregation_id=started, poll_interval=POLL, timeout=20, **mode
        )

    done = followed(sensor)
    assert done.end["inputs"] == []
    assert done.source["name"] == f"sources/{DIRECTORY}"
    assert (done.load["aggregationId"], done.load["state"]) == (started, state)
    assert sensor().get_openlineage_facets_on_start().outputs == []


def test_no_secret_is_in_an_event(openlineage, tenant, tmp_path):
    tenant.plan(HR)
    file = tenant.csv(tmp_path)
    for done in (
        followed(lambda: operator(file=str(file), deferrable=True)),
        followed(lambda: operator(file=str(tmp_path / "missing.csv"))),
    ):
        assert tenant.client_secret not in json.dumps(done.end)
        assert tenant.client_id not in json.dumps(done.end)


@MODES
def test_a_task_succeeds_although_nothing_can_be_noted(
    openlineage, tenant, tmp_path, monkeypatch, deferrable
):
    tenant.plan(HR)
    file = tenant.csv(tmp_path)
    ti = FakeTaskInstance()
    monkeypatch.setattr(FakeTaskInstance, "xcom_pull", broken)
    done = followed(lambda: operator(file=str(file), check=True, deferrable=deferrable), ti)
    assert done.error is None
    assert done.load["state"] == "succeeded"
    assert statistics(done.file)[1] == file.stat().st_size


def test_facets_that_cannot_be_made_are_none(openlineage, tenant, monkeypatch):
    from sailpoint_provider._airflow import lineage_facts

    monkeypatch.setattr(lineage_facts, "file_dataset", broken)
    task = operator(file="/data/hr.csv")
    assert task.get_openlineage_facets_on_start() is None
    assert task.get_openlineage_facets_on_complete(FakeTaskInstance()) is None
    assert task.get_openlineage_facets_on_failure(FakeTaskInstance()) is None


def broken(*_, **__):
    raise RuntimeError("broken")


class Refusing:
    """Lets nobody import OpenLineage, as where it is not installed, and remembers who wanted to."""

    def __init__(self):
        self.wanted = []

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "openlineage" or name.startswith("airflow.providers.openlineage"):
            self.wanted.append(name)
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def refusing(monkeypatch):
    """Take OpenLineage away."""
    for name in list(sys.modules):
        if "openlineage" in name.split(".") or name.endswith(("lineage_facets", "lineage_facts")):
            monkeypatch.delitem(sys.modules, name)
    finder = Refusing()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    return finder


@MODES
def test_without_openlineage_nothing_of_it_is_imported_and_nothing_more_is_asked(
    refusing, tenant, tmp_path, monkeypatch, deferrable
):
    tenant.plan(HR)
    monkeypatch.setattr(FakeTaskInstance, "xcom_pull", lambda *_, **__: pytest.fail("an XCom was pulled"))
    done = followed(lambda: operator(file=str(tenant.csv(tmp_path)), check=True, deferrable=deferrable))
    assert done.error is None
    assert refusing.wanted == []
    assert done.task.get_openlineage_facets_on_complete(done.ti) is None
    assert refusing.wanted
