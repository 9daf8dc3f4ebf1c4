"""Accounts: the list, with its filters and sorters."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.account_records import (
    ORIGIN,
    account_created,
    account_id,
    account_modified,
    account_name,
    account_record,
)
from sailpoint_provider.simulator.api.answers import Answer, illegal
from sailpoint_provider.simulator.api.filters import Field, fields, filters_of
from sailpoint_provider.simulator.api.paging import page_answer
from sailpoint_provider.simulator.api.paths import API_VERSIONS
from sailpoint_provider.simulator.api.records import OWNER_NAME, connection_type
from sailpoint_provider.simulator.model.clock import normal_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sailpoint_provider.simulator.api.filters import Comparison
    from sailpoint_provider.simulator.api.paths import Target
    from sailpoint_provider.simulator.model.sources import Source
    from sailpoint_provider.simulator.model.tenant import Tenant

    Account = tuple[Source, str]
    """A source and the native identity of one of its accounts."""

_OF_SOURCES: dict[str, Callable[[Source], Any]] = {
    "sourceId": lambda source: source.id,
    "source.displayableName": lambda source: source.name,
    "source.authoritative": lambda source: False,
    "source.connectionType": connection_type,
    "sourceOwner.name": lambda source: OWNER_NAME,
    "created": account_created,
    "modified": account_modified,
}
_OF_ACCOUNTS: dict[str, Callable[[Source, str], Any]] = {
    "id": account_id,
    "name": account_name,
    "nativeIdentity": lambda source, identity: identity,
}
_OF_ALL: dict[str, Any] = {
    "identityId": None,
    "uuid": None,
    "entitlements": None,
    "hasEntitlements": False,
    "uncorrelated": True,
    "manuallyCorrelated": False,
    "origin": ORIGIN,
    "identity.name": None,
    "identity.correlated": False,
    "identity.identityState": None,
    "recommendation.method": None,
    "recommendation.type": None,
}
"""Values that all accounts share, because the tenant has neither identities nor entitlements."""


def _known_fields(api_version: str) -> dict[str, Field]:
    known = fields(
        id="eq in sw",
        identityId="eq in sw",
        name="eq in sw",
        nativeIdentity="eq in sw",
        hasEntitlements="eq",
        sourceId="eq in sw",
        uncorrelated="eq",
        entitlements="eq",
        origin="eq in",
        manuallyCorrelated="eq",
        identity__name="eq in sw",
        identity__correlated="eq",
        identity__identityState="eq in",
        source__displayableName="eq in",
        source__authoritative="eq",
        source__connectionType="eq in",
        recommendation__method="eq in isnull",
    )
    if api_version == "v2025":
        known |= fields(recommendation__type="eq in isnull")
    operators = frozenset({"eq", "ge", "gt", "le", "lt"})
    known["created"] = Field(operators - ({"lt"} if api_version == "beta" else set()), fold=normal_time)
    known["modified"] = Field(operators, fold=normal_time)
    return known


FIELDS = {api_version: _known_fields(api_version) for api_version in API_VERSIONS}
"""The fields by which each API version filters accounts."""

_ONLY_BETA_SORTS_BY = frozenset({"hasEntitlements", "sourceOwner.name"})
_NOT_SORTED_BY = frozenset({"uncorrelated", "recommendation.method", "recommendation.type"})
_SORTERS = frozenset({*_OF_SOURCES, *_OF_ACCOUNTS, *_OF_ALL}) - _ONLY_BETA_SORTS_BY - _NOT_SORTED_BY


def list_accounts(tenant: Tenant, target: Target, query: Mapping[str, str]) -> Answer:
    """Answer the list of accounts; those of an aggregation count from its end on."""
    comparisons = filters_of(query, FIELDS[target.api_version])
    sorters = _sorters(query, target.api_version)
    detail = query.get("detailLevel", "FULL")
    if detail not in ("SLIM", "FULL"):
        raise illegal('"detailLevel" must be SLIM or FULL')
    sources = _settled_sources(tenant, [one for one in comparisons if one.field not in _OF_ACCOUNTS])
    of_accounts = [one for one in comparisons if one.field in _OF_ACCOUNTS]
    total = None if of_accounts else sum(len(source.held) for source in sources)
    accounts: Iterable[Account] = chain.from_iterable(_matching(source, of_accounts) for source in sources)
    for name, descending in reversed(sorters):
        accounts = sorted(accounts, key=lambda account: _sort_key(account, name), reverse=descending)

    def write(account: Account) -> dict[str, Any]:
        return account_record(*account, slim=detail == "SLIM")

    return page_answer(accounts, query, write, total)


def sorters_of(api_version: str) -> frozenset[str]:
    """Return the fields by which an API version sorts accounts."""
    return _SORTERS | _ONLY_BETA_SORTS_BY if api_version == "beta" else _SORTERS


def _sorters(query: Mapping[str, str], api_version: str) -> list[tuple[str, bool]]:
    """Return field and direction of each sorter, or end the call with 400."""
    known = sorters_of(api_version)
    given = query.get("sorters", "").split(",") if query.get("sorters") else []
    sorters = [(one.removeprefix("-"), one.startswith("-")) for one in given]
    for name, _ in sorters:
        if name not in known:
            raise illegal(f'Sorting by "{name}" is not supported')
    return sorters


def _settled_sources(tenant: Tenant, comparisons: list[Comparison]) -> list[Source]:
    """Return the sources whose accounts match, as far as a comparison does not need a single account."""
    for source in tenant.sources.values():
        source.settle(tenant.clock.steady())
    return [
        source
        for source in tenant.sources.values()
        if all(comparison.holds(_value_of_all(source, comparison.field)) for comparison in comparisons)
    ]


def _value_of_all(source: Source, field: str) -> Any:
    return _OF_SOURCES[field](source) if field in _OF_SOURCES else _OF_ALL[field]


def _matching(source: Source, comparisons: list[Comparison]) -> Iterable[Account]:
    """Yield the accounts of a source that match, without a scan where the filter names them."""
    held = source.held.digests
    named = next((one for one in comparisons if one.field == "nativeIdentity" and one.operator != "sw"), None)
    identities = held if named is None else [one for one in dict.fromkeys(named.values) if one in held]
    for identity in identities:
        if all(one.holds(_OF_ACCOUNTS[one.field](source, identity)) for one in comparisons):
            yield source, identity


def _sort_key(account: Account, field: str) -> str:
    source, identity = account
    if field in _OF_ACCOUNTS:
        return str(_OF_ACCOUNTS[field](source, identity))
    return str(_value_of_all(source, field))
