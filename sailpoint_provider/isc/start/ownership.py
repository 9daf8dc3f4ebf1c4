"""Decides which running aggregations an earlier try of a task may have started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.isc.api.responses import seconds_ahead
from sailpoint_provider.isc.start.reconcile import newest_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.flow import Flow
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.isc.start.request import StartRequest


class OwnAggregations:
    """
    What is known about aggregations that this task started itself and has no usable response for.

    :param request: what the task asks to start.
    :param clock: returns epoch seconds.
    """

    def __init__(self, request: StartRequest, clock: Callable[[], float]) -> None:
        unstored = request.unstored
        self._request = request
        self._since = DagRunStart(unstored.since, clock) if unstored and unstored.since else None
        self._last_id: str | None = None
        self._may_adopt = unstored is not None and unstored.may_adopt and not request.may_run
        self.may_run = request.may_run or (
            unstored is not None and (unstored.may_be_older or unstored.since is None)
        )

    @property
    def may_include_any(self) -> bool:
        """Whether an aggregation of which nothing else is known may be this task's."""
        return self.may_run or self._since is not None

    def note_unanswered(self) -> None:
        """Note that this try sent a start to which no aggregation can be attributed; so none is adopted."""
        self.may_run = True
        self._may_adopt = False

    def note_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Note what an earlier try may have left running, with whatever file."""
        if (checkpoint.source_id, checkpoint.kind) == (self._request.source.id, self._request.kind.key):
            self.may_run = (
                self._request.may_run
                or checkpoint.may_run
                or checkpoint.state in ("submitting", "unanswered")
            )
            self._last_id = checkpoint.aggregation_id

    def newest_records(self, api_version: ApiVersion) -> Flow[list[TaskStatus]]:
        """Return the newest task records of the source."""
        if self._since is None:
            return (yield from newest_records(api_version, self._request))
        return (yield from self._since.newest_records(api_version, self._request))

    def may_include(self, record: TaskStatus) -> bool:
        """Return whether an earlier try may have started this aggregation."""
        if self.may_run or record.id == self._last_id:
            return True
        return self._since is not None and self._since.may_be_newer(record)

    def only_one(self, running: list[TaskStatus]) -> TaskStatus | None:
        """Return the only aggregation that an earlier try without a checkpoint can have started."""
        if self._since is None or not self._may_adopt:
            return None
        if self._request.file is not None or self._request.disable_optimization:
            return None  # a record does not show whether its aggregation is the requested one
        own = [record for record in running if self._since.may_be_newer(record)]
        return own[0] if len(own) == 1 and self._since.is_newer(own[0]) else None


class DagRunStart:
    """
    Compares the start of aggregations, by ISC's clock, with the start of the DAG run, by Airflow's clock.

    The ``Date`` header of ISC's responses shows how far the clocks differ. It has whole seconds, and the
    response took a while to arrive; within that uncertainty an aggregation is neither certainly newer nor
    certainly older.

    :param moment: when the DAG run began, by Airflow's clock.
    :param clock: returns epoch seconds.
    """

    def __init__(self, moment: datetime, clock: Callable[[], float]) -> None:
        self._moment = moment.timestamp()
        self._clock = clock
        self._ahead: float | None = None
        self._uncertain = 0.0

    def newest_records(self, api_version: ApiVersion, request: StartRequest) -> Flow[list[TaskStatus]]:
        """Return the newest task records, and compare the clocks on the way."""
        began = self._clock()
        records = yield from newest_records(api_version, request, self._compare_clocks)
        self._uncertain = 1.0 + self._clock() - began
        return records

    def is_newer(self, record: TaskStatus) -> bool:
        """Return whether the aggregation certainly began after the DAG run."""
        if self._ahead is None or record.created is None:
            return False
        return record.created.timestamp() - self._ahead > self._moment + self._uncertain

    def may_be_newer(self, record: TaskStatus) -> bool:
        """Return whether the aggregation may have begun after the DAG run."""
        if self._ahead is None or record.created is None:
            return True
        return record.created.timestamp() - self._ahead > self._moment - self._uncertain

    def _compare_clocks(self, response: Response) -> None:
        self._ahead = seconds_ahead(response)
