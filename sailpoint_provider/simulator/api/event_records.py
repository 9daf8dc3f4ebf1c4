"""What the tenant posts to subscribers of its event triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.model.aggregations import Outcome
from sailpoint_provider.simulator.model.clock import iso_time

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.aggregations import Run, RunState

_STATUSES = {Outcome.TERMINATED: "Terminated", Outcome.CANCELLED: "Terminated"}


def aggregation_completed(run: Run, state: RunState) -> dict[str, Any]:
    """Return the event of an ended run (ISC OpenAPI, Account Aggregation Completed)."""
    outcome = run.final_outcome()
    created, updated, deleted = run.changes.split(state.processed, run.optimized)
    messages = run.messages()
    return {
        "source": {"type": "SOURCE", "id": run.source_id, "name": run.source_name},
        "status": "Success" if outcome.is_complete else _STATUSES.get(outcome, "Failed"),
        "started": iso_time(run.created),
        "completed": iso_time(run.completed()),
        "errors": [message.text for message in messages if message.type == "ERROR"],
        "warnings": [message.text for message in messages if message.type == "WARN"],
        "stats": {
            "scanned": run.changes.found.scanned,
            "unchanged": run.changes.unchanged,
            "changed": updated,
            "added": created,
            "removed": deleted,
        },
    }
