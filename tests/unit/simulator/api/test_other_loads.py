"""The other loads of the simulated tenant: their answers, records, counts, and what they change."""

import pytest

from tests.unit.simulator.conftest import PATHS
from tests.unit.simulator.simulator_cases import API_VERSIONS, DIRECTORY, HR

HEADER = "id,name,displayName,created,description,modified,entitlements,groups,permissions"
PROFILE = "2b838de9-db9b-abcf-e646-d4f274ad4238"


def post(api, path, csv=None, **parts):
    files = {name: (None, value) for name, value in parts.items()}
    if csv is not None:
        files["file"] = ("rows.csv", csv, "text/csv")
    return api.call("POST", f"{PATHS[api.api_version][0]}/{path}", files=files or None)


def rows(number):
    return "\n".join([HEADER, *(f"{one},n,d,c,x,m,e,g,p" for one in range(number)), ""])


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_an_entitlement_aggregation_answers_its_task_without_a_wrapper(api, control, api_version):
    api.api_version = api_version
    answer = post(api, f"{DIRECTORY}/load-entitlements")
    assert answer.status_code == 202
    task = answer.json()
    assert "task" not in task
    assert task["uniqueName"] == "Cloud Group Aggregation"
    control.finish(task["id"])
    record = api.task(task["id"]).json()
    assert record["completionStatus"] == "SUCCESS"
    counts = {name: record["attributes"][name] for name in ("total", "groupsCreated", "groupsDeleted")}
    assert counts == {"total": 25, "groupsCreated": 25, "groupsDeleted": 0}
    assert "created" not in record["attributes"]
    assert [one["attributeName"] for one in record["returns"]] == [
        "applications",
        "total",
        "groupsCreated",
        "groupsUpdated",
        "groupsDeleted",
    ]
    assert api.status(task["id"]).status_code == 404


def test_a_file_replaces_the_entitlements_of_its_type(api, control):
    for number, changes in ((5, (5, 0)), (3, (0, 2))):
        task = post(api, f"{HR}/load-entitlements", rows(number), objectType="group").json()
        control.finish(task["id"])
        attributes = api.task(task["id"]).json()["attributes"]
        assert (attributes["groupsCreated"], attributes["groupsDeleted"]) == changes
    (source,) = [one for one in control.sources() if one["id"] == HR]
    assert source["entitlements"] == {"group": 3}
    assert source["accounts"] == 0


def test_a_type_that_the_source_lacks_is_accepted_and_kept_nowhere(api, control):
    task = post(api, f"{HR}/load-entitlements", rows(5), objectType="role").json()
    control.finish(task["id"])
    (source,) = [one for one in control.sources() if one["id"] == HR]
    assert source["entitlements"] == {"group": 0}


def test_a_media_type_without_a_body_is_a_500(api, control):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    path = f"{PATHS['v1'][0]}/{DIRECTORY}/load-entitlements"
    assert api.call("POST", path, headers=headers, data=b"").status_code == 500
    assert control.runs() == []


@pytest.mark.parametrize(
    ("path", "csv", "status"),
    [
        (f"{HR}/load-entitlements", None, 400),
        (f"{HR}/load-entitlements", "id,other\n1,2\n", 400),
        (f"{DIRECTORY}/load-entitlements", rows(1), 400),
        (f"{DIRECTORY}/load-uncorrelated-accounts", None, 400),
        (f"{DIRECTORY}/load-uncorrelated-accounts", "", 400),
        (f"{'0' * 32}/load-entitlements", None, 404),
    ],
)
def test_a_wrong_start_starts_nothing(api, control, path, csv, status):
    assert post(api, path, csv).status_code == status
    assert control.runs() == []


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_uncorrelated_accounts_are_counted_and_change_no_account(api, control, api_version):
    api.api_version = api_version
    source = control.create_source("Known", "direct", accounts=3)["id"]
    answer = post(api, f"{source}/load-uncorrelated-accounts", "account,user\n0001,a\n0002,b\n9,c\n")
    assert answer.status_code == 202
    assert answer.json()["success"] is True
    task = answer.json()["task"]
    assert task["name"] == "Cloud Process Uncorrelated Accounts"
    control.finish(task["id"])
    attributes = api.task(task["id"]).json()["attributes"]
    assert (attributes["total"], attributes["updated"], attributes["ignored"]) == (3, 2, 1)
    assert control.accounts(source)["total"] == 3


@pytest.mark.parametrize("call", ["load-entitlements", "load-uncorrelated-accounts"])
def test_a_second_one_of_a_kind_is_refused_inside_the_202_but_another_kind_is_not(api, control, call):
    csv = None if call == "load-entitlements" else "account,user\n1,a\n"
    kind = {"load-entitlements": "entitlement_aggregation"}.get(call, "uncorrelated_accounts")
    control.next_run(DIRECTORY, kind=kind, collect_seconds=1e9)
    post(api, f"{DIRECTORY}/{call}", csv)
    answer = post(api, f"{DIRECTORY}/{call}", csv).json()
    task = answer.get("task", answer)
    noun = "aggregation" if csv is None else "correlation"
    assert f"currently running {noun} must complete" in task["messages"][0]["key"]
    assert not control.start(DIRECTORY)["refused"]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_identities_are_answered_with_a_task_that_ends(api, control, api_version):
    api.api_version = api_version
    base = PATHS[api_version][0].replace("sources", "identities")
    answer = api.call("POST", f"{base}/process", json={"identityIds": ["a", "b"]})
    assert answer.status_code == 202
    assert answer.json()["type"] == "TASK_RESULT"
    task_id = answer.json()["id"]
    assert len(task_id) == 36
    assert api.task(task_id).json()["completionStatus"] is None
    control.finish(task_id)
    record = api.task(task_id).json()
    assert (record["completionStatus"], record["attributes"]["identityCount"]) == ("SUCCESS", 2)
    profiles = PATHS[api_version][0].replace("sources", "identity-profiles")
    answer = api.call("POST", f"{profiles}/{PROFILE}/process-identities")
    assert (answer.status_code, answer.json()) == (202, {})


@pytest.mark.parametrize("ids", [[], ["x"] * 251, "x", [1], None])
def test_wrong_identities_are_a_400(api, control, ids):
    assert api.call("POST", "identities/v1/process", json={"identityIds": ids}).status_code == 400
    assert control.runs() == []


def test_the_task_of_a_refresh_can_be_unknown(api, control):
    control.shapes(refresh_task_unknown=True)
    task_id = api.call("POST", "identities/v1/process", json={"identityIds": ["a"]}).json()["id"]
    assert api.task(task_id).status_code == 404
    assert [run["id"] for run in control.runs()] == [task_id]


def test_the_list_can_be_filtered_by_each_type(api, control):
    started = {
        "CLOUD_ACCOUNT_AGGREGATION": api.started(DIRECTORY),
        "CLOUD_GROUP_AGGREGATION": post(api, f"{DIRECTORY}/load-entitlements").json()["id"],
    }
    for task_type, task_id in started.items():
        assert [one["id"] for one in api.tasks(filters=f'type eq "{task_type}"').json()] == [task_id]
    both = ", ".join(f'"{one}"' for one in started)
    assert len(api.tasks(filters=f"type in ({both}) and completionStatus isnull").json()) == 2


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_entitlement_schema_is_a_header_row(api, api_version):
    api.api_version = api_version
    path = f"{PATHS[api_version][0]}/{HR}/schemas/entitlements"
    assert api.call("GET", path).text == f"{HEADER}\n"
    assert api.call("GET", path, params={"schemaName": "group"}).text == f"{HEADER}\n"
    assert api.call("GET", path, params={"schemaName": "role"}).status_code == 404


def test_the_state_of_a_source_is_scripted(api, control):
    def answers():
        connection = api.call("POST", f"sources/v1/{DIRECTORY}/connector/check-connection").json()
        health = api.call("GET", f"sources/v1/{DIRECTORY}/source-health").json()
        return connection["status"], health["status"]

    assert answers() == ("SUCCESS", "SOURCE_STATE_HEALTHY")
    control.set_state(DIRECTORY, connection="no route", health="SOURCE_STATE_ERROR_SOURCE")
    assert answers() == ("FAILURE", "SOURCE_STATE_ERROR_SOURCE")
    assert api.call("GET", f"beta/sources/{DIRECTORY}/source-health").status_code == 404


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("idn:entitlement:manage", "POST", f"sources/v1/{DIRECTORY}/load-entitlements"),
        ("idn:sources:manage", "POST", f"sources/v1/{DIRECTORY}/load-uncorrelated-accounts"),
        ("idn:identity:process", "POST", "identities/v1/process"),
        ("idn:identity-profile:manage", "POST", f"identity-profiles/v1/{PROFILE}/process-identities"),
        ("idn:source-connector:manage", "POST", f"sources/v1/{DIRECTORY}/connector/check-connection"),
        ("idn:sources:read", "GET", f"sources/v1/{DIRECTORY}/source-health"),
    ],
)
def test_each_call_needs_its_scope(api, control, scope, method, path):
    control.client(api.client_id, scopes=["idn:accounts:read"])
    api.login()
    assert api.call(method, path).status_code == 403
    control.client(api.client_id, scopes=[scope])
    api.login()
    assert api.call(method, path).status_code != 403
