"""What operator and sensor share of handing a wait to the triggerer."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sailpoint_provider.isc.patience import Patience

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

BACKSTOP_SECONDS = 300.0
"""What Airflow's own timeout of a deferral leaves beyond our deadlines, so that ours come first."""


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

    def patience(self, tolerate_outage: float, deadline: float | None = None) -> Patience:
        """
        Return when to give up.

        :param deadline: another deadline than that of the try, for an aggregation of an earlier one.
        """
        return Patience(
            self.deadline if deadline is None else deadline,
            tolerate_outage,
            execution_deadline=self.execution_deadline,
        )

    def backstop(self, deadline: float | None = None) -> timedelta:
        """Return Airflow's own timeout for a deferral until then."""
        ends = [self.deadline if deadline is None else deadline]
        if self.execution_deadline is not None:
            ends.append(self.execution_deadline)
        return timedelta(seconds=max(0.0, min(ends) - time.time()) + BACKSTOP_SECONDS)

    def to_json(self) -> dict[str, Any]:
        """Return the times as JSON."""
        return asdict(self)
