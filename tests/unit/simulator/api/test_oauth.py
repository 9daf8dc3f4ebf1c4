import base64
import json
import time

import pytest

from tests.unit.simulator.simulator_cases import API_VERSIONS, DIRECTORY, HR

FIELDS = {
    "access_token",
    "token_type",
    "expires_in",
    "scope",
    "tenant_id",
    "org",
    "pod",
    "user_id",
    "identity_id",
    "jti",
}


def test_a_grant_has_all_fields(api):
    grant = api.token().json()
    assert set(grant) >= FIELDS
    assert (grant["token_type"], grant["expires_in"], grant["scope"]) == ("bearer", 43200, "sp:scopes:all")


@pytest.mark.parametrize("changed", [{"client_secret": "wrong"}, {"client_id": "nobody"}])
def test_wrong_credentials(api, changed):
    answer = api.token(**changed)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"]


def test_other_grants_and_incomplete_forms_are_refused(api):
    assert api.token(grant_type="password").status_code == 400
    assert api.token(client_secret="").status_code == 400
    assert api.call("GET", "oauth/token").status_code == 405
    assert api.call("POST", "oauth/token", json={}).status_code == 415


def _parts(secret="simulator-secret"):
    return {
        "grant_type": (None, "client_credentials"),
        "client_id": (None, "simulator-client"),
        "client_secret": (None, secret),
    }


def test_a_multipart_form_gets_a_token_too(api, control):
    answer = api.call("POST", "oauth/token", files=_parts())
    assert answer.status_code == 200
    api.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    assert api.sources().status_code == 200
    assert api.call("POST", "oauth/token", files=_parts("wrong")).json()["error"] == "invalid_client"
    assert "wrong" not in str(control.requests())


@pytest.mark.parametrize(
    "media_type", ["Application/X-WWW-Form-URLencoded", "application/x-www-form-urlencoded ;charset=UTF-8"]
)
def test_media_types_are_compared_without_case_and_parameters(api, media_type):
    form = "grant_type=client_credentials&client_id=simulator-client&client_secret=simulator-secret"
    answer = api.call("POST", "oauth/token", data=form, headers={"Content-Type": media_type})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"no parts at all", b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--\r\n"]
)
def test_a_malformed_multipart_token_request_is_invalid(api, body):
    media_type = {"Content-Type": "multipart/form-data; boundary=edge"}
    answer = api.call("POST", "oauth/token", data=body, headers=media_type)
    assert (answer.status_code, answer.json()["error"]) in [
        (400, "invalid_request"),
        (400, "unsupported_grant_type"),
    ]
    answer = api.call("POST", "oauth/token", data=b"x", headers={"Content-Type": "multipart/form-data"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_tokens_claims_follow_the_tenants_clock(api, control):
    control.clock(-5000)
    claims = api.token().json()["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert claims["iat"] == pytest.approx(time.time() - 5000, abs=3)
    assert claims["exp"] - claims["iat"] == 43200


def test_a_secret_in_the_query_is_refused_and_not_recorded(api, control):
    query = {
        "grant_type": "client_credentials",
        "client_id": "simulator-client",
        "client_secret": "simulator-secret",
    }
    answer = api.call("POST", "oauth/token", params=query, data={})
    assert answer.status_code in (400, 415)
    answer = api.call("POST", "oauth/token", params=query, data={"x": "y"})
    assert answer.status_code == 400
    assert "simulator-secret" not in str(control.requests())


def test_a_token_expires(api, control):
    control.client("short", secret="short-secret", token_lifetime=1)
    api.client_id, api.secret = "short", "short-secret"
    assert api.login().sources().status_code == 200
    time.sleep(1.05)
    answer = api.sources()
    assert answer.status_code == 401
    assert answer.json() == {"error": "JWT validation failed: JWT is expired"}


def test_tokens_are_revoked_and_secrets_changed(api, control):
    assert control.revoke_tokens("simulator-client") >= 1
    assert api.sources().status_code == 401
    control.client("simulator-client", secret="renewed")
    assert api.token().status_code == 401
    api.secret = "renewed"
    assert api.login().sources().status_code == 200


def test_a_call_without_a_token_is_refused(api):
    del api.session.headers["Authorization"]
    assert api.sources().status_code == 401


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("idn:sources:read", {"list", "get", "status"}),
        ("idn:sources:manage", {"list", "get", "start", "status"}),
        ("idn:task-management:read", {"tasks", "status"}),
        ("idn:source-schema:read", {"schema", "schemas", "status"}),
        ("idn:source-schema:manage", {"schema", "schemas", "status"}),
        ("idn:accounts:read", {"accounts", "status"}),
        ("idn:accounts:manage", {"accounts", "status"}),
        ("idn:entitlement:manage", {"status"}),
    ],
)
def test_each_call_requires_its_scope(api, control, scope, allowed):
    control.client("narrow", secret="s", scopes=[scope])
    api.client_id, api.secret = "narrow", "s"
    api.login()
    answers = {
        "list": api.sources(),
        "get": api.call("GET", f"sources/v1/{HR}"),
        "schema": api.header_row(HR),
        "schemas": api.schemas(HR),
        "accounts": api.accounts(),
        "start": api.start(DIRECTORY),
        "tasks": api.tasks(),
        "status": api.status("0" * 32),
    }
    assert {name for name, answer in answers.items() if answer.status_code != 403} == allowed


def test_a_client_without_a_user_can_count_accounts_but_not_read_a_schema(api, control):
    control.client("machine", secret="s", user=False)
    api.client_id, api.secret = "machine", "s"
    api.login()
    for api.api_version in API_VERSIONS:
        assert api.accounts(count="true").status_code == 200
        assert (api.schemas(HR).status_code, api.header_row(HR).status_code) == (403, 403)


def test_a_client_without_a_user_can_start_but_not_read_the_aggregation_status(api, control):
    control.client("machine", secret="s", user=False)
    api.client_id, api.secret = "machine", "s"
    grant = api.token().json()
    assert "user_id" not in grant
    task = api.login().started(DIRECTORY)
    assert api.status(task).status_code == 403
    assert api.task(task).status_code == 200
    api.api_version = "beta"
    assert api.start(DIRECTORY).status_code == 403
