"""The control API's records of runs, sources and accounts."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.model.clock import iso_time

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.aggregations import Run
    from sailpoint_provider.simulator.model.sources import Source


def run_record(run: Run, steady: float) -> dict[str, Any]:
    """Return everything about a run or a refused start."""
    state = run.state(steady)
    created, updated, deleted = run.changes.split(state.processed, run.optimized)
    return {
        "id": run.id,
        "kind": run.kind.value,
        "source_id": run.source_id,
        "source_name": run.source_name,
        "status": state.status,
        "outcome": None if state.outcome is None else state.outcome.value,
        "refused": run.refused,
        "cleared": run.is_cleared,
        "optimized": run.optimized,
        "created": iso_time(run.created),
        "completed": None if state.outcome is None else iso_time(run.completed()),
        "work": run.work,
        "processed": state.processed,
        "counts": {
            "total": run.changes.found.scanned,
            "created": created,
            "updated": updated,
            "deleted": deleted,
            "unchanged": run.changes.unchanged,
            "ignored": run.changes.found.ignored,
        },
        "deletion_skipped": run.changes.deletion_skipped,
        "object_type": run.object_type,
        "identities": run.identities,
        "file": None if run.file is None else asdict(run.file),
    }


def source_record(source: Source, steady: float) -> dict[str, Any]:
    """Return the state of a source."""
    busy = source.is_busy(steady)
    return {
        "id": source.id,
        "name": source.name,
        "type": source.kind.value,
        "header": list(source.header),
        "identity_attribute": source.identity_attribute,
        "delete_threshold": source.delete_threshold,
        "merge_rows": source.merges_rows,
        "accounts": len(source.held),
        "upstream": len(source.upstream),
        "entitlement_header": list(source.entitlement_header),
        "entitlements": {name: len(held) for name, held in source.entitlements.items()},
        "connection": source.connection,
        "health": source.health,
        "busy": busy,
        "runs": len(source.runs),
    }


def accounts_record(source: Source, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of the accounts that a source holds, with attributes unless there are too many."""
    page = list(islice(source.held.digests, offset, offset + limit))
    rows = source.held.rows
    accounts = [
        {"id": identity}
        if rows is None
        else {"id": identity, "attributes": dict(zip(source.header, rows[identity], strict=False))}
        for identity in page
    ]
    return {"total": len(source.held), "accounts": accounts}
