"""What a check learns about a source: what may not be read is named as missing, other failures are errors."""

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    InvalidInputError,
    ProtocolError,
    TenantUnavailableError,
)
from sailpoint_provider.files.check.facts import MissingFact, SourceFacts
from sailpoint_provider.isc.api.models import Source
from sailpoint_provider.isc.api.source_calls import AccountSchema
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.source_facts import read_source_facts
from tests.unit.isc.isc_cases import SOURCE, Driver

V1 = API_VERSIONS["v1"]
HR = Source(SOURCE, "HR", "DelimitedFile", delete_threshold=10.0, merges_rows=True)
KNOWN = {"schemas/accounts": ("id", "name"), "schemas": AccountSchema("id"), "accounts/v1": 1204}
SCHEMA, ACCOUNTS = "idn:source-schema:read", "idn:accounts:read"


def facts(source=HR, **answers):
    """Return the facts, and the paths that were asked; ``answers`` replace those of :data:`KNOWN`."""
    changed = {"schemas/accounts": "columns", "schemas": "key", "accounts/v1": "accounts"}

    def respond(call):
        ending = next(ending for ending in KNOWN if call.path.endswith(ending))
        return answers.get(changed[ending], KNOWN[ending])

    driver = Driver(respond)
    return driver.run(read_source_facts(V1, source)), [call.path for call in driver.calls]


def test_all_facts_are_read_with_three_calls():
    found, paths = facts()
    assert found == SourceFacts(
        source_id=SOURCE,
        source_name="HR",
        columns=("id", "name"),
        identity_attribute="id",
        accounts=1204,
        delete_threshold=10.0,
        merges_rows=True,
    )
    assert paths == [
        f"/sources/v1/{SOURCE}/schemas/accounts",
        f"/sources/v1/{SOURCE}/schemas",
        "/accounts/v1",
    ]


def test_a_source_without_accounts_has_none_of_them_and_not_an_unknown_number():
    found, _ = facts(accounts=0)
    assert (found.accounts, found.missing) == (0, ())


def test_what_the_client_may_not_read_is_missing_with_its_scope():
    denied = AccessDeniedError("no", status=403, tracking_id="abc")
    found, paths = facts(columns=denied, key=denied, accounts=denied)
    assert (found.columns, found.identity_attribute, found.accounts) == (None, None, None)
    assert [(one.fact, one.scope) for one in found.missing] == [
        ("columns", SCHEMA),
        ("identity_attribute", SCHEMA),
        ("accounts", ACCOUNTS),
    ]
    assert found.missing[0].reason.startswith("access was denied with HTTP 403 (trackingId abc): the client")
    assert "personal access token" in found.missing[0].reason
    assert "personal access token" not in found.missing[2].reason
    assert found.delete_threshold == 10.0
    assert len(paths) == 3


@pytest.mark.parametrize("name", ["columns", "key", "accounts"])
def test_one_refused_fact_leaves_the_others(name):
    found, _ = facts(**{name: AccessDeniedError("no", status=403)})
    assert [one.fact for one in found.missing] == [{"key": "identity_attribute"}.get(name, name)]
    known = (found.columns, found.identity_attribute, found.accounts)
    assert sum(fact is None for fact in known) == 1


def test_what_is_not_found_is_missing_without_a_scope():
    found, _ = facts(key=InvalidInputError("no", status=404))
    assert found.missing == (MissingFact("identity_attribute", None, "nothing was found, with HTTP 404"),)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (AccountSchema(None), "the source's account schema names no identity attribute"),
        (None, "the source has no schema named 'account'"),
    ],
)
def test_an_unnamed_key_is_missing_once_with_the_reason(schema, words):
    found, _ = facts(key=schema)
    assert found.missing == (MissingFact("identity_attribute", None, words),)


def test_a_source_that_takes_no_file_is_not_asked_for_a_header_row():
    found, paths = facts(Source(SOURCE, "AD", "Active Directory - Direct"))
    assert [one.fact for one in found.missing] == ["columns"]
    assert not any(path.endswith("schemas/accounts") for path in paths)
    assert (found.identity_attribute, found.accounts) == ("id", 1204)


@pytest.mark.parametrize(
    "failure",
    [
        TenantUnavailableError("down", status=503),
        ProtocolError("odd", status=200),
        InvalidInputError("bad", status=400),
        InvalidInputError("gone", status=410),
    ],
)
@pytest.mark.parametrize("name", ["columns", "key", "accounts"])
def test_any_other_failure_is_an_error(name, failure):
    with pytest.raises(type(failure), match=str(failure)):
        facts(**{name: failure})


def test_reasons_are_clauses_without_a_final_period():
    denied = AccessDeniedError("no", status=403)
    found, _ = facts(Source(SOURCE, "AD", "Web"), key=denied, accounts=InvalidInputError("no", status=404))
    assert len(found.missing) == 3
    assert not any(one.reason.endswith(".") or one.reason[0].isupper() for one in found.missing)
