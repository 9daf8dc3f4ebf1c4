"""Whether a DAG run that has taken a drop may still be loading it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sailpoint_provider.drops.journal import Run

log = logging.getLogger(__name__)

_ACTIVE_STATES = ["queued", "running"]


def is_active(run: Run) -> bool | None:
    """
    Return whether a run is not over yet; a run that was deleted is over.

    This asks Airflow and waits for its answer, so on an event loop it belongs in a thread.

    :returns: None if Airflow does not say, as outside a task or a triggerer.
    """
    try:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        return bool(RuntimeTaskInstance.get_dr_count(run.dag_id, run_ids=[run.run_id], states=_ACTIVE_STATES))
    except Exception as error:  # the type depends on the version and on who asks
        log.debug("Airflow does not say whether run %s is over: %s", run.run_id, type(error).__name__)
        return None
