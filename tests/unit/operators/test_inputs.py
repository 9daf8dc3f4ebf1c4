"""The operator with input that cannot work: what it says, whether it is final, and that nothing is sent."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.file_check import SailPointFileCheckOperator
from sailpoint_provider.operators.identity_refresh import SailPointIdentityRefreshOperator
from sailpoint_provider.operators.source_check import SailPointSourceCheckOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import (
    DIRECTORY,
    HR,
    MAINFRAME,
    NOBODY,
    OBJECT_STORAGE,
    FakeTaskInstance,
    carried_out,
)

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])


def operator(**changed):
    return SailPointAccountAggregationOperator(**{"task_id": "aggregate"} | changed)


def refusal(make):
    """Run the task, expect a refusal before any start, and return it."""
    ti = FakeTaskInstance()
    with pytest.raises(InvalidInputError) as caught:
        carried_out(make, ti)
    assert ti.pushed.keys() == {"reason"}
    return caught.value


@pytest.mark.parametrize("wrong", [0, -1, -0.5, float("nan"), float("inf"), "30", True, None, timedelta(0)])
@pytest.mark.parametrize("name", ["poll_interval", "timeout", "tolerate_outage"])
def test_a_duration_that_is_none_is_refused_when_the_dag_is_parsed(name, wrong):
    with pytest.raises(InvalidInputError, match=name) as caught:
        operator(source_id=HR, **{name: wrong})
    assert isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(
    ("given", "word"), [({}, "neither"), ({"source_id": HR, "source_name": "Directory"}, "both")]
)
def test_neither_or_both_of_id_and_name_is_refused_when_the_dag_is_parsed(given, word):
    with pytest.raises(InvalidInputError, match=word) as caught:
        operator(**given)
    assert isinstance(caught.value, AirflowFailException)


@MODES
@pytest.mark.parametrize(
    "wrong",
    [
        {"source_id": ""},
        {"source_id": "10001"},
        {"source_id": HR + "/../x"},
        {"source_id": HR[:-1] + "g"},
        {"source_name": ""},
        {"source_name": "  "},
        {"source_id": HR, "disable_optimization": "perhaps"},
        {"source_id": HR, "disable_optimization": ""},
        {"source_id": HR, "file": ""},
        {"source_id": HR, "file": "unknown-store://bucket/accounts.csv"},
    ],
    ids=str,
)
def test_a_value_that_cannot_work_is_final_and_nothing_is_sent(tenant, wrong, deferrable):
    error = refusal(lambda: operator(**wrong, deferrable=deferrable))
    assert isinstance(error, AirflowFailException)
    assert tenant.control.requests() == []


@MODES
@pytest.mark.parametrize("kind", ["missing", "empty", "unreadable"])
def test_a_file_that_is_not_there_yet_can_be_retried_and_nothing_is_started(
    tenant, tmp_path, monkeypatch, kind, deferrable
):
    file = tmp_path / "accounts.csv"
    if kind == "empty":
        file.touch()
    if kind == "unreadable":
        tenant.csv(tmp_path)
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    error = refusal(lambda: operator(source_id=HR, file=file, deferrable=deferrable))
    assert not isinstance(error, AirflowFailException)
    assert str(file) in str(error)
    assert tenant.starts() == tenant.runs() == []


@pytest.mark.parametrize("form", [str, pytest.param(Path.as_uri, marks=OBJECT_STORAGE)], ids=["path", "URL"])
def test_a_folder_in_place_of_the_file_is_final_and_nothing_is_sent(tenant, tmp_path, form):
    error = refusal(lambda: operator(source_id=HR, file=form(tmp_path)))
    assert isinstance(error, AirflowFailException)
    assert tenant.control.requests() == []


def test_a_file_for_a_direct_source_is_final_and_nothing_is_started(tenant, tmp_path):
    file = tenant.csv(tmp_path)
    error = refusal(lambda: operator(source_id=DIRECTORY, file=file))
    assert isinstance(error, AirflowFailException)
    assert "takes no file" in str(error)
    assert tenant.starts() == []


def test_no_file_for_a_delimited_source_is_final_and_nothing_is_started(tenant):
    error = refusal(lambda: operator(source_id=HR))
    assert isinstance(error, AirflowFailException)
    assert "Set file" in str(error)
    assert tenant.starts() == []


def test_a_file_may_be_given_where_an_appliance_could_read_one(tenant, tmp_path):
    tenant.plan(MAINFRAME, seconds=0)
    file = tenant.csv(tmp_path, source_id=MAINFRAME)
    assert carried_out(lambda: operator(source_id=MAINFRAME, file=file))["file"]["name"] == "accounts.csv"


@MODES
def test_a_missing_connection_is_named_and_can_be_retried(deferrable):
    """Airflow says the same if its API server or a secrets backend fails."""
    error = refusal(
        lambda: operator(source_id=DIRECTORY, sailpoint_conn_id="no_such_tenant", deferrable=deferrable)
    )
    assert not isinstance(error, AirflowFailException)
    assert "no_such_tenant" in str(error)


@MODES
@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"host": "https://acme.identitynow.com"},
        {"host": "http://acme.example.org"},
        {"login": ""},
        {"password": " "},
        {"extra": {"api_version": "v3"}},
        {"extra": {"verify": False}},
        {"extra": {"unknown": 1}},
    ],
    ids=str,
)
def test_a_connection_that_cannot_work_is_final_and_nothing_is_sent(tenant, wrong, deferrable):
    tenant.connect(**wrong)
    error = refusal(lambda: operator(source_id=DIRECTORY, deferrable=deferrable))
    assert isinstance(error, AirflowFailException)
    assert tenant.control.requests() == []


@MODES
@pytest.mark.parametrize("name", ["file", "compare_with"])
def test_a_file_that_is_none_at_run_time_is_not_taken_for_no_file(tenant, tmp_path, deferrable, name):
    """The task that returns it was skipped, for example."""

    def make():
        task = operator(
            source_id=DIRECTORY if name == "file" else HR,
            **{"file": str(tenant.csv(tmp_path)), name: "given"} if name != "file" else {"file": "given"},
            deferrable=deferrable,
        )
        setattr(task, name, None)
        return task

    error = refusal(make)
    assert f"{name} was set, but its value is None at run time" in str(error)
    assert "load_accounts" not in tenant.calls()


LOST = "was set, but its value is None at run time"


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (SailPointAccountAggregationOperator, {"source_id": HR, "file": "hr.csv", "sailpoint_conn_id": "x"}),
        (SailPointAccountAggregationOperator, {"source_name": "HR Delimited File", "file": "hr.csv"}),
        (SailPointAccountAggregationOperator, {"drop": {}}),
        (SailPointAccountAggregationOperator, {"source_id": DIRECTORY, "disable_optimization": True}),
        (SailPointEntitlementAggregationOperator, {"source_id": HR, "file": "x", "object_type": "group"}),
        (SailPointFileCheckOperator, {"source_id": HR, "file": "hr.csv", "compare_with": "last.csv"}),
        (SailPointFileCheckOperator, {"source_name": "HR Delimited File", "file": "hr.csv"}),
        (SailPointFileCheckOperator, {"drop": {}}),
        (SailPointSourceCheckOperator, {"source_ids": [DIRECTORY], "source_names": ["Directory"]}),
        (SailPointIdentityRefreshOperator, {"identity_ids": [NOBODY]}),
        (
            SailPointIdentityRefreshOperator,
            {"identity_profile_id": NOBODY, "wait_for_completion": False},
        ),
        (SailPointAccountAggregationSensor, {"aggregation_id": NOBODY}),
        (SailPointAccountAggregationSensor, {"aggregation_id": NOBODY, "deferrable": True}),
    ],
    ids=lambda part: part.__name__ if isinstance(part, type) else " ".join(part),
)
def test_every_templated_parameter_that_is_none_at_run_time_is_named_and_nothing_is_sent(tenant, make, given):
    for name in [one for one in given if one in make.template_fields]:
        task = make(task_id="task", **given)
        setattr(task, name, None)
        error = refusal(lambda task=task: task)
        assert isinstance(error, AirflowFailException)
        assert f"{name} {LOST}" in str(error)
    assert tenant.calls() == []


def test_an_approval_that_is_none_at_run_time_is_none(tenant, tmp_path):
    """The task that asks for it is skipped where the file needs none."""
    tenant.plan(HR)

    def make():
        task = operator(source_id=HR, file=tenant.csv(tmp_path), check=True, approved="given")
        task.approved = None
        return task

    assert carried_out(make)["state"] == "succeeded"
