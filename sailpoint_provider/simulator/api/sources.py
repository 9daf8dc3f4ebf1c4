"""Sources: list, get, and their schemas."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from sailpoint_provider.simulator.api.account_records import account_schema
from sailpoint_provider.simulator.api.answers import Answer, ApiError, error_answer, illegal, json_answer
from sailpoint_provider.simulator.api.filters import Field, fields, filters_of
from sailpoint_provider.simulator.api.paging import boolean, page_answer
from sailpoint_provider.simulator.api.records import source_record
from sailpoint_provider.simulator.model.clock import normal_time
from sailpoint_provider.simulator.model.sources import DEFAULT_TYPE, SourceKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sailpoint_provider.simulator.api.paths import Target
    from sailpoint_provider.simulator.model.sources import Source
    from sailpoint_provider.simulator.model.tenant import Tenant

_FIELDS = fields(
    id="eq in ge gt le lt ne isnull sw",
    name="co eq in sw ge gt ne isnull",
    type="eq in ge gt ne isnull sw",
    description="eq sw",
    authoritative="eq ne isnull",
    status="eq in ge gt le lt ne isnull sw",
    connectionType="eq ge gt in le lt ne isnull sw",
    connectorName="eq ge gt in ne isnull sw",
    category="co eq ge gt in le lt ne sw",
    owner__id="eq in ge gt le lt ne isnull sw",
) | dict.fromkeys(
    ("created", "modified"),
    Field(frozenset({"eq", "ge", "gt", "in", "le", "lt", "ne", "isnull", "sw"}), fold=normal_time),
)
_SORTERS = frozenset({"id", "name", "type", "created", "modified", "status", "description", "connectorName"})


def find_source(tenant: Tenant, target: Target) -> Source:
    """Return the source that the path names, or end the call with 404."""
    source = tenant.sources.get(target.id)
    if source is None:
        raise ApiError(error_answer(404, f'Source "{target.id}" was not found.'))
    return source


def list_sources(tenant: Tenant, query: Mapping[str, str]) -> Answer:
    """Answer the list of sources; ``for-subadmin`` is accepted and has no effect."""
    comparisons = filters_of(query, _FIELDS)
    boolean(query, "includeIDNSource")
    records = [source_record(source, tenant.shapes) for source in tenant.sources.values()]
    for comparison in comparisons:
        path = comparison.field
        records = [
            record
            for record in records
            if comparison.holds(record["owner"]["id"] if path == "owner.id" else record[path])
        ]
    for sorter in reversed(query.get("sorters", "").split(",") if query.get("sorters") else []):
        name = sorter.removeprefix("-")
        if name not in _SORTERS:
            raise illegal(f'Sorting by "{name}" is not supported')
        records.sort(key=lambda record: str(record[name]), reverse=sorter.startswith("-"))
    return page_answer(records, query, dict)


def get_source(tenant: Tenant, target: Target) -> Answer:
    """Answer one source."""
    return json_answer(source_record(find_source(tenant, target), tenant.shapes))


def list_schemas(tenant: Tenant, target: Target, query: Mapping[str, str]) -> Answer:
    """Answer the schemas of a source: that of its accounts, the only one it has.

    ``include-types`` knows ``group`` alone; with any other value, ``include-names`` decides (ISC OpenAPI).
    """
    source = find_source(tenant, target)
    if query.get("include-types") == "group":
        return json_answer([])
    names = query.get("include-names")
    if names and "account" not in (name.strip() for name in names.split(",")):
        return json_answer([])
    return json_answer([account_schema(source)])


def get_entitlement_schema(tenant: Tenant, target: Target, query: Mapping[str, str]) -> Answer:
    """Answer the header row of an entitlement file as CSV (ISC OpenAPI, schemas/entitlements)."""
    source = find_source(tenant, target)
    if not source.is_file:
        raise illegal(f'Source "{source.name}" is not a delimited file source')
    name = query.get("schemaName") or DEFAULT_TYPE
    if name not in source.entitlements:
        raise ApiError(error_answer(404, f'Schema "{name}" was not found.'))
    return _header_row(source.entitlement_header)


def check_connection(tenant: Tenant, target: Target) -> Answer:
    """Answer whether ISC can log in to a source (ISC OpenAPI, StatusResponse)."""
    source = find_source(tenant, target)
    is_good = source.connection == "SUCCESS"
    return json_answer(
        {
            "id": source.id,
            "name": f"{source.name} [source]",
            "status": "SUCCESS" if is_good else "FAILURE",
            "elapsedMillis": 120,
            "details": {} if is_good else {"error": source.connection},
        }
    )


def get_source_health(tenant: Tenant, target: Target) -> Answer:
    """Answer the state of a source as ISC last saw it (ISC OpenAPI, SourceHealthDto)."""
    source = find_source(tenant, target)
    return json_answer(
        {
            "id": source.id,
            "type": source_record(source, tenant.shapes)["type"],
            "name": source.name,
            "org": "simulated",
            "isAuthoritative": False,
            "isCluster": source.kind is not SourceKind.DELIMITED,
            "hostname": "simulated.invalid",
            "pod": "simulated",
            "iqServiceVersion": None,
            "status": source.health,
        }
    )


def get_account_schema(tenant: Tenant, target: Target) -> Answer:
    """Answer the header row of a delimited file source as CSV (ISC OpenAPI, schemas/accounts)."""
    source = find_source(tenant, target)
    if not source.is_file:
        raise illegal(f'Source "{source.name}" is not a delimited file source')
    return _header_row(source.header)


def _header_row(columns: Sequence[str]) -> Answer:
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow(columns)
    return Answer(200, row.getvalue().encode(), "text/csv")
