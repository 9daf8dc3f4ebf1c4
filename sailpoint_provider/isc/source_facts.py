"""Reads what the tenant says about a source, for a check of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sailpoint_provider.exceptions import AccessDeniedError, SailPointError
from sailpoint_provider.files.check.facts import MissingFact, SourceFacts
from sailpoint_provider.isc.api.accounts import account_count
from sailpoint_provider.isc.api.schemas import ACCOUNT_SCHEMA, account_columns, account_schema
from sailpoint_provider.isc.flow import Flow, ask

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.api.versions import ApiVersion

T = TypeVar("T")

_USER_NEEDED = "the client lacks the scope, is not a personal access token, or its user's level is too low"
_SCOPE_NEEDED = "the client lacks the scope, or its user's level is too low"


def read_source_facts(generation: ApiVersion, source: Source) -> Flow[SourceFacts]:
    """
    Return what the tenant says about a source.

    A fact that this client may not read, or that ISC does not have, is unknown and listed as missing.

    :param generation: the API generation to ask.
    :param source: the source, as ISC returned it.
    :raises SailPointError: a call failed for another reason than a 403 or a 404.
    """
    missing: list[MissingFact] = []
    columns = None
    if source.is_delimited_file:
        columns = yield from _read("columns", account_columns(generation, source.id), missing, _USER_NEEDED)
    else:
        missing.append(MissingFact("columns", None, "only a delimited-file source has a header row"))
    key = yield from _read_identity_attribute(generation, source, missing)
    accounts = yield from _read("accounts", account_count(generation, source.id), missing, _SCOPE_NEEDED)
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
    generation: ApiVersion, source: Source, missing: list[MissingFact]
) -> Flow[str | None]:
    fact, known = "identity_attribute", len(missing)
    schema = yield from _read(fact, account_schema(generation, source.id), missing, _USER_NEEDED)
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
