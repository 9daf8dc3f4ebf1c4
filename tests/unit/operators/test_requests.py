"""How few requests a start takes: source, look, POST, and the check before deferring."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from tests.unit.airflow_cases import API_VERSIONS, DIRECTORY, HR, FakeStore, FakeTaskInstance

LOOKS = dict.fromkeys(API_VERSIONS, 1) | {"v2024": 2, "beta": 2}
"""The lists of the older API versions hold ended tasks only, so running ones are a second question."""


@pytest.fixture(params=API_VERSIONS)
def api_version(request, tenant):
    """Connect with each API version, with a token at hand."""
    tenant.connect(extra={"api_version": request.param})
    SailPointHook().get_source(HR)
    tenant.control.clear_requests()
    return request.param


def calls_of_a_start(tenant, **parameters):
    """Start an aggregation that runs for long, and return the calls up to and after the start."""
    source_id = HR if "file" in parameters else DIRECTORY
    tenant.plan(source_id, seconds=1000.0)
    operator = SailPointAccountAggregationOperator(task_id="aggregate", deferrable=True, **parameters)
    with pytest.raises(TaskDeferred):
        operator.execute(FakeTaskInstance(store=FakeStore()).context)
    calls = tenant.calls()
    after = calls.index("load_accounts") + 1
    return calls[:after], calls[after:]


def name_of(tenant, source_id):
    (name,) = (source["name"] for source in tenant.control.sources() if source["id"] == source_id)
    return name


def assert_few(calls, api_version, first):
    before, after = calls
    assert before[0] == first
    assert before[-1] == "load_accounts"
    assert len(before) == 2 + LOOKS[api_version]
    assert set(after) <= {"get_task_status", "get_aggregation_status"}
    assert len(set(after)) == len(after)


def test_a_start_by_id_asks_for_the_source_looks_and_posts(tenant, api_version):
    calls = calls_of_a_start(tenant, source_id=DIRECTORY)
    assert_few(calls, api_version, "get_source")


def test_a_start_by_name_takes_no_request_more(tenant, api_version):
    calls = calls_of_a_start(tenant, source_name=name_of(tenant, DIRECTORY))
    assert_few(calls, api_version, "list_sources")


def test_a_start_with_a_file_takes_no_request_more(tenant, api_version, tmp_path):
    calls = calls_of_a_start(tenant, source_id=HR, file=str(tenant.csv(tmp_path)))
    assert_few(calls, api_version, "get_source")
