"""Records in the assets of a task's outlets that their source was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.version_compat import alias_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider._airflow.task_types import LoadingTask, WaitingTask
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.results import AggregationResult, CheckSummary, LoadEvent

LOADS_ALIAS = "sailpoint-loads"
"""Name of the asset alias that a task with ``emit_asset_event`` gets, unless it names one of its own."""

_URI_START = "sailpoint://"


def prepare_outlets(task: LoadingTask) -> None:
    """
    Give a task with ``emit_asset_event`` an asset alias as outlet.

    :raises InvalidInputError: the task would end, and so report its outlet as updated, before the load has.
    """
    if not task.emit_asset_event and not task.outlets:
        return
    named = [uri for outlet in task.outlets if (uri := _uri_of(outlet)).startswith(_URI_START)]
    if not task.wait_for_completion and (task.emit_asset_event or named):
        what = "emit_asset_event=True" if task.emit_asset_event else f"the outlet {named[0]}"
        raise InvalidInputError(
            f"wait_for_completion=False cannot be combined with {what}: Airflow reports an outlet as updated "
            "when the task has succeeded, and that would be before the load has ended. Name the outlet on "
            "the sensor that waits for it."
        )
    if task.emit_asset_event and not _aliases(task):
        from airflow.sdk import AssetAlias

        task.outlets = [*task.outlets, AssetAlias(LOADS_ALIAS)]


def send_load_event(
    task: LoadingTask, context: Context, result: AggregationResult, checkpoint: Checkpoint | None
) -> None:
    """
    Describe a good end in the events of the outlets that stand for its source.

    Whatever goes wrong here is only logged, because the load has succeeded.

    :param result: the result that the task returns.
    :param checkpoint: that of the task; None to look for a stored one.
    """
    from sailpoint_provider._airflow.task_state import checkpoints_of
    from sailpoint_provider.isc.start.checkpoint import read_checkpoint

    def check() -> CheckSummary | None:
        stored = checkpoints_of(context, task.log, read_checkpoint, durable=task.durable)
        known = checkpoint or stored.load()
        is_of_this = known is not None and known.aggregation_id == result["aggregation_id"]
        return known.check if known is not None and is_of_this else None

    _send(task, context, result, check, emits=task.emit_asset_event)


def send_event_of_sensor(sensor: WaitingTask, context: Context, result: AggregationResult) -> None:
    """Do the same for a good end that a sensor has waited for; what was sent is unknown to it."""
    _send(sensor, context, result, lambda: None, emits=False)


def _send(
    task: WaitingTask,
    context: Context,
    result: AggregationResult,
    check: Callable[[], CheckSummary | None],
    *,
    emits: bool,
) -> None:
    accessors = context.get("outlet_events")
    if not task.outlets or accessors is None:
        return
    from sailpoint_provider.isc.outcome import GOOD_STATES

    if result["state"] not in GOOD_STATES:
        return
    try:
        from sailpoint_provider.isc.load_event import load_event

        event = load_event(result, kind=task.kind.name, host=task.hook._tenant.base_url, check=check())
        _fill(task, accessors, event, emits=emits)
    except Exception as error:
        task.log.warning(
            "The load has succeeded, but its asset event has no details, or is missing (%s: %s).",
            type(error).__name__,
            error,
        )


def _fill(task: WaitingTask, accessors: Any, event: LoadEvent, *, emits: bool) -> None:
    uri, is_named = event["source_uri"], False
    for outlet in task.outlets:
        outlet_uri = _uri_of(outlet) or _resolved_uri(outlet, accessors)
        if not outlet_uri.startswith(_URI_START):
            continue
        if outlet_uri != uri:
            task.log.warning(
                "The outlet %s is not the source that was loaded, %s. Airflow reports it as updated all the "
                "same, without details.",
                outlet_uri,
                uri,
            )
            continue
        accessor, is_named = accessors[outlet], True
        accessor.extra = {**accessor.extra, **event}
    # With two events of one load, the DAGs of the asset would run twice.
    if emits and not is_named and uri is not None:
        for alias in _aliases(task):
            _add(accessors[alias], uri, event)


def _add(accessor: Any, uri: str, event: LoadEvent) -> None:
    """Add an event to an alias, under the name that DAGs give the asset with this URI."""
    from airflow.sdk import Asset

    extra = alias_extra(event)
    for is_last in (False, True):
        try:
            accessor.add(Asset.ref(uri=uri), extra=extra)
            return
        except Exception as error:
            if _no_dag_names_it(error):
                break
            # Another failure says nothing about the name, and under another name the event starts no DAG.
            if is_last:
                raise
    accessor.add(Asset(uri), extra=extra)


def _no_dag_names_it(error: Exception) -> bool:
    """Return whether Airflow has no asset with a URI, or cannot know because no task runs."""
    kind = getattr(getattr(error, "error", None), "error", None)
    return getattr(kind, "value", kind) == "ASSET_NOT_FOUND" or isinstance(error, ImportError)


def check_outlets(task: LoadingTask, source_id: str) -> None:
    """
    Check before the start that no outlet is the asset of another source.

    Airflow reports each outlet of a successful task as updated, whatever the task did.

    :raises InvalidInputError: an outlet is.
    """
    named = [uri for outlet in task.outlets if (uri := _uri_of(outlet)).startswith(_URI_START)]
    if not named:
        return
    from sailpoint_provider.isc.source_uri import source_uri

    loaded = source_uri(task.hook._tenant.base_url, source_id)
    if other := next((uri for uri in named if uri != loaded), None):
        raise InvalidInputError(
            f"The outlet {other} is not the source that would be loaded, {loaded}. Airflow would report it "
            "as updated all the same. Name the right source, or set emit_asset_event=True instead of the "
            "outlet. Nothing was sent."
        )


def _aliases(task: WaitingTask) -> list[Any]:
    from airflow.sdk import AssetAlias

    return [outlet for outlet in task.outlets if isinstance(outlet, AssetAlias)]


def _uri_of(outlet: Any) -> str:
    """Return the URI of an outlet, empty for one without."""
    return str(getattr(outlet, "uri", None) or "")


def _resolved_uri(outlet: Any, accessors: Any) -> str:
    """Return the URI of an outlet that is named by its asset's name only; empty for one of another kind."""
    from airflow.sdk.definitions.asset import AssetNameRef

    return _uri_of(accessors[outlet].key) if isinstance(outlet, AssetNameRef) else ""
