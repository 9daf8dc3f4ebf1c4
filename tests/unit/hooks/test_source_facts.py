"""What the hook reports about a source for a check of its file."""

import asyncio

from sailpoint_provider.hooks.sailpoint import SailPointHook
from tests.unit.airflow_cases import HR


def test_the_facts_of_a_source_are_read_in_both_worlds(tenant):
    (source,) = (source for source in tenant.control.sources() if source["id"] == HR)
    facts = SailPointHook().get_source_facts(HR)
    assert facts.columns == tuple(source["header"])
    assert facts.identity_attribute == source["identity_attribute"]
    assert facts.missing == ()
    assert asyncio.run(SailPointHook().aget_source_facts(HR)) == facts


def test_a_client_without_the_scopes_learns_which_ones_it_needs(tenant):
    tenant.client(scopes=["idn:sources:read"])
    facts = SailPointHook().get_source_facts(HR)
    assert (facts.columns, facts.accounts) == (None, None)
    assert {missing.scope for missing in facts.missing} == {"idn:source-schema:read", "idn:accounts:read"}
