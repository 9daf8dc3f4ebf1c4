"""What differs between Airflow 3.0 and 3.3, detected by feature rather than by version."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.triggers.base import BaseTrigger

try:
    from airflow.sdk.exceptions import TaskDeferralError as TaskDeferralError
    from airflow.sdk.exceptions import TaskDeferralTimeout as TaskDeferralTimeout
except ImportError:  # Airflow 3.0 and 3.1
    from airflow.exceptions import TaskDeferralError as TaskDeferralError  # type: ignore[no-redef]
    from airflow.exceptions import TaskDeferralTimeout as TaskDeferralTimeout  # type: ignore[no-redef]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

ALIAS_KEY = "sailpoint_load"
"""The only key of an alias's event on Airflow 3.0."""

TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")
"""Airflow 3.3 and later call a trigger's ``on_kill``; earlier versions only cancel the trigger."""


def state_of_task(task_instance: Any) -> str | None:
    """
    Return the state of a trigger's task instance, None for one that was cleared.

    This sends a request to Airflow and blocks until Airflow responds, so call it with :func:`in_thread`.

    :raises Exception: Airflow does not respond; the type depends on the version.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states: Mapping[str, Mapping[str, Any]] = RuntimeTaskInstance.get_task_states(
        dag_id=task_instance.dag_id,
        map_index=task_instance.map_index,
        task_ids=[task_instance.task_id],
        run_ids=[task_instance.run_id],
    )
    (state,) = states[task_instance.run_id].values()
    return None if state is None else str(state)


def alias_extra(event: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the ``extra`` of an event on an asset alias.

    Airflow 3.0 puts the values of such an ``extra`` into a set, and fails the task at one that is not
    hashable (``register_asset_changes_in_db``). There the event is text under one key. A task SDK without
    questions to people (``hitl``) is that of 3.0.
    """
    if find_spec("airflow.sdk.execution_time.hitl") is None:
        return {ALIAS_KEY: json.dumps(event)}
    return dict(event)


async def in_thread(work: Callable[..., T], *arguments: Any, executor: ThreadPoolExecutor | None = None) -> T:
    """
    Run blocking work in a thread in which it may also call Airflow.

    Airflow 3.0 sends such a call on the triggerer's event loop, which it finds only from a thread that
    asgiref has started. From any other thread the response stays unread, and the next one ends the triggerer.
    A call that is cancelled has the same effect, so the work goes on if its caller is cancelled.

    :param executor: provides the threads; None for those of the event loop.
    """
    from asgiref.sync import sync_to_async

    started = sync_to_async(work, thread_sensitive=False, executor=executor)(*arguments)
    running = asyncio.ensure_future(started)
    _running.add(running)
    running.add_done_callback(_running.discard)
    return await asyncio.shield(running)


# An event loop keeps no reference to its tasks.
_running: set[asyncio.Future[Any]] = set()


def stats_of_this_process() -> Any:
    """
    Return what reports this process's metrics: an object with ``incr`` and ``timing``.

    Since Airflow 3.2, the task SDK and the core each have a copy of it. A worker tells one where to report
    to, a triggerer the other.
    """
    for name in _STATS:
        module = sys.modules.get(name)
        if module is not None and _is_told_where_to_report(module):
            return module.Stats
    from airflow.providers.common.compat.sdk import Stats

    return Stats


def _is_told_where_to_report(module: Any) -> bool:
    factory = getattr(module, "_factory", None) or getattr(module.Stats, "factory", None)
    # Airflow 3.2 gives this one to a copy that is used before it is told.
    return factory is not None and getattr(factory, "__name__", "") != "NoStatsLogger"


_STATS = (
    "airflow.sdk._shared.observability.metrics.stats",
    "airflow._shared.observability.metrics.stats",
)


def supervisor_cannot_be_awaited() -> bool:
    """
    Return whether the supervisor of this process accepts only blocking calls.

    That is so in ``dag.test()`` and ``airflow dags test``, whose supervisor runs in the process and has no
    ``asend``: Airflow's asynchronous look-up then reports a connection of the database as missing.
    """
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    supervisor = getattr(runner, "SUPERVISOR_COMMS", None)
    return supervisor is not None and not hasattr(supervisor, "asend")


def openlineage_listens() -> bool:
    """Return whether OpenLineage follows the tasks of this process, for which Airflow loads its listener."""
    return "airflow.providers.openlineage.plugins.listener" in sys.modules
