"""What a tenant says about a source, over real HTTP in every API version."""

from dataclasses import replace

import pytest

from sailpoint_provider.files.check.facts import SourceFacts
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.source_facts import read_source_facts
from sailpoint_provider.isc.start.load import find_source, get_source
from tests.unit.client.client_cases import CLIENT, SECRET, tenant_at


def read(world, tenant, source_id):
    source = world.run(tenant, get_source(tenant.api_version, source_id))
    return world.run(tenant, read_source_facts(tenant.api_version, source))


@pytest.fixture
def badges(control):
    return control.create_source(
        "Badges",
        header=["badge", "name", "group"],
        identity_attribute="badge",
        delete_threshold=25,
        merge_rows=True,
        accounts=[["1", "Ada", "red"], ["1", "Ada", "blue"], ["2", "Bo", "red"]],
    )["id"]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_every_api_version_gives_all_facts(world, sailpoint_simulator, badges, api_version):
    tenant = tenant_at(sailpoint_simulator.url, extra={"api_version": api_version})
    facts = SourceFacts(
        source_id=badges,
        source_name="Badges",
        columns=("badge", "name", "group"),
        identity_attribute="badge",
        accounts=2,
        delete_threshold=25.0,
        merges_rows=True,
    )
    assert read(world, tenant, badges) == facts
    named = world.run(tenant, find_source(tenant.api_version, "Badges"))
    assert world.run(tenant, read_source_facts(tenant.api_version, named)) == facts


def test_a_source_without_threshold_and_accounts_says_so(world, tenant, control):
    source = control.create_source("New", header=["id"])["id"]
    facts = read(world, tenant, source)
    assert (facts.delete_threshold, facts.merges_rows, facts.accounts, facts.missing) == (None, False, 0, ())


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        (["idn:accounts:read"], {"columns", "identity_attribute"}),
        (["idn:source-schema:read"], {"accounts"}),
        ([], {"columns", "identity_attribute", "accounts"}),
    ],
)
def test_a_scope_that_the_client_lacks_is_named(world, tenant, control, badges, scopes, missing):
    control.client(CLIENT, secret=SECRET, scopes=["idn:sources:read", *scopes])
    facts = read(world, tenant, badges)
    assert {one.fact for one in facts.missing} == missing
    for one in facts.missing:
        assert one.scope == ("idn:accounts:read" if one.fact == "accounts" else "idn:source-schema:read")
        assert "trackingId" in one.reason
    assert facts.delete_threshold == 25.0


def test_a_client_without_a_user_learns_the_number_of_accounts_only(world, tenant, control, badges):
    control.client(CLIENT, secret=SECRET, user=False)
    facts = read(world, tenant, badges)
    assert (facts.columns, facts.identity_attribute, facts.accounts) == (None, None, 2)
    assert all("personal access token" in one.reason for one in facts.missing)


def test_a_source_that_is_gone_leaves_its_schema_unknown(world, tenant, control, badges):
    source = replace(world.run(tenant, get_source(tenant.api_version, badges)), id="f" * 32)
    facts = world.run(tenant, read_source_facts(tenant.api_version, source))
    assert [(one.fact, one.scope) for one in facts.missing] == [
        ("columns", None),
        ("identity_attribute", None),
    ]
    assert facts.accounts == 0


def test_an_outage_is_retried(world, tenant, control, badges):
    control.fault("answer", path="schemas|accounts", status=503, nth=[1, 3], times=2)
    assert read(world, tenant, badges).missing == ()
