"""The check of sources: one table, a verdict for each, and nothing loaded."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from sailpoint_provider.exceptions import AccessDeniedError, InvalidInputError, SourceNotReadyError
from sailpoint_provider.operators.source_check import SailPointSourceCheckOperator
from tests.unit.airflow_cases import (
    API_VERSIONS,
    DIRECTORY,
    HR,
    MAINFRAME,
    NOBODY,
    FakeTaskInstance,
    carried_out,
    end_of,
)


def operator(**changed):
    return SailPointSourceCheckOperator(**{"task_id": "check", "source_ids": [DIRECTORY, HR]} | changed)


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_ready_sources_pass_in_every_api_version(tenant, logged, api_version):
    tenant.connect(extra={"api_version": api_version})
    has_health = api_version != "beta"
    result = carried_out(lambda: operator(source_names=["Directory"], check_health=has_health))
    assert [one["source_name"] for one in result] == ["Directory", "HR Delimited File"]
    assert result[0]["verdict"] == "ready"
    assert result[0]["connection"] == "SUCCESS"
    # Without its health, nothing is known about a file that no appliance reads.
    assert result[1]["verdict"] == ("ready" if has_health else "unknown")
    assert tenant.runs() == []
    level = "INFO" if has_health else "WARNING"
    (record,) = [one for one in logged.records if "sources are ready to be loaded" in one.getMessage()]
    assert record.levelname == level


def test_a_source_that_is_not_ready_fails_the_task_after_all_are_checked(tenant, logged):
    tenant.control.set_state(DIRECTORY, connection="no route to host")
    tenant.control.set_state(MAINFRAME, health="SOURCE_STATE_ERROR_VA")
    error = end_of(lambda: operator(source_ids=[DIRECTORY, MAINFRAME, HR]))
    assert isinstance(error, SourceNotReadyError)
    assert not isinstance(error, AirflowFailException)
    assert "2 of 3 sources" in str(error)
    assert "no route to host" in str(error)
    assert [one["verdict"] for one in error.sources] == ["not ready", "not ready", "ready"]
    assert "SOURCE_STATE_ERROR_VA" in logged.text


def test_it_warns_on_demand(tenant, logged):
    tenant.control.set_state(DIRECTORY, connection="no route to host")
    result = carried_out(lambda: operator(on_problem="warn"))
    assert result[0]["verdict"] == "not ready"
    assert any(one.levelname == "WARNING" for one in logged.records if "no route" in one.getMessage())


def test_a_api_version_without_health_is_refused_before_anything_is_sent(tenant):
    tenant.connect(extra={"api_version": "beta"})
    error = end_of(operator)
    assert isinstance(error, InvalidInputError)
    assert "check_health=False" in str(error)
    assert tenant.calls() == []


def test_a_missing_scope_is_final(tenant):
    tenant.client(scopes=["idn:sources:read"])
    error = end_of(operator)
    assert isinstance(error, AccessDeniedError)
    assert isinstance(error, AirflowFailException)
    assert "idn:source-connector:manage" in str(error)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"source_ids": None}, "source_ids or source_names"),
        ({"source_ids": []}, "empty"),
        ({"source_ids": 7}, "list"),
        ({"source_ids": [NOBODY]}, "source ID"),
        ({"check_connection": False, "check_health": False}, "both False"),
        ({"on_problem": "ignore"}, "on_problem"),
    ],
)
def test_bad_input_is_refused(tenant, changed, words):
    error = end_of(lambda: operator(**changed))
    assert isinstance(error, InvalidInputError)
    assert words in str(error)


def test_the_result_is_json(tenant):
    carried_out(operator, FakeTaskInstance())
