"""Hands a wait over to the triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sailpoint_provider._airflow.deferral import backstop
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger

if TYPE_CHECKING:
    from sailpoint_provider._airflow.task_types import WaitingTask
    from sailpoint_provider.isc.wait.deadlines import Deadlines


def wait_on_triggerer(
    task: WaitingTask,
    method_name: str,
    aggregation_id: str,
    deadlines: Deadlines,
    *,
    poll_interval: float,
    **details: Any,
) -> NoReturn:
    """
    Wait for the end of an aggregation on the triggerer.

    :param task: the task that waits.
    :param method_name: its method that resumes it.
    :param poll_interval: longest time between two requests in seconds.
    :param details: further arguments of the trigger.
    """
    task.defer(
        trigger=SailPointAccountAggregationTrigger(
            aggregation_id=aggregation_id,
            sailpoint_conn_id=task.sailpoint_conn_id,
            poll_interval=poll_interval,
            deadlines=deadlines,
            kind=task.kind.key,
            **details,
        ),
        method_name=method_name,
        timeout=backstop(deadlines),
    )
