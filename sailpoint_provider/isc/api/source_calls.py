"""Calls that return what ISC knows of the rows of a source: columns, schema, number of accounts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.advice import CHECK_SOURCE_ID, user_needed
from sailpoint_provider.isc.api.exchange import Request
from sailpoint_provider.isc.api.identifiers import id_for_path
from sailpoint_provider.isc.api.task_query import quoted

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.versions import ApiVersion

SCHEMA_SCOPE = "idn:source-schema:read"

ACCOUNT_SCHEMA = "account"
_TOTAL = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class AccountSchema:
    """
    What ISC knows of the accounts of a source.

    :param identity_attribute: the attribute that identifies an account; None if the schema names none.
    """

    identity_attribute: str | None


def account_columns(api_version: ApiVersion, source_id: str) -> Request[tuple[str, ...]]:
    """Read the header row that ISC expects in a file of accounts; only delimited-file sources have one."""
    return _columns(api_version, source_id, "account")


def entitlement_columns(
    api_version: ApiVersion, source_id: str, object_type: str | None
) -> Request[tuple[str, ...]]:
    """
    Read the header row that ISC expects in a file of entitlements; only delimited-file sources have one.

    :param object_type: name of the entitlement schema, such as ``group``; None for ISC's default.
    """
    return _columns(
        api_version,
        source_id,
        "entitlement",
        query=() if object_type is None else (("schemaName", object_type),),
        not_found_advice="Check that the source ID is correct and that the source has this entitlement type.",
    )


def _columns(
    api_version: ApiVersion,
    source_id: str,
    noun: str,
    *,
    query: tuple[tuple[str, str], ...] = (),
    not_found_advice: str = CHECK_SOURCE_ID,
) -> Request[tuple[str, ...]]:
    source_id = id_for_path(source_id, "source_id")
    return Request(
        purpose=f"read the {noun} columns of source {source_id}",
        method="GET",
        path=f"{api_version.path('sources')}/{source_id}/schemas/{noun}s",
        read=_read_header,
        scope=SCHEMA_SCOPE,
        query=query,
        headers=(("Accept", "text/csv, application/json;q=0.5"),),
        denied_advice=user_needed(SCHEMA_SCOPE),
        not_found_advice=not_found_advice,
    )


def account_schema(api_version: ApiVersion, source_id: str) -> Request[AccountSchema | None]:
    """Read the account schema of a source; None if the source has none."""
    source_id = id_for_path(source_id, "source_id")
    return Request(
        purpose=f"read the account schema of source {source_id}",
        method="GET",
        path=f"{api_version.path('sources')}/{source_id}/schemas",
        read=_read_account_schema,
        scope=SCHEMA_SCOPE,
        query=(("include-names", ACCOUNT_SCHEMA),),
        denied_advice=user_needed(SCHEMA_SCOPE),
        not_found_advice=CHECK_SOURCE_ID,
    )


def account_count(api_version: ApiVersion, source_id: str) -> Request[int]:
    """Read how many accounts ISC holds of a source, from the header of a page that is as small as allowed."""
    source_id = id_for_path(source_id, "source_id")
    return Request(
        purpose=f"count the accounts of source {source_id}",
        method="GET",
        path=api_version.path("accounts"),
        read=_read_total,
        scope="idn:accounts:read",
        query=(
            ("filters", f"sourceId eq {quoted(source_id)}"),
            ("count", "true"),
            ("limit", "1"),
            ("detailLevel", "SLIM"),
        ),
    )


def _read_header(answer: Response) -> tuple[str, ...]:
    """
    Read the answer to :func:`account_columns`.

    The media type matters: read as CSV, a login page would be a header row too.

    :raises ProtocolError: it is not CSV of one row with unique names.
    """
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise ProtocolError(
            f"HTTP {answer.status} with {kind or 'no content type'} where text/csv was expected: a proxy or "
            "a login page may have responded instead of ISC."
        )
    try:
        text = answer.body.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error):
        raise ProtocolError("ISC returned text that is not CSV in UTF-8.") from None
    if len(rows) != 1:
        raise ProtocolError(f"ISC returned {len(rows)} rows where one header row was expected.")
    (columns,) = rows
    if not all(column.strip() for column in columns) or len(set(columns)) != len(columns):
        raise ProtocolError("ISC returned a header row with an empty or repeated name.")
    return tuple(columns)


def _read_account_schema(answer: Response) -> AccountSchema | None:
    """
    Read the answer to :func:`account_schema`.

    :raises ProtocolError: it is not a list of schemas, or the attribute is not a string.
    """
    schemas = answer.json()
    if not isinstance(schemas, list) or not all(isinstance(schema, Mapping) for schema in schemas):
        raise ProtocolError("ISC returned something other than a JSON array of schemas.")
    account = next((schema for schema in schemas if schema.get("name") == ACCOUNT_SCHEMA), None)
    if account is None:
        return None
    attribute = account.get("identityAttribute")
    if attribute is not None and not isinstance(attribute, str):
        raise ProtocolError("ISC returned an account schema whose 'identityAttribute' is not a string.")
    return AccountSchema(attribute or None)


def _read_total(answer: Response) -> int:
    """
    Read the answer to :func:`account_count`.

    :raises ProtocolError: it is not a page of at most one account, or has no usable total.
    """
    page = answer.json()
    if not isinstance(page, list):
        raise ProtocolError("ISC returned something other than a JSON array of accounts.")
    total = answer.headers.get("x-total-count", "").strip()
    if not _TOTAL.fullmatch(total):
        raise ProtocolError("ISC returned no usable X-Total-Count, although count=true asks for it.")
    if int(total) < len(page):
        raise ProtocolError(f"ISC returned {len(page)} accounts with an X-Total-Count of {total}.")
    return int(total)
