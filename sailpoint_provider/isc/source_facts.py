"""Reads what the tenant says about a source, for a check of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sailpoint_provider.exceptions import AccessDeniedError, SailPointError
from sailpoint_provider.files.check.facts import MissingFact, SourceFacts
from sailpoint_provider.isc.api.source_calls import (
    ACCOUNT_SCHEMA,
    account_columns,
    account_count,
    account_schema,
    entitlement_columns,
)
from sailpoint_provider.isc.flow import Flow, ask
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, ENTITLEMENT_AGGREGATION, UNCORRELATED_ACCOUNTS

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.kinds import LoadKind

T = TypeVar("T")

_USER_NEEDED = "the client lacks the scope, is not a personal access token, or its user's level is too low"
_ENTITLEMENTS = (
    "Rows are counted, not compared by key: ISC does not document how rows of an entitlement file become "
    "entitlements. Set key in the check to compare them by a column."
)
_ASSIGNMENTS = (
    "A file of uncorrelated accounts assigns accounts and replaces nothing, so neither its keys nor its "
    "number of rows is compared."
)
_SCOPE_NEEDED = "the client lacks the scope, or its user's level is too low"


def read_source_facts(
    api_version: ApiVersion,
    source: Source,
    kind: LoadKind = ACCOUNT_AGGREGATION,
    object_type: str | None = None,
) -> Flow[SourceFacts]:
    """
    Return what the tenant says about a source, as far as it matters for a kind of load.

    A fact that this client may not read, or that ISC does not have, is unknown and listed as missing.

    :param source: the source, as ISC returned it.
    :param kind: the kind of load that the file is for.
    :param object_type: object type of the entitlements in the file; None for ISC's default.
    :raises SailPointError: a call failed for another reason than a 403 or a 404.
    """
    if kind is UNCORRELATED_ACCOUNTS:
        return SourceFacts(
            source.id,
            source.name,
            missing=(MissingFact("columns", None, "ISC has no call that returns them"),),
            noun="assignment",
            inapplicable=dict.fromkeys(("keys", "shrinkage", "growth", "changes"), _ASSIGNMENTS),
            replaces=False,
        )
    missing: list[MissingFact] = []
    columns = None
    if not source.is_delimited_file:
        missing.append(MissingFact("columns", None, "only a delimited-file source has a header row"))
    elif kind is ENTITLEMENT_AGGREGATION:
        call = entitlement_columns(api_version, source.id, object_type)
        columns = yield from _read("columns", call, missing, _USER_NEEDED)
    else:
        columns = yield from _read("columns", account_columns(api_version, source.id), missing, _USER_NEEDED)
    if kind is ENTITLEMENT_AGGREGATION:
        missing.append(MissingFact("accounts", None, "the provider does not ask for it"))
        return SourceFacts(
            source.id,
            source.name,
            columns=columns,
            missing=tuple(missing),
            noun="entitlement",
            inapplicable=dict.fromkeys(("keys", "changes"), _ENTITLEMENTS),
        )
    key = yield from _read_identity_attribute(api_version, source, missing)
    accounts = yield from _read("accounts", account_count(api_version, source.id), missing, _SCOPE_NEEDED)
    return SourceFacts(
        source_id=source.id,
        source_name=source.name,
        columns=columns,
        identity_attribute=key,
        accounts=accounts,
        delete_threshold=source.delete_threshold,
        merges_rows=source.merges_rows,
        missing=tuple(missing),
    )


def _read_identity_attribute(
    api_version: ApiVersion, source: Source, missing: list[MissingFact]
) -> Flow[str | None]:
    fact, known = "identity_attribute", len(missing)
    schema = yield from _read(fact, account_schema(api_version, source.id), missing, _USER_NEEDED)
    if len(missing) > known:
        return None
    if schema is None:
        missing.append(MissingFact(fact, None, f"the source has no schema named {ACCOUNT_SCHEMA!r}"))
        return None
    if schema.identity_attribute is None:
        missing.append(MissingFact(fact, None, "the source's account schema names no identity attribute"))
    return schema.identity_attribute


def _read(fact: str, call: Request[T], missing: list[MissingFact], denied: str) -> Flow[T | None]:
    """
    Return the value of a call; note the fact as missing after a 403 or a 404.

    :param denied: what a 403 means, as a clause.
    """
    try:
        return (yield from ask(call))
    except AccessDeniedError as refusal:
        missing.append(MissingFact(fact, call.scope, f"access was denied with {_answer(refusal)}: {denied}"))
    except SailPointError as error:
        if error.status != 404:
            raise
        missing.append(MissingFact(fact, None, f"nothing was found, with {_answer(error)}"))
    return None


def _answer(error: SailPointError) -> str:
    tracking = f" (trackingId {error.tracking_id})" if error.tracking_id else ""
    return f"HTTP {error.status}{tracking}"
