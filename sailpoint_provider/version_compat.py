"""What differs between Airflow 3.0 and 3.3, detected by feature rather than by version."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger

try:
    from airflow.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout
except ImportError:  # Airflow 3.0 and 3.1
    from airflow.exceptions import TaskDeferralError, TaskDeferralTimeout  # type: ignore[no-redef] # same names

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")
"""Airflow 3.3 and later call a trigger's ``on_kill``; earlier versions only cancel the trigger."""


def state_of_task(task_instance: Any) -> str | None:
    """
    Return the state of a trigger's task instance, None for one that was cleared.

    This sends a request to Airflow and blocks until Airflow responds, so call it in a thread.

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


__all__ = [
    "TRIGGERS_HAVE_ON_KILL",
    "TaskDeferralError",
    "TaskDeferralTimeout",
    "openlineage_listens",
    "state_of_task",
    "supervisor_cannot_be_awaited",
]
