"""ISC's JSON records of accounts and of their schema."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.records import OWNER_NAME, connection_type
from sailpoint_provider.simulator.model.clock import iso_time

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.sources import Source

ORIGIN = "AGGREGATED"
_DISPLAY = "name"


def account_schema(source: Source) -> dict[str, Any]:
    """Return the schema of a source's accounts (ISC OpenAPI, Schema)."""
    key = source.identity_attribute
    return {
        "id": source.schema_id,
        "name": "account",
        "nativeObjectType": "User",
        "identityAttribute": key,
        "displayAttribute": _DISPLAY if _DISPLAY in source.header else key,
        "hierarchyAttribute": None,
        "includePermissions": False,
        "features": [],
        "configuration": {},
        "attributes": [
            {
                "name": column,
                "nativeName": None,
                "type": "STRING",
                "schema": None,
                "description": column,
                "isMulti": source.merges_rows and column != key,
                "isEntitlement": False,
                "isGroup": False,
            }
            for column in source.header
        ],
        "created": iso_time(source.created),
        "modified": None,
    }


def account_id(source: Source, identity: str) -> str:
    """Return the ID of an account, which follows from its source and identity."""
    return blake2b(f"{source.id}\x1f{identity}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def account_name(source: Source, identity: str) -> str:
    """Return the value of the column ``name``, else the identity."""
    name = _attributes(source, identity).get(_DISPLAY)
    return name if isinstance(name, str) and name else identity


def account_created(source: Source) -> str:
    """Return when accounts were created: the tenant keeps no time for each, so it is the source's."""
    return iso_time(source.created)


def account_modified(source: Source) -> str:
    """Return when accounts were last modified: the end of the source's last aggregation."""
    return iso_time(source.created if source.aggregated is None else source.aggregated)


def account_record(source: Source, identity: str, *, slim: bool) -> dict[str, Any]:
    """Return an account (ISC OpenAPI, Account); nobody owns it, because the tenant has no identities.

    :param slim: whether to leave out attributes and optional fields. Fields that the schema requires stay,
        although the documents' own example of a slim account lacks some.
    """
    record: dict[str, Any] = {
        "id": account_id(source, identity),
        "name": account_name(source, identity),
        "created": account_created(source),
        "modified": account_modified(source),
        "sourceId": source.id,
        "sourceName": source.name,
        "attributes": None,
        "authoritative": False,
        "description": None,
        "disabled": False,
        "features": None,
        "hasEntitlements": False,
        "locked": False,
        "manuallyCorrelated": False,
        "nativeIdentity": identity,
        "systemAccount": False,
        "uncorrelated": True,
        "uuid": None,
    }
    if slim:
        return record
    return record | {
        "attributes": _attributes(source, identity),
        "cloudLifecycleState": None,
        "connectionType": connection_type(source),
        "identityState": None,
        "isMachine": False,
        "origin": ORIGIN,
        "sourceOwner": {"type": "IDENTITY", "id": source.owner_id, "name": OWNER_NAME},
    }


def _attributes(source: Source, identity: str) -> dict[str, Any]:
    """Return the attributes of an account; of a source with very many accounts, only digests are kept."""
    rows = source.held.rows
    return {} if rows is None else dict(zip(source.header, rows[identity], strict=False))
