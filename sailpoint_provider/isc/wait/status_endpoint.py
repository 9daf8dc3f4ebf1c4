"""Reads the status endpoint of an aggregation, which shows progress and must never delay the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sailpoint_provider.exceptions import AccessDeniedError, SailPointError, UnknownAggregationError
from sailpoint_provider.isc.api.endpoints import account_aggregation_status
from sailpoint_provider.isc.flow import Flow, Gather, ask
from sailpoint_provider.isc.outcome import KNOWN_STATUSES, is_terminated

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.isc.api.models import AccountAggregationStatus, TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion

_FIRST_PAUSE = 3.0
_LONGEST_PAUSE = 300.0
_PROGRESS_SECONDS = 5.0
"""Time limit of a request that is for progress only."""


class StatusEndpoint:
    """
    The status endpoint of one aggregation; it remembers refusals and failures.

    :param aggregation_id: ID of the aggregation.
    :param clock: returns epoch seconds.
    :param log: gets warnings.
    :param exists: whether ISC has such an endpoint for this kind of load.
    """

    __slots__ = (
        "_aggregation_id",
        "_api_version",
        "_clock",
        "_log",
        "_not_before",
        "_pause",
        "_undocumented",
        "is_readable",
    )

    def __init__(
        self,
        aggregation_id: str,
        api_version: ApiVersion,
        *,
        clock: Callable[[], float],
        log: logging.Logger,
        exists: bool,
    ) -> None:
        self._aggregation_id = aggregation_id
        self._api_version = api_version
        self._clock = clock
        self._log = log
        self.is_readable = exists
        self._not_before = 0.0
        self._pause = 0.0
        self._undocumented: tuple[str | None, ...] = ()

    def read_beside(self, task: TaskStatus | None) -> Flow[AccountAggregationStatus | None]:
        """
        Read the status together with a task record.

        While the record is enough, the status is for progress only. A missing record, or one that says
        TERMINATED, takes the status to decide.

        :param task: the task record, None if ISC has none.
        :returns: the status, None if the endpoint knows nothing.
        :raises SailPointError: the status could not be read although it is needed.
        """
        if task is not None and not is_terminated(task):
            return (yield from self.read_for_progress())
        if not self.is_readable:
            return None
        call = account_aggregation_status(self._api_version, self._aggregation_id)
        try:
            return self._noted((yield from ask(call)))
        except SailPointError as error:
            if not self._is_answer(error):
                if task is None or not error.final:
                    raise
                self._read_later(error)
            return None

    def read_for_progress(self) -> Flow[AccountAggregationStatus | None]:
        """Read the status with a short time limit, and more rarely after each failure."""
        if not self.is_readable or self._clock() < self._not_before:
            return None
        call = account_aggregation_status(
            self._api_version, self._aggregation_id, time_limit=_PROGRESS_SECONDS
        )
        (response,) = yield Gather((call,))
        if not isinstance(response, SailPointError):
            return self._noted(cast("AccountAggregationStatus", response))
        if not self._is_answer(response):
            self._read_later(response)
        return None

    def _noted(self, status: AccountAggregationStatus) -> AccountAggregationStatus | None:
        self._pause = 0.0
        if status.status == "NOT_FOUND":
            return None
        if status.status not in KNOWN_STATUSES and status.status not in self._undocumented:
            self._undocumented += (status.status,)
            self._log.warning("Undocumented status %r; still waiting.", status.status)
        return status

    def _is_answer(self, error: SailPointError) -> bool:
        """Return whether the error answers the question: ISC does not know the ID, or refuses the client."""
        if isinstance(error, AccessDeniedError):
            self.is_readable = False
            self._log.warning(
                "No progress: the status endpoint requires a personal access token of a user with a "
                "sufficient user level. The task status still shows the end. (%s)",
                error,
            )
        return isinstance(error, AccessDeniedError | UnknownAggregationError)

    def _read_later(self, error: SailPointError) -> None:
        self._pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, 2.0 * self._pause))
        self._not_before = self._clock() + self._pause
        self._log.debug("Could not read the progress: %s", error)
