"""The table of kinds is the only place that distinguishes them, and says what ISC documents."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.loads import (
    MOST_IDENTITIES,
    process_identities,
    process_identity_profile,
    start_load,
)
from sailpoint_provider.isc.api.source_health import check_connection, source_health
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.kinds import (
    ACCOUNT_AGGREGATION,
    ENTITLEMENT_AGGREGATION,
    IDENTITY_REFRESH,
    KINDS,
    UNCORRELATED_ACCOUNTS,
    kind_of,
)
from tests.unit.isc.isc_cases import SOURCE

DOCUMENTS = Path(__file__).parents[4] / "shared" / "openapi"
OF_SOURCES = (ACCOUNT_AGGREGATION, ENTITLEMENT_AGGREGATION, UNCORRELATED_ACCOUNTS)
PROFILE = "2b838de9-db9b-abcf-e646-d4f274ad4238"
documented = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason=f"ISC's OpenAPI documents are not part of the repository ({DOCUMENTS})"
)


def test_a_kind_is_found_by_its_key():
    assert all(kind_of(key) is kind and kind.key == key for key, kind in KINDS.items())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_copy_of_a_kind_is_the_kind_itself(kind):
    assert copy.copy(kind) is kind
    assert copy.deepcopy(kind) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert {kind: 1}[kind] == 1


@pytest.mark.parametrize("key", ["accounts", "", None, 3, ["account_aggregation"]])
def test_an_unknown_key_is_refused_with_the_known_ones(key):
    with pytest.raises(InvalidInputError, match=r"account_aggregation, entitlement_aggregation.*not"):
        kind_of(key)


def test_only_an_account_aggregation_has_a_status_endpoint_and_an_optimization():
    assert [kind for kind in KINDS.values() if kind.has_status] == [ACCOUNT_AGGREGATION]
    assert [kind for kind in KINDS.values() if kind.can_disable_optimization] == [ACCOUNT_AGGREGATION]


def document_of(api_version):
    return json.loads((DOCUMENTS / f"{api_version}.json").read_text(encoding="utf-8"))


def resolved(api_version, schema):
    found = document_of(api_version)
    for name in schema["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def operation(api_version, call):
    document = document_of(api_version)
    path = call.path if api_version == "v1" else call.path.removeprefix(f"/{api_version}")
    wanted = path.split("/")
    for known, methods in document["paths"].items():
        parts = known.split("/")
        if len(parts) == len(wanted) and all(
            one == other or one.startswith("{") for one, other in zip(parts, wanted, strict=True)
        ):
            return methods[call.method.lower()]
    raise AssertionError(f"{api_version} has no {call.method} {path}")


@documented
@pytest.mark.parametrize("api_version", API_VERSIONS)
@pytest.mark.parametrize("kind", OF_SOURCES, ids=lambda kind: kind.key)
def test_every_api_version_documents_the_start_and_its_scope(api_version, kind):
    known = operation(api_version, start_load(API_VERSIONS[api_version], kind, SOURCE))
    schemes = {name: scopes for one in known["security"] for name, scopes in one.items()}
    assert kind.scope in schemes["userAuth"]
    assert kind.needs_user <= ("applicationAuth" not in schemes)


@documented
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_every_api_version_documents_the_refreshes_and_their_scopes(api_version):
    known = API_VERSIONS[api_version]
    for call in (process_identities(known, [SOURCE]), process_identity_profile(known, PROFILE)):
        documented = operation(api_version, call)["security"]
        assert call.scope in {scope for one in documented for scopes in one.values() for scope in scopes}
    body = operation(api_version, process_identities(known, [SOURCE]))["requestBody"]
    (content,) = body["content"].values()
    ids = resolved(api_version, content["schema"])["properties"]["identityIds"]
    assert ids["maxItems"] == MOST_IDENTITIES


@documented
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_every_api_version_documents_the_checks_of_a_source_that_it_is_said_to_have(api_version):
    known = API_VERSIONS[api_version]
    assert operation(api_version, check_connection(known, SOURCE))
    if known.has_source_health:
        assert operation(api_version, source_health(known, SOURCE))
    else:
        document = (DOCUMENTS / f"{api_version}.json").read_text(encoding="utf-8")
        assert "source-health" not in document


@documented
@pytest.mark.parametrize("kind", OF_SOURCES, ids=lambda kind: kind.key)
def test_every_document_that_lists_task_types_lists_that_of_the_kind(kind):
    texts = [(DOCUMENTS / f"{one}.json").read_text(encoding="utf-8") for one in API_VERSIONS]
    listing = [text for text in texts if "CLOUD_REFRESH_ROLE, " in text]
    assert len(listing) >= 3
    assert all(f"{kind.task_type}, " in text for text in listing)


@documented
def test_no_document_of_all_api_versions_names_a_task_type_for_refreshes():
    texts = {one: (DOCUMENTS / f"{one}.json").read_text(encoding="utf-8") for one in API_VERSIONS}
    assert not all("IDENTITY_REFRESH" in text for text in texts.values())
    assert IDENTITY_REFRESH.task_type is None


@documented
def test_the_counts_are_those_that_the_documents_list_as_returns():
    text = (DOCUMENTS / "v1.json").read_text(encoding="utf-8")
    for kind in OF_SOURCES:
        assert all(f'"{attribute}"' in text for attribute in kind.counts.values())
