"""The hook's other loads and checks, blocking and on an event loop: the same values, the same refusals."""

from __future__ import annotations

import hashlib

import pytest

from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
    AggregationFailedError,
    InvalidInputError,
    TenantUnavailableError,
)
from sailpoint_provider.hooks.sailpoint import SailPointHook
from tests.unit.airflow_cases import API_VERSIONS, DIRECTORY, HR, NEVER, POLL, SPEED, assert_whole
from tests.unit.hooks.test_calls import WORLDS, called
from tests.unit.operators.load_cases import DIRECT_ENTITLEMENTS, FILED_ENTITLEMENTS, UNCORRELATED

PROFILE = "2b838de9-db9b-abcf-e646-d4f274ad4238"


@WORLDS
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_entitlements_of_a_direct_source_are_started_without_a_media_type_and_followed(
    tenant, world, api_version
):
    """The tenant answers 500 to a media type without a body."""
    DIRECT_ENTITLEMENTS.plan(tenant)
    hook = SailPointHook(api_version=api_version)
    started = called(world, "load_entitlements", DIRECTORY, hook=hook)
    result = called(
        world,
        "wait_for_account_aggregation",
        started.id,
        poll_interval=POLL,
        kind="entitlement_aggregation",
        hook=hook,
    )
    assert_whole(result)
    assert (result["state"], result["entitlements"]["created"]) == ("succeeded", 25)
    (start,) = tenant.starts("load_entitlements")
    assert (start["parts"], start["file"]) == ([], None)


@WORLDS
def test_entitlements_of_a_file_name_their_object_type(tenant, tmp_path, world):
    file = FILED_ENTITLEMENTS.file(tmp_path)
    started = called(world, "load_entitlements", HR, file, object_type="group")
    assert started.file["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    (start,) = tenant.starts("load_entitlements")
    assert start["object_type"] == "group"


@WORLDS
def test_uncorrelated_accounts_are_started_with_their_file(tenant, tmp_path, world):
    UNCORRELATED.plan(tenant, "error")
    started = called(world, "load_uncorrelated_accounts", DIRECTORY, UNCORRELATED.file(tmp_path))
    with pytest.raises(AggregationFailedError, match=r"^FAILED .* load of uncorrelated accounts"):
        called(
            world,
            "wait_for_account_aggregation",
            started.id,
            poll_interval=POLL,
            kind="uncorrelated_accounts",
        )


@WORLDS
def test_a_running_one_refuses_the_next(tenant, world):
    DIRECT_ENTITLEMENTS.plan(tenant, seconds=NEVER)
    called(world, "load_entitlements", DIRECTORY)
    with pytest.raises(AggregationAlreadyRunningError, match="entitlement aggregation"):
        called(world, "load_entitlements", DIRECTORY)


@WORLDS
def test_a_start_without_a_response_is_never_repeated(tenant, world):
    tenant.control.fault("disconnect", method="POST", path="/load-entitlements$", when="after")
    with pytest.raises(TenantUnavailableError) as caught:
        called(world, "load_entitlements", DIRECTORY)
    assert caught.value.sent
    assert len(tenant.starts("load_entitlements")) == 1


@WORLDS
def test_identities_are_processed_and_their_task_is_followed(tenant, world):
    tenant.control.next_refresh(collect_seconds=0.1 * SPEED, process_seconds=0.0)
    task_id = called(world, "process_identities", [DIRECTORY, HR])
    result = called(
        world, "wait_for_account_aggregation", task_id, poll_interval=POLL, kind="identity_refresh"
    )
    assert (result["state"], result["source_id"]) == ("succeeded", None)
    (start,) = tenant.starts("process_identities")
    assert start["identities"] == 2


@WORLDS
def test_a_profile_is_processed_without_a_task(tenant, world):
    assert called(world, "process_identity_profile", PROFILE) is None
    assert len(tenant.starts("process_identity_profile")) == 1


@WORLDS
def test_a_source_is_checked(tenant, world):
    assert called(world, "check_source_connection", DIRECTORY).is_good
    assert called(world, "get_source_health", DIRECTORY).is_good
    tenant.control.set_state(DIRECTORY, connection="no route", health="SOURCE_STATE_ERROR_SOURCE")
    assert called(world, "check_source_connection", DIRECTORY).reason == "no route"
    assert called(world, "get_source_health", DIRECTORY).is_good is False


@WORLDS
@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("load_entitlements", ("short",), {}),
        ("load_entitlements", (DIRECTORY,), {"object_type": "group"}),
        ("load_uncorrelated_accounts", (DIRECTORY, None), {}),
        ("process_identities", ([],), {}),
        ("process_identities", ([f"{one:032x}" for one in range(251)],), {}),
        ("process_identity_profile", ("../x",), {}),
        ("check_source_connection", ("short",), {}),
        ("get_source_health", ("short",), {}),
        ("wait_for_account_aggregation", (DIRECTORY,), {"kind": "other"}),
        ("wait_for_account_aggregation", (PROFILE,), {}),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(tenant, world, name, arguments, keywords):
    with pytest.raises(InvalidInputError):
        called(world, name, *arguments, **keywords)
    assert tenant.starts(name) == []


@WORLDS
def test_a_api_version_without_source_health_is_refused_before_anything_is_sent(tenant, world):
    with pytest.raises(InvalidInputError, match="beta"):
        called(world, "get_source_health", DIRECTORY, hook=SailPointHook(api_version="beta"))
    assert tenant.calls() == []
