"""The aggregation status and task-status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.answers import Answer, ApiError, error_answer, illegal, json_answer
from sailpoint_provider.simulator.api.filters import Field, fields, filters_of
from sailpoint_provider.simulator.api.paging import page_answer
from sailpoint_provider.simulator.api.records import aggregation_status, task_status
from sailpoint_provider.simulator.model.aggregations import RETENTION_SECONDS
from sailpoint_provider.simulator.model.clock import normal_time
from sailpoint_provider.simulator.model.kinds import RunKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sailpoint_provider.simulator.api.filters import Comparison
    from sailpoint_provider.simulator.api.paths import Target
    from sailpoint_provider.simulator.model.aggregations import Run, RunState
    from sailpoint_provider.simulator.model.tenant import Tenant

_JSON_PATCH = "application/json-patch+json"
_ENDED_ONLY = frozenset({"beta", "v2024"})
_KNOW_LAUNCHER = frozenset({"v1", "v2026"})
_STATUSES = frozenset({"SUCCESS", "WARNING", "ERROR", "TERMINATED", "TEMPERROR"})


def _folded(status: str) -> str:
    return status.upper().replace("_", "").replace(" ", "")


def _known_fields(api_version: str) -> dict[str, Field]:
    known = fields(id="eq in", sourceId="eq in", type="eq in")
    operators = {"eq", "in"} if api_version in _ENDED_ONLY else {"eq", "in", "isnull"}
    known["completionStatus"] = Field(frozenset(operators), fold=_folded)
    if api_version in _KNOW_LAUNCHER:
        known |= fields(launcher="eq in")
    return known


_FIELDS = {
    api_version: _known_fields(api_version) for api_version in ("v1", "v2026", "v2025", "v2024", "beta")
}


def get_aggregation_status(tenant: Tenant, target: Target) -> Answer:
    """Answer an aggregation's status; 404 for unknown and refused ones, and from an hour after the end."""
    run = tenant.runs.get(target.id)
    steady = tenant.clock.steady()
    if run is not None and not run.refused and run.kind is RunKind.ACCOUNTS:
        state = run.state(steady)
        early = run.elapsed(steady) < tenant.shapes.early_not_found_seconds
        if not early and state.ended_for <= RETENTION_SECONDS:
            return json_answer(aggregation_status(run, state, target.api_version, tenant.shapes))
    if tenant.shapes.not_found_status:
        return json_answer({"start": None, "status": "NOT_FOUND"})
    return error_answer(404, f'Account aggregation "{target.id}" was not found.')


def get_task_status(tenant: Tenant, target: Target) -> Answer:
    """Answer one task-status record."""
    return json_answer(_record(tenant, _run(tenant, target)))


def _run(tenant: Tenant, target: Target) -> Run:
    run = tenant.runs.get(target.id)
    if run is None:
        raise ApiError(error_answer(404, f'Task status "{target.id}" was not found.'))
    return run


def _record(tenant: Tenant, run: Run) -> dict[str, Any]:
    return task_status(run, run.state(tenant.clock.steady()), tenant.shapes)


def list_task_status(tenant: Tenant, target: Target, query: Mapping[str, str]) -> Answer:
    """Answer the list of tasks; beta and v2024 list ended tasks only."""
    comparisons = filters_of(query, _FIELDS[target.api_version], broken=frozenset({"target.id"}))
    order = query.get("sorters") or "-created"
    if order not in ("created", "-created"):
        raise illegal(f'Sorting by "{order}" is not supported')
    matching = _matching(tenant, target.api_version, comparisons, newest_first=order == "-created")
    return page_answer(matching, query, lambda pair: task_status(pair[0], pair[1], tenant.shapes))


def list_pending_tasks(tenant: Tenant, query: Mapping[str, str]) -> Answer:
    """Answer the list of running tasks, which ignores filters."""
    pairs = _with_state(reversed(tenant.runs.values()), tenant.clock.steady())
    running = ((run, state) for run, state in pairs if _status(run, state) is None)
    return page_answer(running, query, lambda pair: task_status(pair[0], pair[1], tenant.shapes))


def _status(run: Run, state: RunState) -> str | None:
    if run.is_cleared:
        return run.cleared_status
    return state.outcome.completion_status if state.outcome else None


def _with_state(runs: Iterable[Run], steady: float) -> Iterator[tuple[Run, RunState]]:
    return ((run, run.state(steady)) for run in runs)


def _candidates(tenant: Tenant, comparisons: list[Comparison]) -> Iterable[Run]:
    """Return the runs that may match, oldest first, without a scan of all runs if the filter allows."""
    by_field = {c.field: c.values for c in comparisons}
    if ids := by_field.get("id"):
        known = [tenant.runs[id] for id in dict.fromkeys(ids) if id in tenant.runs]
        return sorted(known, key=lambda run: run.event_id)
    if ids := by_field.get("sourceId"):
        of_sources = [
            run for id in dict.fromkeys(ids) if id in tenant.sources for run in tenant.sources[id].runs
        ]
        return sorted((run for run in of_sources if run.id in tenant.runs), key=lambda run: run.event_id)
    return tenant.runs.values()


def _matching(
    tenant: Tenant, api_version: str, comparisons: list[Comparison], newest_first: bool
) -> Iterator[tuple[Run, RunState]]:
    runs = _candidates(tenant, comparisons)
    if newest_first:
        # Lists and dict views can both be reversed; Iterable does not declare it.
        runs = reversed(runs)  # type: ignore[call-overload]
    for run, state in _with_state(runs, tenant.clock.steady()):
        status = _status(run, state)
        if status is None and api_version in _ENDED_ONLY:
            continue
        facts = {
            "id": run.id,
            "sourceId": run.source_id,
            "type": run.kind.task_type,
            "completionStatus": status,
            "launcher": "System",
        }
        if all(comparison.holds(facts[comparison.field]) for comparison in comparisons):
            yield run, state


def update_task_status(tenant: Tenant, target: Target, media_type: str, body: bytes) -> Answer:
    """Apply a JSON Patch, which clears a task's record and stops nothing."""
    run = _run(tenant, target)
    if media_type != _JSON_PATCH:
        raise illegal(f'The body must be "{_JSON_PATCH}", not "{media_type}"')
    try:
        operations = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise illegal("The body is not JSON") from error
    if not isinstance(operations, list) or not operations:
        raise illegal("The body must be a JSON Patch, a list of operations")
    patched = dict(_patched(operation) for operation in operations)
    run.cleared_at = patched.get("/completed", run.cleared_at)
    run.cleared_status = patched.get("/completionStatus", run.cleared_status)
    run.modified = tenant.clock.now()
    return json_answer(_record(tenant, run))


def _patched(operation: Any) -> tuple[str, str]:
    if not isinstance(operation, dict) or operation.get("op") not in ("add", "replace"):
        raise illegal('Only the operations "add" and "replace" are supported')
    path, value = operation.get("path"), operation.get("value")
    if path not in ("/completionStatus", "/completed") or not isinstance(value, str):
        raise illegal(f'Path "{path}" cannot be updated')
    if path == "/completionStatus":
        value = _folded(value)
        if value not in _STATUSES:
            raise illegal(f'"{operation["value"]}" is not a completion status')
        return path, value
    try:
        return path, normal_time(value)
    except ValueError as error:
        raise illegal(str(error)) from error
