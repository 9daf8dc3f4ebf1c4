"""What the API versions are said to document, compared with ISC's OpenAPI documents where they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sailpoint_provider.isc.api.source_calls import SCHEMA_SCOPE
from sailpoint_provider.isc.api.versions import API_VERSIONS

DOCUMENTS = Path(__file__).parents[5] / "shared" / "openapi"

pytestmark = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason=f"ISC's OpenAPI documents are not part of the repository ({DOCUMENTS})"
)


def operation(api_version, path):
    """Return what a document says of a GET; the paths of all API versions but v1 begin without its name."""
    document = json.loads((DOCUMENTS / f"{api_version}.json").read_text(encoding="utf-8"))
    prefix = "" if api_version == "v1" else f"/{api_version}"
    return document["paths"][path.removeprefix(prefix)]["get"]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_list_of_tasks_can_be_filtered_by_what_a_query_uses(api_version):
    known = API_VERSIONS[api_version]
    parameters = operation(api_version, known.path("task-status"))["parameters"]
    text = next(one["description"] for one in parameters if one.get("name") == "filters")
    documented = dict(re.findall(r"\*\*(\w+)\*\*: \*([^*]+)\*", text))
    assert set(documented) >= {"id", "sourceId", "type", "completionStatus"}
    assert ("isnull" in documented["completionStatus"]) is (known.pending_tasks is None)


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_aggregation_status_is_for_just_the_documented_user_levels(api_version):
    known = API_VERSIONS[api_version]
    documented = operation(api_version, f"{known.path('account-aggregations')}/{{id}}/status")
    levels = documented.get("x-sailpoint-userLevels") or re.findall(
        r"[A-Z]+_?[A-Z]+(?=,| or | authority)", documented["description"].partition("A token with")[2]
    )
    assert set(levels) == set(known.status_user_levels)
    assert documented.get("security", [{"userAuth": []}]) == [{"userAuth": []}]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_accounts_can_be_counted_by_source_with_the_documented_scope(api_version):
    documented = operation(api_version, API_VERSIONS[api_version].path("accounts"))
    parameters = {one["name"]: one for one in documented["parameters"]}
    assert "**sourceId**: *eq" in parameters["filters"]["description"]
    assert "X-Total-Count" in parameters["count"]["description"]
    assert parameters["limit"]["schema"]["minimum"] <= 1
    assert "SLIM" in parameters["detailLevel"]["schema"]["enum"]
    assert {"applicationAuth": ["idn:accounts:read", "idn:accounts:manage"]} in documented["security"]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_account_schema_takes_a_user_and_its_scope(api_version):
    sources = API_VERSIONS[api_version].path("sources")
    name = "sourceId" if api_version == "beta" else "id"
    header = operation(api_version, f"{sources}/{{{name}}}/schemas/accounts")
    schemas = operation(api_version, f"{sources}/{{sourceId}}/schemas")
    for documented in (header, schemas):
        assert documented["security"] == [{"userAuth": [SCHEMA_SCOPE, "idn:source-schema:manage"]}]
    assert list(header["responses"]["200"]["content"]) == ["text/csv"]
    assert "include-names" in {one["name"] for one in schemas["parameters"]}
    items = schemas["responses"]["200"]["content"]["application/json"]["schema"]["items"]
    assert "identityAttribute" in items["properties"]
