"""What a task asks to start, and what can come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, LoadKind
from sailpoint_provider.isc.start.checkpoint import Checkpoint

if TYPE_CHECKING:
    from datetime import datetime

    from sailpoint_provider.files.source import FileSource, Upload
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.start.checkpoint import CheckpointState
    from sailpoint_provider.isc.wait.deadlines import Deadlines

_WHAT_IS_LOADED = ("kind", "source_id", "file_location", "disable_optimization", "object_type")

StartEvent: TypeAlias = Literal["started", "busy", "refused", "adopted"]
"""
What became of a start: ``started`` means that ISC started an aggregation for it; ``busy`` that nothing was
sent, because another one was running; ``refused`` that ISC refused it for that reason; ``adopted`` that the
task follows a running one instead.
"""

IfRunning: TypeAlias = Literal["wait", "adopt", "fail", "skip"]


@dataclass(frozen=True)
class UnstoredTries:
    """
    Earlier tries of a task that left no checkpoint.

    :param since: when the DAG run began by Airflow's clock, None if unknown.
    :param may_be_older: whether they may have started an aggregation before that.
    :param may_adopt: whether the only aggregation that began since then counts as started by them.
    """

    since: datetime | None
    may_be_older: bool
    may_adopt: bool


@dataclass(frozen=True)
class StartRequest:
    """
    What a task asks to start.

    :param source: the source.
    :param max_tries: the task instance's ``max_tries``.
    :param deadlines: when the task began and when its wait must end; waiting for a busy source counts.
    :param file: the file, None for none.
    :param disable_optimization: whether unchanged accounts are processed too.
    :param if_running: what to do while another aggregation of the source is running.
    :param fail_on_warning: whether ``succeeded_with_warnings`` counts as a failure.
    :param clear_number: the DAG run's ``clear_number``, None if Airflow does not provide it.
    :param unstored: earlier tries that left no checkpoint, None for none.
    :param may_run: whether this try may have left an aggregation running before it waited for a busy source.
    :param object_type: object type of the entitlements in the file; None for ISC's default.
    """

    source: Source
    max_tries: int
    deadlines: Deadlines
    file: FileSource | None = None
    disable_optimization: bool = False
    if_running: IfRunning = "wait"
    fail_on_warning: bool = False
    clear_number: int | None = None
    unstored: UnstoredTries | None = None
    may_run: bool = False
    kind: LoadKind = ACCOUNT_AGGREGATION
    object_type: str | None = None

    @property
    def source_label(self) -> str:
        """Name and ID of the source, for logs and errors."""
        return f"source {self.source.name!r} ({self.source.id})"

    def checkpoint(
        self, state: CheckpointState, upload: Upload | None = None, *, may_run: bool = False
    ) -> Checkpoint:
        """Return a checkpoint of this request."""
        return Checkpoint(
            state=state,
            max_tries=self.max_tries,
            clear_number=self.clear_number,
            source_id=self.source.id,
            source_name=self.source.name,
            deadlines=self.deadlines,
            file_location=self.file.location if self.file is not None else None,
            file=upload.state if upload is not None else None,
            disable_optimization=self.disable_optimization,
            may_run=may_run,
            kind=self.kind.key,
            object_type=self.object_type,
            check=upload.check if upload is not None else None,
        )

    def is_same_as(self, checkpoint: Checkpoint) -> bool:
        """Return whether a checkpoint is about this load of this source and this state of the file."""
        same = self.checkpoint(checkpoint.state)
        if any(getattr(checkpoint, name) != getattr(same, name) for name in _WHAT_IS_LOADED):
            return False
        if self.file is None:
            return True
        try:
            return self.file.stat().is_certainly(checkpoint.file)
        except InvalidInputError:
            # The file is gone by now, but what was started with it still belongs to this task.
            return True

    def was_cleared_since(self, checkpoint: Checkpoint) -> bool:
        """Return whether the task was cleared after this checkpoint was stored."""
        return (checkpoint.max_tries, checkpoint.clear_number) != (self.max_tries, self.clear_number)


@dataclass(frozen=True)
class Busy:
    """
    Another aggregation of the source is running: wait until it has ended, then try again.

    :param aggregation_id: ID of that aggregation.
    :param may_run: whether an aggregation that this task started may be running too; it belongs into the next
        :class:`StartRequest` of the same try.
    """

    aggregation_id: str
    may_run: bool = False


@dataclass(frozen=True)
class Skip:
    """
    Another aggregation of the source is running, and the task is to be skipped.

    :param reason: why, for the log.
    """

    reason: str


StartOutcome: TypeAlias = Checkpoint | Busy | Skip
"""A checkpoint in state ``running`` is to be waited for; one in state ``returned`` holds the result."""
