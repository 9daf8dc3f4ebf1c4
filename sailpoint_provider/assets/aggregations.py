"""Aggregations that end in a tenant, as an Airflow asset; and what asset events say about loads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from sailpoint_provider.isc.kinds import ACCOUNT_TASK_TYPE
from sailpoint_provider.triggers.ended_aggregations import (
    DEFAULT_LOOK_BACK,
    DEFAULT_POLL_INTERVAL,
    SailPointEndedAggregationsTrigger,
)
from sailpoint_provider.version_compat import ALIAS_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.providers.common.compat.sdk import Asset, Context

    from sailpoint_provider.results import LoadEvent

GROUP = "sailpoint-aggregations"


def ended_aggregations_asset(
    *,
    source_ids: str | Sequence[str] | None = None,
    task_types: str | Sequence[str] = (ACCOUNT_TASK_TYPE,),
    states: str | Sequence[str] | None = None,
    sailpoint_conn_id: str = "sailpoint_default",
    poll_interval: float = DEFAULT_POLL_INTERVAL,
    look_back: float = DEFAULT_LOOK_BACK,
    name: str | None = None,
) -> Asset:
    """
    Return an asset whose watcher starts a run when an aggregation has ended, whoever started it.

    :param source_ids: ID of a source, or several; None for all sources of the tenant.
    :param task_types: types of ISC's tasks; account aggregations by default.
    :param states: how they must have ended, such as ``succeeded``; None for any end.
    :param sailpoint_conn_id: ID of the Airflow connection.
    :param poll_interval: seconds between two requests.
    :param look_back: how many seconds before its start an aggregation may have ended to be reported, where
        Airflow stores no position for the watcher.
    :param name: name of the asset; None for one that says what is watched.
    :raises InvalidInputError: a parameter is invalid.
    """
    from airflow.sdk import Asset, AssetWatcher

    trigger = SailPointEndedAggregationsTrigger(
        sailpoint_conn_id=sailpoint_conn_id,
        source_ids=source_ids,
        task_types=task_types,
        states=states,
        poll_interval=poll_interval,
        look_back=look_back,
    )
    watched = trigger.watched
    sources = "all sources" if watched.source_ids is None else f"{len(watched.source_ids)} source(s)"
    identity = watched.identity(sailpoint_conn_id)
    return Asset(
        name=name or f"SailPoint aggregations of {sources} of {sailpoint_conn_id} ({identity})",
        # Airflow leaves URIs of this form as they are. No DAG file can read the host from the connection.
        uri=f"x-sailpoint-aggregations://{sailpoint_conn_id}?{identity}",
        group=GROUP,
        watchers=[AssetWatcher(name="ended aggregations", trigger=trigger)],
    )


def triggering_loads(context: Context) -> list[LoadEvent]:
    """
    Return what the asset events that started a run say about loads, in the order of the events.

    It reads the events of outlets, of watchers and of ISC's webhook, which Airflow wraps differently. A load
    that several events of the run report is in the list once.

    :param context: the task's context.
    """
    loads: dict[Any, LoadEvent] = {}
    for extra in _extras(context):
        for load in _loads_of(extra):
            key = load.get("aggregation_id") or (load["source_id"], load.get("completed"))
            loads.setdefault(key, load)
    return list(loads.values())


def _loads_of(extra: dict[str, Any]) -> Iterator[LoadEvent]:
    if isinstance(text := extra.get(ALIAS_KEY), str):
        extra = json.loads(text)
    payload = extra.get("payload")
    event: Any = payload if isinstance(payload, dict) else extra
    several = event.get("loads")
    for load in several if isinstance(several, list) else [event]:
        if isinstance(load, dict) and "source_id" in load and "state" in load:
            yield cast("LoadEvent", load)


def _extras(context: Context) -> Iterator[dict[str, Any]]:
    for events in (context.get("triggering_asset_events") or {}).values():
        for event in events:
            if isinstance(extra := getattr(event, "extra", None), dict):
                yield extra
