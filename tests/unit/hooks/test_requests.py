"""Requests to any endpoint of the tenant: by the hook's methods, its session, and on an event loop."""

from __future__ import annotations

import asyncio

import pytest

from sailpoint_provider.client.request_budget import RequestBudget
from sailpoint_provider.client.tenant_state import state_of
from sailpoint_provider.exceptions import InvalidInputError, SailPointError, UnknownAggregationError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from tests.unit.airflow_cases import DIRECTORY, NEVER, NOBODY

WAYS = pytest.mark.parametrize("way", ["hook", "session", "event loop"])
TASKS = "/task-status/v1"


def sent(way, method, path, hook=None, **options):
    """Send a request, and return status, headers and document of its response."""
    hook = hook or SailPointHook()
    if way == "event loop":
        response = asyncio.run(hook.arequest(method, path, **options))
        return response.status, response.headers, response.json() if response.body else None
    if way == "session":
        with hook.get_conn() as session:
            response = getattr(session, method.lower())(path, **options)
    else:
        response = hook.request(method, path, **options)
        hook.close()
    return response.status_code, response.headers, response.json() if response.content else None


@WAYS
def test_a_get_takes_query_parameters(tenant, way):
    filters = f'id eq "{DIRECTORY}"'
    status, headers, sources = sent(way, "GET", "/sources/v1", params={"filters": filters, "limit": 1})
    assert status == 200
    assert "json" in {name.lower(): value for name, value in headers.items()}["content-type"]
    assert [source["name"] for source in sources] == ["Directory"]


@WAYS
def test_a_post_and_a_patch_take_json(tenant, way):
    aggregation_id = tenant.started(seconds=NEVER)
    patch = [
        {"op": "replace", "path": "/completionStatus", "value": "Error"},
        {"op": "replace", "path": "/completed", "value": "2026-01-02T03:04:05.000Z"},
    ]
    headers = {"Content-Type": "application/json-patch+json"}
    assert sent(way, "PATCH", f"{TASKS}/{aggregation_id}", json=patch, headers=headers)[0] == 200
    assert SailPointHook().get_task_status(aggregation_id).completion_status == "ERROR"
    tenant.control.fault("answer", method="POST", path="any/endpoint", status=201)
    assert sent(way, "POST", "/any/endpoint", json={"name": "x"})[0] == 201


@WAYS
def test_an_error_status_becomes_the_error_with_its_tracking_id(tenant, way):
    with pytest.raises(InvalidInputError) as caught:
        sent(way, "GET", f"/sources/v1/{NOBODY}")
    assert caught.value.status == 404
    assert caught.value.tracking_id
    assert caught.value.tracking_id in str(caught.value)
    assert not isinstance(caught.value, UnknownAggregationError)


@WAYS
@pytest.mark.parametrize(
    "path",
    ["https://example.com/sources", "http://127.0.0.1/sources", "//example.com/x", "/sources/../x", "/a\nb"],
)
def test_no_other_host_can_be_asked(tenant, way, path):
    with pytest.raises(InvalidInputError):
        sent(way, "GET", path)
    assert tenant.control.requests() == []


@WAYS
def test_the_token_cannot_be_set_and_is_renewed_when_refused(tenant, way):
    with pytest.raises(InvalidInputError, match="Authorization"):
        sent(way, "GET", TASKS, headers={"Authorization": "Bearer x"})
    hook = SailPointHook()
    assert sent(way, "GET", TASKS, hook=hook)[0] == 200
    tenant.control.clear_requests()
    tenant.control.revoke_tokens(tenant.client_id)
    assert sent(way, "GET", TASKS, hook=hook)[0] == 200
    assert tenant.calls() == ["list_task_status", "token", "list_task_status"]


@WAYS
def test_a_post_is_not_repeated_where_it_may_have_had_an_effect(tenant, way):
    tenant.control.fault("disconnect", path="load-accounts", when="after")
    hook = SailPointHook()
    hook.get_source(DIRECTORY)
    tenant.control.clear_requests()
    with pytest.raises(SailPointError):
        sent(way, "POST", f"/sources/v1/{DIRECTORY}/load-accounts", hook=hook, data=b"")
    assert len(tenant.control.requests()) == 1


@WAYS
def test_requests_take_from_the_budget_of_the_tenant(tenant, monkeypatch, way):
    hook = SailPointHook()
    hook.get_source(DIRECTORY)
    budget = state_of(hook._tenant).budget
    reserved, reserve = [], RequestBudget.reserve

    def counted(self, *limits):
        reserved.append(self)
        return reserve(self, *limits)

    monkeypatch.setattr(RequestBudget, "reserve", counted)
    sent(way, "GET", TASKS, hook=hook)
    assert reserved == [budget]
