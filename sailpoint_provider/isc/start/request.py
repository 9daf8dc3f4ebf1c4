"""What a task wants to have started, and what can come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from sailpoint_provider.files.source import FileSource
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.results import AggregationResult

IfRunning: TypeAlias = Literal["wait", "adopt", "fail", "skip"]


@dataclass(frozen=True)
class UnstoredTries:
    """
    Earlier tries of this task of which nothing is stored.

    :param since: when the DAG run began by Airflow's clock, None where that is not known.
    :param may_be_older: whether an aggregation that they started may be older than that.
    :param may_adopt: whether the only aggregation that began since may be taken for the one they started.
    """

    since: datetime | None
    may_be_older: bool
    may_adopt: bool


@dataclass(frozen=True)
class StartRequest:
    """
    What a task wants to have started.

    :param source: the source.
    :param file: the file, None for none.
    :param disable_optimization: whether accounts that did not change are processed too.
    :param if_running: what to do about another aggregation of the source.
    :param fail_on_warning: whether ``succeeded_with_warnings`` is a bad end.
    :param max_tries: the task instance's ``max_tries``.
    :param clear_number: the DAG run's ``clear_number``, None where Airflow does not pass it.
    :param begun: epoch seconds of the look before the start; waiting for a busy source counts.
    :param deadline: epoch seconds at which the wait is given up.
    :param tolerate_outage: seconds without a good answer that are sat out once a start may have happened.
    :param unstored: earlier tries of which nothing is stored, None for none.
    """

    source: Source
    max_tries: int
    begun: float
    deadline: float
    tolerate_outage: float
    file: FileSource | None = None
    disable_optimization: bool = False
    if_running: IfRunning = "wait"
    fail_on_warning: bool = False
    clear_number: int | None = None
    unstored: UnstoredTries | None = None

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether only ISC's own response can show that an aggregation is the one that was asked for."""
        return self.file is not None or self.disable_optimization


@dataclass(frozen=True)
class Started:
    """An aggregation that is ours: wait for its end."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Busy:
    """
    Another aggregation of the source runs: wait for its end, then begin again.

    :param aggregation_id: the other one.
    :param source_id: the source.
    """

    aggregation_id: str
    source_id: str


@dataclass(frozen=True)
class Skip:
    """
    Another aggregation of the source runs, and the task is to be skipped for it.

    :param reason: a sentence for a person.
    """

    reason: str


@dataclass(frozen=True)
class AlreadyReturned:
    """
    An earlier try had its result already and was cut off before Airflow knew.

    :param result: that result.
    """

    result: AggregationResult


StartOutcome: TypeAlias = Started | Busy | Skip | AlreadyReturned
