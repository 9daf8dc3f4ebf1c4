"""ISC's JSON records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from sailpoint_provider.simulator.model.clock import epoch_milliseconds, iso_time
from sailpoint_provider.simulator.model.kinds import RunKind
from sailpoint_provider.simulator.model.sources import Source, SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.simulator.model.aggregations import Run, RunState
    from sailpoint_provider.simulator.model.shapes import Shapes

OWNER_NAME = "Source Owner"
_COUNTS = {
    RunKind.ENTITLEMENTS: {"created": "groupsCreated", "updated": "groupsUpdated", "deleted": "groupsDeleted"}
}
"""The names of counts that differ from those of an account aggregation."""


def _times(shapes: Shapes, as_numbers: bool) -> Callable[[float], str | int]:
    if as_numbers:
        return epoch_milliseconds
    if shapes.offset_times:
        return lambda seconds: iso_time(seconds).replace("Z", "+00:00")
    return iso_time


def _case(status: str, shapes: Shapes) -> str:
    return status.capitalize() if shapes.mixed_case_status and "_" not in status else status


def started_task(run: Run, shapes: Shapes) -> dict[str, Any]:
    """Return the body of the 202 to a start; a refusal's error is inside.

    It follows LoadAccountsTask and LoadUncorrelatedAccountsTask of ISC's OpenAPI documents; that of an
    entitlement aggregation, LoadEntitlementTask, is the task itself.
    """
    time_of = _times(shapes, shapes.epoch_milliseconds and run.kind is not RunKind.ENTITLEMENTS)
    task: dict[str, Any] = {
        "type": "QUARTZ",
        "id": run.id,
        "name": _task_name(run, shapes),
        "description": _description(run),
        "launcher": "System",
        "created": time_of(run.created),
        "launched": time_of(run.created),
        "completed": None,
        "completionStatus": None,
        "parentName": None,
        "messages": [],
        "returns": [{"displayLabel": label, "attributeName": name} for label, name in run.kind.returns],
        "attributes": _first_attributes(run) | ({"eventId": run.event_id} if shapes.numeric_event_id else {}),
        "progress": None,
    }
    success: bool | str = not (run.refused and shapes.busy_success_false)
    if run.refused:
        text = run.kind.busy_text
        task["completed"] = time_of(run.created)
        task["completionStatus"] = None if shapes.busy_without_status else _case("ERROR", shapes)
        task["messages"] = [
            {"type": "ERROR", "error": True, "warning": False, "key": text, "localizedText": text}
        ]
        if shapes.busy_without_task_id:
            del task["id"]
    if run.kind is RunKind.ENTITLEMENTS:
        return task | {"uniqueName": run.kind.task_name}
    if shapes.success_as_text:
        success = "true" if success else "false"
    return {"success": success, "task": task}


def _task_name(run: Run, shapes: Shapes) -> str:
    if shapes.suffixed_task_name and run.kind is RunKind.ENTITLEMENTS:
        return f"{run.kind.task_name} - {run.source_id}"
    return run.kind.task_name


def _description(run: Run) -> str:
    return f"{run.kind.description} of {run.source_name}" if run.source_name else run.kind.description


def _first_attributes(run: Run) -> dict[str, Any]:
    if run.kind is RunKind.REFRESH:
        return {"identityCount": run.identities}
    if run.kind is RunKind.ENTITLEMENTS:
        return {"appId": run.source_id}
    return {
        "appId": run.source_id,
        "optimizedAggregation": "enabled" if run.optimized else "disabled",
    }


def aggregation_status(run: Run, state: RunState, api_version: str, shapes: Shapes) -> dict[str, Any]:
    """Return an aggregation's status (ISC OpenAPI, AccountAggregationStatus); beta has four fields only."""
    time_of = _times(shapes, False)
    record: dict[str, Any] = {
        "start": None if shapes.null_start else time_of(run.created),
        "status": state.status,
    }
    _, _, deleted = run.changes.split(state.processed, run.optimized)
    counts: dict[str, int | None] = {
        "totalAccounts": run.work,
        "processedAccounts": state.processed,
    }
    if api_version != "beta":
        counts |= {
            "totalAccountsMarkedForDeletion": len(run.changes.deleted),
            "deletedAccounts": deleted,
            "totalIdentities": run.work,
            "processedIdentities": state.processed,
        }
    if state.status in ("ACCOUNTS_COLLECTED", "COMPLETED") and state.collected:
        return record | counts
    if shapes.null_counts:
        return record | dict.fromkeys(counts)
    return record | dict.fromkeys(counts, 0) if shapes.zero_counts else record


def task_status(run: Run, state: RunState, shapes: Shapes) -> dict[str, Any]:
    """Return a task-status record (ISC OpenAPI, TaskStatus)."""
    time_of = _times(shapes, shapes.epoch_milliseconds_everywhere)
    ended = state.outcome is not None
    completed: str | int | None = time_of(run.completed()) if ended else None
    status = state.outcome.completion_status if state.outcome else None
    if run.is_cleared:
        completed, status = run.cleared_at, run.cleared_status
    if status == "TEMPERROR" and shapes.temp_error:
        status = "TEMP_ERROR"
    is_over = status is not None
    progress = "Completed" if is_over else "Processing accounts" if state.collected else "Collecting accounts"
    percent = 100 if is_over else state.percent
    name = run.kind.task_name
    return _target(run) | {
        "id": run.id,
        "type": "QUARTZ",
        "uniqueName": _task_name(run, shapes),
        "description": _description(run),
        "parentName": name,
        "launcher": "System",
        "created": time_of(run.created),
        "modified": time_of(run.modified or (run.completed() if ended else run.created)),
        "launched": time_of(run.created),
        "completed": completed,
        "completionStatus": None if status is None else _case(status, shapes),
        "messages": _messages(run, shapes) if ended else [],
        "returns": [{"name": label, "attributeName": name} for label, name in run.kind.returns],
        "attributes": _attributes(run, state, shapes),
        "progress": progress,
        "percentComplete": None if shapes.null_percent_complete else percent,
        "taskDefinitionSummary": {
            "id": uuid5(NAMESPACE_OID, name).hex,
            "uniqueName": name,
            "description": run.kind.description,
            "parentName": name,
            "executor": "sailpoint.task.ServiceTaskExecutor",
            "arguments": {},
        },
    }


def _target(run: Run) -> dict[str, Any]:
    if not run.source_id:
        return {}
    return {"target": {"id": run.source_id, "type": "APPLICATION", "name": f"{run.source_name} [source]"}}


def _messages(run: Run, shapes: Shapes) -> list[dict[str, Any]]:
    return [
        {
            "type": message.type,
            "key": message.text,
            "localizedText": message.text
            if shapes.plain_localized_text
            else {"locale": "en-US", "message": message.text},
            "parameters": [],
        }
        for message in run.messages()
    ]


def _attributes(run: Run, state: RunState, shapes: Shapes) -> dict[str, Any]:
    attributes = _first_attributes(run) | {"eventId": run.event_id}
    has_counts = run.kind is not RunKind.REFRESH and not shapes.missing_counts
    if state.outcome is None or run.refused or not state.collected or not has_counts:
        return attributes
    created, updated, deleted = run.changes.split(state.processed, run.optimized)
    counts = {
        "total": run.changes.found.scanned,
        "created": created,
        "updated": updated,
        "deleted": deleted,
        "optimized": run.changes.unchanged if run.optimized else 0,
        "ignored": run.changes.found.ignored,
    }
    names = {name for _, name in run.kind.returns}
    renamed = {_COUNTS.get(run.kind, {}).get(name, name): count for name, count in counts.items()}
    counts = {name: count for name, count in renamed.items() if name in names}
    attributes["applications"] = run.source_name
    if shapes.text_counts:
        return attributes | {name: str(count) for name, count in counts.items()}
    return attributes | counts


def source_record(source: Source, shapes: Shapes) -> dict[str, Any]:
    """Return a source (ISC OpenAPI, Source)."""
    delimited = "Delimited File" if shapes.spaced_type else "DelimitedFile"
    cluster = {"type": "CLUSTER", "id": source.cluster_id, "name": f"{source.name} Cluster"}
    created = iso_time(source.created)
    connector = "delimited-file" if source.is_file else "active-directory"
    return {
        "id": source.id,
        "name": source.name,
        "description": f"{source.name} accounts",
        "owner": {"type": "IDENTITY", "id": source.owner_id, "name": OWNER_NAME},
        "cluster": None if source.kind is SourceKind.DELIMITED else cluster,
        "accountCorrelationConfig": None,
        "accountCorrelationRule": None,
        "managerCorrelationRule": None,
        "beforeProvisioningRule": None,
        "schemas": [{"type": "CONNECTOR_SCHEMA", "id": source.schema_id, "name": "account"}],
        "passwordPolicies": None,
        "features": ["NO_RANDOM_ACCESS", "DISCOVER_SCHEMA"] if source.is_file else ["SEARCH", "PROVISIONING"],
        "type": delimited if source.is_file else "Active Directory - Direct",
        "connector": connector,
        "connectorClass": "sailpoint.connector."
        + ("DelimitedFileConnector" if source.is_file else "ADLDAPConnector"),
        "connectorAttributes": _connector_attributes(source),
        "deleteThreshold": source.delete_threshold,
        "authoritative": False,
        "managementWorkgroup": None,
        "healthy": True,
        "status": "SOURCE_STATE_HEALTHY",
        "since": created,
        "connectorId": connector,
        "connectorName": "Delimited File" if source.is_file else "Active Directory",
        "connectionType": connection_type(source),
        "connectorImplementationId": connector,
        "created": created,
        "modified": created,
        "credentialProviderEnabled": False,
        "category": None,
    }


def connection_type(source: Source) -> str:
    """Return how a source is connected: by file or directly."""
    return "file" if source.is_file else "direct"


def _connector_attributes(source: Source) -> dict[str, Any]:
    attributes = {"cloudExternalId": str(source.number), "cloudDisplayName": source.name}
    if not source.merges_rows:
        return attributes
    key = source.identity_attribute
    merged = [column for column in source.header if column != key]
    return attributes | {"mergeRows": True, "indexColumn": key, "mergeColumns": merged}
