"""The operator, from the start to a good end, in both modes and all API versions."""

from __future__ import annotations

import hashlib
import inspect
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath, conf
from airflow.sdk import DAG

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from tests.unit.airflow_cases import (
    API_VERSIONS,
    DIRECTORY,
    HR,
    MAINFRAME,
    OBJECT_STORAGE,
    POLL,
    FakeTaskInstance,
    assert_whole,
    carried_out,
)

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])


def operator(**changed):
    return SailPointAccountAggregationOperator(**{"task_id": "aggregate", "poll_interval": POLL} | changed)


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_signature_is_the_published_one():
    parameters = inspect.signature(SailPointAccountAggregationOperator.__init__).parameters
    own = {name: one for name, one in parameters.items() if name not in ("self", "kwargs")}
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in own.values())
    assert {name: one.default for name, one in own.items()} == {
        "source_id": None,
        "source_name": None,
        "file": None,
        "drop": None,
        "check": None,
        "approved": None,
        "compare_with": None,
        "disable_optimization": False,
        "sailpoint_conn_id": "sailpoint_default",
        "if_running": "wait",
        "wait_for_completion": True,
        "deferrable": conf.getboolean("operators", "default_deferrable", fallback=False),
        "poll_interval": 30.0,
        "timeout": 86400.0,
        "fail_on_warning": False,
        "tolerate_outage": 1800.0,
        "durable": True,
        "on_kill_clear_task": False,
        "emit_asset_event": False,
    }


@MODES
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_file_is_loaded_and_the_whole_result_returned(tenant, tmp_path, api_version, deferrable):
    tenant.connect(extra={"api_version": api_version})
    tenant.plan(HR)
    file = tenant.csv(tmp_path, rows=7)
    ti = FakeTaskInstance()

    result = carried_out(lambda: operator(source_id=HR, file=str(file), deferrable=deferrable), ti)

    (run,) = tenant.runs()
    assert_whole(result)
    assert result["aggregation_id"] == run["id"] == ti.pushed["aggregation_id"]
    assert (result["source_id"], result["source_name"]) == (HR, "HR Delimited File")
    assert (result["state"], result["completion_status"]) == ("succeeded", "SUCCESS")
    assert result["status"] == "COMPLETED"
    assert result["accounts"] == {
        "scanned": 7,
        "created": 7,
        "updated": 0,
        "deleted": 0,
        "unchanged": 0,
        "ignored": 0,
        "to_process": 7,
        "processed": 7,
        # beta has no such field (ISC OpenAPI, account-aggregations status).
        "marked_for_deletion": None if api_version == "beta" else 0,
    }
    assert (result["deletions_skipped"], result["messages"]) == (False, [])
    assert result["started"].endswith("Z")
    assert result["completed"].endswith("Z")
    assert result["duration_seconds"] > 0
    assert result["file"] == {
        "name": "accounts.csv",
        "size_bytes": file.stat().st_size,
        "sha256": sha256(file),
        "rows": None,
    }
    assert run["file"]["sha256"] == result["file"]["sha256"]
    assert [start["api_version"] for start in tenant.starts()] == [api_version]
    assert len(ti.deferrals) == deferrable


@MODES
def test_every_shape_of_answer_seen_in_the_wild_gives_the_same_result(tenant, tmp_path, deferrable):
    tenant.control.shapes(all=True)
    tenant.plan(HR)
    file = tenant.csv(tmp_path, rows=4)
    result = carried_out(lambda: operator(source_id=HR, file=file, deferrable=deferrable))
    assert_whole(result)
    assert (result["state"], result["accounts"]["created"]) == ("succeeded", 4)


@MODES
def test_a_direct_source_is_found_by_its_name(tenant, deferrable):
    tenant.plan(DIRECTORY)
    result = carried_out(lambda: operator(source_name="Directory", deferrable=deferrable))
    assert (result["source_id"], result["source_name"]) == (DIRECTORY, "Directory")
    assert (result["accounts"]["created"], result["file"]) == (250, None)


@MODES
def test_a_delimited_source_that_an_appliance_reads_needs_no_file(tenant, deferrable):
    tenant.plan(MAINFRAME)
    result = carried_out(lambda: operator(source_id=MAINFRAME, deferrable=deferrable))
    assert (result["state"], result["accounts"]["scanned"]) == ("succeeded", 40)


def loaded_from(tenant, location):
    tenant.plan(HR, seconds=0)
    task = operator(source_id=HR, file=location)
    task.render_template_fields({})
    return carried_out(lambda: task)["file"]


@pytest.mark.parametrize("form", [str, Path], ids=["text", "path"])
def test_the_file_may_be_a_local_path(tenant, tmp_path, form):
    local = tenant.csv(tmp_path)
    assert loaded_from(tenant, form(local))["sha256"] == sha256(local)


@OBJECT_STORAGE
@pytest.mark.parametrize("form", [str, ObjectStoragePath], ids=["text", "ObjectStoragePath"])
@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_the_file_may_be_a_url(tenant, tmp_path, memory_store, scheme, form):
    local = tenant.csv(tmp_path)
    url = local.as_uri()
    if scheme == "memory":
        url = "memory://drop/accounts.csv"
        memory_store.pipe_file("/drop/accounts.csv", local.read_bytes())
    sent = loaded_from(tenant, form(url))
    assert (sent["name"], sent["sha256"]) == ("accounts.csv", sha256(local))


def test_the_fields_are_rendered_in_a_dag(tenant, tmp_path):
    tenant.connect("other_tenant")
    tenant.plan(HR, seconds=0)
    file = tenant.csv(tmp_path)
    with DAG("rendered", schedule=None, template_searchpath=[str(tmp_path)]):
        task = operator(
            source_name="{{ params.source }}",
            file="{{ params.folder }}/accounts.csv",
            disable_optimization="{{ params.all }}",
            sailpoint_conn_id="{{ params.tenant }}",
        )
    params = {
        "source": "HR Delimited File",
        "folder": str(file.parent),
        "all": True,
        "tenant": "other_tenant",
    }
    task.render_template_fields({"params": params})
    assert carried_out(lambda: task)["source_id"] == HR
    assert tenant.starts()[0]["disable_optimization"] == "true"
    assert task.hook.sailpoint_conn_id == "other_tenant"


def test_a_source_id_is_rendered_too(tenant):
    tenant.plan(DIRECTORY, seconds=0)
    task = operator(source_id="{{ params.id }}")
    task.render_template_fields({"params": {"id": DIRECTORY}})
    assert carried_out(lambda: task)["source_id"] == DIRECTORY


@pytest.mark.parametrize(
    ("given", "sent"),
    [(True, "true"), (False, "false"), ("True", "true"), ("false", "false"), (" TRUE ", "true")],
)
def test_disable_optimization_is_sent_as_given_or_rendered(tenant, given, sent):
    tenant.plan(DIRECTORY, seconds=0)
    carried_out(lambda: operator(source_id=DIRECTORY, disable_optimization=given))
    assert [start["disable_optimization"] for start in tenant.starts()] == [sent]


@MODES
def test_without_waiting_it_returns_the_running_aggregation(tenant, tmp_path, deferrable):
    tenant.plan(HR, seconds=3600)
    file = tenant.csv(tmp_path)
    ti = FakeTaskInstance()
    result = carried_out(
        lambda: operator(source_id=HR, file=file, wait_for_completion=False, deferrable=deferrable), ti
    )
    assert_whole(result)
    assert result["state"] == "running"
    assert result["aggregation_id"] == ti.pushed["aggregation_id"] == tenant.runs()[0]["id"]
    assert (result["completion_status"], result["completed"]) == (None, None)
    assert (result["source_name"], result["file"]["name"]) == ("HR Delimited File", "accounts.csv")
    assert tenant.calls()[-1] == "load_accounts"
    assert not ti.deferrals


@MODES
def test_the_id_is_pushed_before_the_wait_begins(tenant, deferrable):
    tenant.plan(DIRECTORY)
    seen = []
    ti = FakeTaskInstance(on_push=lambda: seen.append(tenant.calls()))
    carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable), ti)
    assert [calls[-1] for calls in seen] == ["load_accounts"]
    assert ti.pushed == {"aggregation_id": tenant.runs()[0]["id"]}


def test_an_aggregation_that_is_over_at_the_first_look_is_not_deferred(tenant):
    tenant.plan(DIRECTORY, seconds=0)
    ti = FakeTaskInstance()
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=True), ti)
    assert result["state"] == "succeeded"
    assert not ti.deferrals


def test_a_deferral_hands_over_the_deadline_and_keeps_a_later_one_as_backstop(tenant):
    tenant.plan(DIRECTORY)
    ti = FakeTaskInstance()
    carried_out(
        lambda: operator(
            source_id=DIRECTORY,
            deferrable=True,
            poll_interval=timedelta(seconds=POLL),
            timeout=timedelta(minutes=10),
            tolerate_outage=timedelta(seconds=90),
        ),
        ti,
    )
    (deferred,) = ti.deferrals
    trigger = deferred.trigger
    assert (trigger.poll_interval, trigger.deadlines["tolerate_outage"]) == (POLL, 90.0)
    assert trigger.deadlines["deadline"] - trigger.deadlines["begun"] == pytest.approx(600)
    assert trigger.deadlines["begun"] == pytest.approx(ti.begun.timestamp(), abs=5)
    assert deferred.timeout > timedelta(minutes=10)
    assert deferred.method_name == "execute_complete"


@MODES
def test_a_retried_run_and_an_id_that_is_known_late_are_waited_out(tenant, deferrable):
    tenant.control.shapes(early_not_found_seconds=10)
    tenant.plan(DIRECTORY, "retried", seconds=0.05)
    result = carried_out(lambda: operator(source_id=DIRECTORY, deferrable=deferrable))
    assert result["state"] == "succeeded"


@MODES
def test_start_progress_and_end_are_logged_with_counts(tenant, tmp_path, logged, deferrable):
    tenant.plan(HR, seconds=0.3, process_seconds=30)
    file = tenant.csv(tmp_path, rows=20)
    carried_out(lambda: operator(source_id=HR, file=file, deferrable=deferrable))
    lines = [record.getMessage() for record in logged.records if record.name.startswith("tests.")]
    aggregation = f"account aggregation {tenant.runs()[0]['id']}"
    (started,) = [line for line in lines if line.startswith("STARTED · ")]
    assert started.startswith("STARTED · HR Delimited File · accounts.csv, ")
    assert started.endswith(f" · {aggregation}")
    assert any("/20 accounts" in line for line in lines)
    (ended,) = [line for line in lines if line.startswith("SUCCEEDED in ")]
    assert "20 created, 0 updated, 0 deleted · HR Delimited File · accounts.csv, " in ended
    assert ended.endswith(f" · {aggregation}")


def test_a_client_without_a_user_may_wait_too(tenant, logged):
    tenant.client(user=False)
    tenant.plan(DIRECTORY)
    assert carried_out(lambda: operator(source_id=DIRECTORY))["state"] == "succeeded"
    assert any("No progress: " in record.getMessage() for record in logged.records)
