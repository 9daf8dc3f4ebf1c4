"""The requests that start loads, and how their responses are read."""

from __future__ import annotations

import json

import pytest

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.loads import process_identities, process_identity_profile, start_load
from sailpoint_provider.isc.api.models import read_start_response
from sailpoint_provider.isc.api.source_health import check_connection, source_health
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, ENTITLEMENT_AGGREGATION, UNCORRELATED_ACCOUNTS
from sailpoint_provider.isc.start.load import check_object_type
from tests.unit.isc.isc_cases import RUN, SOURCE, answer

V1 = API_VERSIONS["v1"]
PROFILE = "2b838de9-db9b-abcf-e646-d4f274ad4238"
BUSY = "This {0} failed because the currently running {0} must complete before the next one can start."
FILE = object()
"""Stands for an upload, which the request only carries."""


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (ACCOUNT_AGGREGATION, "load-accounts"),
        (ENTITLEMENT_AGGREGATION, "load-entitlements"),
        (UNCORRELATED_ACCOUNTS, "load-uncorrelated-accounts"),
    ],
)
def test_each_kind_has_a_path_of_its_own_and_is_never_repeated(kind, path):
    for name, api_version in API_VERSIONS.items():
        call = start_load(api_version, kind, SOURCE)
        prefix = "/sources/v1" if name == "v1" else f"/{name}/sources"
        assert (call.method, call.path) == ("POST", f"{prefix}/{SOURCE}/{path}")
        assert not call.safe_to_repeat
        assert call.scope == kind.scope


def test_entitlements_without_a_file_have_no_body_at_all():
    call = start_load(V1, ENTITLEMENT_AGGREGATION, SOURCE)
    assert (call.form, call.multipart, call.upload, call.content) == ((), False, None, None)


def test_entitlements_with_a_file_name_their_object_type_only_if_the_user_does():
    assert start_load(V1, ENTITLEMENT_AGGREGATION, SOURCE, FILE).form == ()
    named = start_load(V1, ENTITLEMENT_AGGREGATION, SOURCE, FILE, object_type="group")
    assert named.form == (("objectType", "group"),)
    assert named.multipart


def test_only_accounts_have_an_optimization_flag():
    assert start_load(V1, ACCOUNT_AGGREGATION, SOURCE).form == (("disableOptimization", "false"),)
    assert start_load(V1, UNCORRELATED_ACCOUNTS, SOURCE, FILE).form == ()


def test_a_refused_client_learns_that_entitlements_need_a_user():
    call = start_load(V1, ENTITLEMENT_AGGREGATION, SOURCE)
    assert "idn:entitlement:manage" in call.denied_advice
    assert "personal access token" in call.denied_advice
    assert start_load(V1, ACCOUNT_AGGREGATION, SOURCE).denied_advice == ""


def test_the_flat_response_for_entitlements_is_the_task_itself():
    # As the OpenAPI documents show it, and as a public report does.
    short = {"id": RUN, "type": "QUARTZ", "uniqueName": "Cloud Group Aggregation", "returns": []}
    seen = short | {"name": f"Cloud Group Aggregation - {SOURCE}", "messages": [], "completionStatus": None}
    for document in (short, seen):
        task = read_start_response(document)
        assert (task.id, task.messages) == (RUN, ())


def test_a_message_of_a_flat_response_counts_once():
    text = BUSY.format("aggregation")
    task = read_start_response({"id": RUN, "messages": [{"type": "ERROR", "key": text}]})
    assert len(task.messages) == 1
    assert task.refused_as_busy


def test_a_refused_load_of_uncorrelated_accounts_speaks_of_a_correlation():
    text = BUSY.format("correlation")
    document = {"success": True, "task": {"id": RUN, "messages": [{"type": "WARN", "key": text}]}}
    assert read_start_response(document).refused_as_busy


def test_identities_are_sent_as_json_and_answered_with_a_task():
    call = process_identities(V1, [SOURCE, RUN])
    assert call.path == "/identities/v1/process"
    assert json.loads(call.content) == {"identityIds": [SOURCE, RUN]}
    assert not call.safe_to_repeat
    uuid = "78733556-9ea3-4f59-bf69-e5cd92b011b4"
    assert call.read(answer({"type": "TASK_RESULT", "id": uuid, "name": None}, 202)) == uuid


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": "../x"}, {"id": 7}])
def test_a_response_without_a_usable_id_names_no_task(document):
    assert process_identities(V1, [SOURCE]).read(answer(document, 202)) is None


def test_a_response_that_is_not_an_object_is_refused():
    with pytest.raises(ProtocolError):
        process_identities(V1, [SOURCE]).read(answer([], 202))


@pytest.mark.parametrize("profile", [PROFILE, SOURCE])
def test_a_profile_is_named_by_a_uuid_or_by_an_older_id(profile):
    call = process_identity_profile(V1, profile)
    assert call.path == f"/identity-profiles/v1/{profile}/process-identities"
    assert call.content is None
    assert call.read(answer({}, 202)) is None
    assert call.read(answer(status=202, body=b"")) is None


@pytest.mark.parametrize("profile", ["", "../x", "2b838de9", None, PROFILE + "/x"])
def test_a_malformed_profile_is_refused(profile):
    with pytest.raises(InvalidInputError, match="identity_profile_id"):
        process_identity_profile(V1, profile)


@pytest.mark.parametrize("name", ["", " ", "a\nb", 3, "x" * 129])
def test_an_object_type_that_is_no_name_is_refused(name):
    with pytest.raises(InvalidInputError, match="object_type"):
        check_object_type(name, has_file=True)


def test_an_object_type_needs_a_file():
    check_object_type(None, has_file=False)
    check_object_type("group", has_file=True)
    with pytest.raises(InvalidInputError, match="needs a file"):
        check_object_type("group", has_file=False)


def test_a_failed_connection_is_read_with_its_reason_and_nothing_else():
    call = check_connection(V1, SOURCE)
    assert call.safe_to_repeat
    details = {"error": "  no\n route ", "password": "hidden"}
    read = call.read(answer({"status": "FAILURE", "elapsedMillis": 7, "details": details}))
    assert (read.is_good, read.milliseconds, read.reason) == (False, 7, "no route")
    assert call.read(answer({"status": "FAILURE", "details": {"password": "hidden"}})).reason == ""
    assert call.read(answer({"status": "SUCCESS", "details": {"error": "ignored"}})).reason == ""
    assert len(call.read(answer({"status": "FAILURE", "details": "x" * 999})).reason) == 201


@pytest.mark.parametrize(
    ("status", "is_good"),
    [
        ("SOURCE_STATE_HEALTHY", True),
        ("SOURCE_STATE_UNCHECKED_SOURCE", None),
        ("SOURCE_STATE_UNCHECKED_CLUSTER_NO_SOURCES", None),
        ("SOURCE_STATE_ERROR_VA", False),
        ("SOURCE_STATE_OF_TOMORROW", False),
    ],
)
def test_only_a_healthy_source_is_healthy(status, is_good):
    assert source_health(V1, SOURCE).read(answer({"status": status})).is_good is is_good


def test_a_api_version_without_source_health_is_refused_before_anything_is_sent():
    with pytest.raises(InvalidInputError, match=r"beta.*newer api_version"):
        source_health(API_VERSIONS["beta"], SOURCE)


@pytest.mark.parametrize("document", [None, [], {}, {"status": ""}])
def test_a_check_without_a_status_is_refused(document):
    with pytest.raises(ProtocolError):
        check_connection(V1, SOURCE).read(answer(document))
