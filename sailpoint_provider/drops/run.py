"""From a task's context to its run's drops."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.taking import Takings, take_drops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.drops.rules import FolderRules

log = logging.getLogger(__name__)


def take_for_run(
    rules: FolderRules, context: Context, *, limit: int | None = None, seen: Any = None
) -> Takings:
    """
    Take the drops of the run of a task, and log why other files are left.

    :param rules: the folder.
    :param context: the task's context.
    :param limit: how many drops, None for one of every source.
    :param seen: the description of a drop that a trigger has just seen complete.
    :raises FolderUnavailableError: as :func:`take_drops`.
    """
    task_instance = context["ti"]
    seen_complete = {state for state in map(_state, [seen, *_reported(context)]) if state is not None}
    takings = take_drops(
        rules,
        Run(str(task_instance.dag_id), str(task_instance.run_id)),
        seen_complete=seen_complete,
        limit=limit,
    )
    for reason in takings.left:
        log.info("%s", reason)
    return takings


def _reported(context: Context) -> Iterator[Any]:
    """Yield what watchers reported in the events that started the run."""
    try:
        events = [event for group in context["triggering_asset_events"].values() for event in group]
    except (KeyError, AttributeError, TypeError):
        return
    for event in events:
        extra = getattr(event, "extra", None)
        if isinstance(extra, dict):
            yield extra.get("payload", extra)


def _state(reported: Any) -> tuple[str, int, str] | None:
    """Return name, size and marker of a reported drop; events of other assets have none."""
    try:
        return str(reported["name"]), int(reported["size_bytes"]), str(reported["change_marker"])
    except (KeyError, TypeError, ValueError):
        return None
