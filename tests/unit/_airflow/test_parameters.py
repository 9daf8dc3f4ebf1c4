"""Parameters that a template or an XCom may have turned into something else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

from sailpoint_provider import exceptions, version_compat
from sailpoint_provider._airflow.parameters import boolean, seconds
from tests.unit.airflow_cases import FakeTaskInstance


@pytest.mark.parametrize(
    ("given", "read"), [(1, 1.0), (0.5, 0.5), (timedelta(minutes=1), 60.0), (86400, 86400.0)]
)
def test_a_duration_is_a_number_or_a_timedelta(given, read):
    assert seconds(given, "timeout") == read
    assert isinstance(seconds(given, "timeout"), float)


@pytest.mark.parametrize(
    "wrong", [0, -1, float("nan"), float("inf"), "1", None, True, [], timedelta(0), timedelta(-1)]
)
def test_anything_else_is_no_duration(wrong):
    with pytest.raises(exceptions.InvalidInputError, match="timeout"):
        seconds(wrong, "timeout")


@pytest.mark.parametrize(
    ("given", "read"), [(True, True), (False, False), ("True", True), ("false", False), (" TRUE\n", True)]
)
def test_a_truth_value_may_be_text(given, read):
    assert boolean(given, "disable_optimization") is read


@pytest.mark.parametrize("wrong", ["", "yes", "None", "1", 1, 0, None, []])
def test_anything_else_is_no_truth_value(wrong):
    with pytest.raises(exceptions.InvalidInputError, match="disable_optimization"):
        boolean(wrong, "disable_optimization")


def test_the_deferral_timeout_is_the_one_that_this_airflow_raises():
    with pytest.raises(version_compat.TaskDeferralTimeout):
        BaseOperator(task_id="task").resume_execution(
            "__fail__", {"error": "Trigger timeout"}, FakeTaskInstance().context
        )
