"""The hook's calls, blocking and on an event loop: the same values, the same refusals."""

from __future__ import annotations

import asyncio
import hashlib
import inspect

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationAlreadyRunningError,
    AggregationFailedError,
    AggregationTimeoutError,
    InvalidInputError,
    SailPointError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.api import paging
from tests.unit.airflow_cases import (
    API_VERSIONS,
    DIRECTORY,
    HR,
    MAINFRAME,
    NEVER,
    NOBODY,
    POLL,
    assert_whole,
)

WORLDS = pytest.mark.parametrize("world", ["blocking", "event loop"])
REQUIRED = inspect.Parameter.empty
SIGNATURES = {
    "load_accounts": {"source_id": REQUIRED, "file": None, "disable_optimization": False},
    "get_account_aggregation_status": {"aggregation_id": REQUIRED},
    "get_task_status": {"task_id": REQUIRED},
    "list_task_statuses": {
        "task_ids": None,
        "source_ids": None,
        "types": None,
        "completion_statuses": None,
        "running": None,
        "newest_first": True,
        "limit": None,
    },
    "get_source": {"source_id": REQUIRED},
    "find_source": {"name": REQUIRED},
    "wait_for_account_aggregation": {
        "aggregation_id": REQUIRED,
        "poll_interval": 30.0,
        "timeout": 86400.0,
        "kind": "account_aggregation",
    },
    "load_entitlements": {"source_id": REQUIRED, "file": None, "object_type": None},
    "load_uncorrelated_accounts": {"source_id": REQUIRED, "file": REQUIRED},
    "process_identities": {"identity_ids": REQUIRED},
    "process_identity_profile": {"identity_profile_id": REQUIRED},
    "check_source_connection": {"source_id": REQUIRED},
    "get_source_health": {"source_id": REQUIRED},
    "test_connection": {},
}
KEYWORDS_ONLY = {
    "disable_optimization",
    "kind",
    "object_type",
    "poll_interval",
    "timeout",
    *SIGNATURES["list_task_statuses"],
}


EVENT_LOOP_NAMES = {"wait_for_account_aggregation": "async_wait_for_account_aggregation"}


def called(world, name, *arguments, hook=None, **keywords):
    """Request a method of the hook, or its counterpart for event loops, and return what it gives in full."""
    hook = hook or SailPointHook()
    if world == "blocking":
        given = getattr(hook, name)(*arguments, **keywords)
        return list(given) if name == "list_task_statuses" else given

    async def call():
        given = getattr(hook, EVENT_LOOP_NAMES.get(name, f"a{name}"))(*arguments, **keywords)
        return [one async for one in given] if name == "list_task_statuses" else await given

    return asyncio.run(call())


@pytest.mark.parametrize("is_for_event_loops", [False, True])
@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures_are_the_published_ones(name, is_for_event_loops):
    published = EVENT_LOOP_NAMES.get(name, f"a{name}") if is_for_event_loops else name
    method = getattr(SailPointHook, published)
    parameters = dict(inspect.signature(method).parameters)
    parameters.pop("self")
    assert {key: one.default for key, one in parameters.items()} == SIGNATURES[name]
    only = {key for key, one in parameters.items() if one.kind is inspect.Parameter.KEYWORD_ONLY}
    assert only == KEYWORDS_ONLY & set(SIGNATURES[name])
    is_async = inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
    assert is_async == is_for_event_loops


def test_the_constructor_is_the_published_one():
    parameters = inspect.signature(SailPointHook.__init__).parameters
    assert parameters["sailpoint_conn_id"].default == "sailpoint_default"
    assert parameters["sailpoint_conn_id"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert parameters["api_version"].default is None
    assert parameters["api_version"].kind is inspect.Parameter.KEYWORD_ONLY
    assert (SailPointHook.conn_type, SailPointHook.conn_name_attr) == ("sailpoint", "sailpoint_conn_id")
    assert SailPointHook.default_conn_name == "sailpoint_default"


@WORLDS
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_file_is_started_followed_and_found_in_every_api_version(tenant, tmp_path, world, api_version):
    tenant.plan(HR, seconds=1.0)
    file = tenant.csv(tmp_path, rows=5)
    hook = SailPointHook(api_version=api_version)
    task = called(world, "load_accounts", HR, file, disable_optimization=True, hook=hook)
    assert task.file["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert called(world, "get_account_aggregation_status", task.id, hook=hook).status == "STARTED"
    assert called(world, "get_task_status", task.id, hook=hook).source_id == HR
    assert [one.id for one in called(world, "list_task_statuses", hook=hook)] == [task.id]
    result = called(world, "wait_for_account_aggregation", task.id, poll_interval=POLL, hook=hook)
    assert_whole(result)
    assert (result["state"], result["accounts"]["created"]) == ("succeeded", 5)
    (start,) = tenant.starts()
    assert (start["api_version"], start["disable_optimization"]) == (api_version, "true")


@WORLDS
def test_a_source_is_found_by_id_and_by_name(tenant, world):
    by_id = called(world, "get_source", DIRECTORY)
    by_name = called(world, "find_source", "Directory")
    assert by_id == by_name
    assert (by_id.id, by_id.name, by_id.is_delimited_file) == (DIRECTORY, "Directory", False)


@WORLDS
@pytest.mark.parametrize(
    ("name", "argument", "kind"),
    [
        ("get_source", "10001", InvalidInputError),
        ("get_source", NOBODY, InvalidInputError),
        ("find_source", "", InvalidInputError),
        ("find_source", 'No "such" \\ source', InvalidInputError),
        ("load_accounts", "10001", InvalidInputError),
        ("load_accounts", NOBODY, InvalidInputError),
        ("get_account_aggregation_status", "10001", InvalidInputError),
        ("get_account_aggregation_status", NOBODY, UnknownAggregationError),
        ("get_task_status", "a/b", InvalidInputError),
        ("get_task_status", NOBODY, UnknownAggregationError),
        ("wait_for_account_aggregation", "10001", InvalidInputError),
    ],
)
def test_what_is_not_there_is_refused(tenant, world, name, argument, kind):
    with pytest.raises(SailPointError) as caught:
        called(world, name, argument)
    assert type(caught.value) is kind
    if argument != NOBODY and name != "find_source":
        assert tenant.control.requests() == []


@WORLDS
def test_a_busy_source_is_refused(tenant, world):
    tenant.started(seconds=NEVER)
    with pytest.raises(AggregationAlreadyRunningError):
        called(world, "load_accounts", DIRECTORY)


@WORLDS
def test_a_start_whose_answer_is_lost_is_not_sent_again(tenant, world):
    tenant.control.fault("disconnect", path="load-accounts", when="after")
    with pytest.raises(TenantUnavailableError) as caught:
        called(world, "load_accounts", DIRECTORY)
    assert caught.value.sent
    assert len(tenant.runs()) == 1


@WORLDS
def test_a_client_without_a_user_gets_no_progress(tenant, world):
    aggregation_id = tenant.started()
    tenant.client(user=False)
    with pytest.raises(AccessDeniedError, match="personal access token"):
        called(world, "get_account_aggregation_status", aggregation_id)
    assert called(world, "get_task_status", aggregation_id).id == aggregation_id


@WORLDS
@pytest.mark.parametrize("outcome", ["error", "cancelled", "terminated", "temperror"])
def test_the_wait_raises_at_a_bad_end(tenant, world, outcome):
    aggregation_id = tenant.started(outcome=outcome, seconds=0)
    with pytest.raises(AggregationFailedError) as caught:
        called(world, "wait_for_account_aggregation", aggregation_id)
    assert_whole(caught.value.result)


@WORLDS
def test_the_wait_gives_up_in_time(tenant, world):
    aggregation_id = tenant.started(seconds=NEVER)
    with pytest.raises(AggregationTimeoutError, match=aggregation_id):
        called(world, "wait_for_account_aggregation", aggregation_id, poll_interval=POLL, timeout=0.2)


@WORLDS
@pytest.mark.parametrize("name", ["poll_interval", "timeout"])
@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "30"])
def test_the_wait_refuses_a_duration_that_is_none(tenant, world, name, wrong):
    with pytest.raises(InvalidInputError, match=name):
        called(world, "wait_for_account_aggregation", NOBODY, **{name: wrong})
    assert tenant.control.requests() == []


@WORLDS
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_list_goes_over_all_pages_with_running_tasks(tenant, monkeypatch, world, api_version):
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    ids = [tenant.started(seconds=0) for _ in range(5)]
    ids.append(tenant.started(MAINFRAME, seconds=NEVER))
    hook = SailPointHook(api_version=api_version)
    newest_first = [one.id for one in called(world, "list_task_statuses", hook=hook)]
    assert newest_first == ids[::-1]
    oldest_first = [one.id for one in called(world, "list_task_statuses", newest_first=False, hook=hook)]
    assert oldest_first == ids
    assert [one.id for one in called(world, "list_task_statuses", limit=3, hook=hook)] == ids[:2:-1]
    running = called(world, "list_task_statuses", running=True, hook=hook)
    assert [one.id for one in running] == ids[-1:]
    of_source = called(world, "list_task_statuses", source_ids=[DIRECTORY], hook=hook)
    assert {one.id for one in of_source} == set(ids[:-1])
    ended = called(world, "list_task_statuses", running=False, limit=4, hook=hook)
    assert [one.id for one in ended] == ids[4:0:-1]
    good = called(world, "list_task_statuses", completion_statuses=["SUCCESS", "ERROR"], hook=hook)
    assert {one.id for one in good} == set(ids[:-1])
    some = called(world, "list_task_statuses", task_ids=[ids[0], ids[-1]], hook=hook)
    assert [one.id for one in some] == [ids[-1], ids[0]]
    types = called(world, "list_task_statuses", types="CLOUD_GROUP_AGGREGATION", hook=hook)
    assert types == []


@WORLDS
@pytest.mark.parametrize(
    "wrong",
    [
        {"task_ids": ["10001"]},
        {"source_ids": "HR"},
        {"types": ['A" or "B']},
        {"completion_statuses": "not a word"},
        {"running": True, "completion_statuses": ["SUCCESS"]},
        {"limit": 0},
        {"limit": "3"},
    ],
    ids=str,
)
def test_a_list_that_cannot_be_asked_for_is_refused_unsent(tenant, world, wrong):
    with pytest.raises(InvalidInputError):
        called(world, "list_task_statuses", **wrong)
    assert tenant.control.requests() == []


def test_the_list_asks_for_a_page_only_when_it_is_wanted(tenant, monkeypatch):
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    for _ in range(5):
        tenant.started(seconds=0)
    tenant.control.clear_requests()
    next(SailPointHook().list_task_statuses())
    assert tenant.calls().count("list_task_status") == 1


def test_a_closed_hook_opens_again(tenant):
    hook = SailPointHook()
    hook.get_source(DIRECTORY)
    hook.close()
    assert hook.get_source(DIRECTORY).name == "Directory"
    hook.close()
