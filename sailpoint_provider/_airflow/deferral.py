"""What operator and sensor share of handing a wait to the triggerer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import AggregationTimeoutError, ExecutionTimeoutError
from sailpoint_provider.isc.wait.deadlines import Deadlines

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.isc.wait.events import End
    from sailpoint_provider.isc.wait.watch import Watch
    from sailpoint_provider.results import AggregationResult

BACKSTOP_SECONDS = 300.0
"""What Airflow's own timeout of a deferral leaves beyond our deadlines, so that ours come first."""

_VERIFY_SECONDS = 10.0
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Times:
    """
    The absolute times of one try, which travel with every deferral.

    ``ti.start_date`` tells the time of the resume on several Airflow versions, so nothing is derived from it.

    :param begun: epoch seconds at which the wait began.
    :param deadline: epoch seconds at which ``timeout`` is over.
    :param execution_deadline: epoch seconds at which ``execution_timeout`` is over, None where there is none.
    """

    begun: float
    deadline: float
    execution_deadline: float | None = None

    @classmethod
    def from_now(cls, timeout: float, task: BaseOperator) -> Times:
        """Return the times of a try that begins now."""
        now = time.time()
        limit = task.execution_timeout
        return cls(now, now + timeout, None if limit is None else now + limit.total_seconds())

    def deadlines(self, tolerate_outage: float, deadline: float | None = None) -> Deadlines:
        """
        Return when to give up.

        :param deadline: another deadline than that of the try, for an aggregation of an earlier one.
        """
        return Deadlines(
            self.deadline if deadline is None else deadline,
            tolerate_outage,
            execution_deadline=self.execution_deadline,
        )

    @property
    def end(self) -> float:
        """Epoch seconds of whichever deadline comes first."""
        if self.execution_deadline is None:
            return self.deadline
        return min(self.deadline, self.execution_deadline)

    @property
    def are_over(self) -> bool:
        """Whether the first deadline has passed."""
        return time.time() >= self.end

    def expired(self, message: str) -> AggregationTimeoutError:
        """Return the error for the deadline that came first."""
        kind = ExecutionTimeoutError if self.end == self.execution_deadline else AggregationTimeoutError
        return kind(message)

    def backstop(self, deadline: float | None = None) -> timedelta:
        """Return Airflow's own timeout for a deferral until then."""
        end = self.end if deadline is None else replace(self, deadline=deadline).end
        return timedelta(seconds=max(0.0, end - time.time()) + BACKSTOP_SECONDS)

    def deadlines_to_verify(self, tolerate_outage: float, deadline: float | None = None) -> Deadlines:
        """
        Return when to give up confirming an end that the triggerer saw in time.

        A worker may resume late: it still gets a few seconds beyond the deadline.
        """
        deadline = max(self.deadline if deadline is None else deadline, time.time() + _VERIFY_SECONDS)
        return Deadlines(deadline, tolerate_outage, execution_deadline=self.execution_deadline)

    def to_json(self) -> dict[str, Any]:
        """Return the times as JSON."""
        return asdict(self)

    @classmethod
    def carried_by(cls, event: Any) -> Times | None:
        """Return the times that came back with a trigger's event, None where it brings none."""
        import msgspec

        try:
            return msgspec.convert(carried_by(event), cls)
        except msgspec.ValidationError:
            return None


def carried_by(event: Any) -> Mapping[str, Any]:
    """Return what a trigger was given to bring back to its task; empty where the event brings nothing."""
    carried = event.get("carried") if isinstance(event, Mapping) else None
    return carried if isinstance(carried, Mapping) else {}


def last_look(watch: Watch) -> float | None:
    """
    Return until when requests of a wait may take: its deadline, or a moment longer than now.

    A retry keeps the deadline of the first try, which may have passed while the aggregation ended well.
    """
    return None if watch.end is None else max(watch.end, time.time() + _LOOK_SECONDS)


def result_before_deferring(hook: SailPointHook, watch: Watch) -> AggregationResult | None:
    """
    Check once, with one request, whether there is anything to wait for; return the result of an end.

    :raises AggregationTimeoutError: the deadline passed meanwhile.
    """
    if hook._run(watch.check_once(), until=last_look(watch)):
        return hook._run(watch.settled(), until=last_look(watch))
    watch.check_deadline()
    return None


def verified(hook: SailPointHook, end: End, deadlines: Deadlines, log: Any) -> AggregationResult | None:
    """
    Ask ISC itself about an end that a trigger saw, and return the result; None where it runs after all.

    :param end: what the trigger reported.
    :param deadlines: when to give up.
    :param log: where outages are logged.
    """
    result = hook._run(hook._watch(end.aggregation_id, deadlines, log=log).settled(), until=deadlines.end)
    if result is None:
        log.warning(
            "The triggerer saw account aggregation %s end (%s), but ISC says that it is running; resuming "
            "the wait.",
            end.aggregation_id,
            end.state,
        )
    return result
