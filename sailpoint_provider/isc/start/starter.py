"""Starts once: read the task records, store the intent, send one request, store the ID; or resume that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
    CheckpointError,
    SailPointError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.flow import Flow, Sleep
from sailpoint_provider.isc.outcome import is_good_end
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.isc.start.load import start
from sailpoint_provider.isc.start.ownership import OwnAggregations
from sailpoint_provider.isc.start.request import Busy, Skip, StartOutcome, StartRequest
from sailpoint_provider.isc.verdict import start_line
from sailpoint_provider.isc.wait.watch import Watch

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.isc.start.checkpoint_store import CheckpointStore
    from sailpoint_provider.isc.start.request import StartEvent

STARTS_PER_TRY = 3
"""How many start requests without a usable response one try sends; refused ones do not count."""

_LONGEST_PAUSE = 60.0


class Starter:
    """
    Starts one aggregation. After a :class:`Busy`, wait until that one has ended and call :meth:`begin` again.

    What ISC did not acknowledge never counts as done. A task record names neither the uploaded file nor the
    optimization, so a start with a file, or without optimization, that got no usable response is sent again
    once the source is free: loading a file twice is harmless, not loading it is not. The aggregation of any
    other start without a usable response is looked for in the task records.

    :param request: what to start.
    :param checkpoints: stores checkpoints across tries.
    :param clock: returns epoch seconds.
    :param log: gets the decisions.
    :param observe: is called with what became of each start, for metrics; None for nothing.
    """

    def __init__(
        self,
        request: StartRequest,
        api_version: ApiVersion,
        checkpoints: CheckpointStore[Checkpoint],
        *,
        clock: Callable[[], float],
        log: logging.Logger,
        observe: Callable[[StartEvent], None] | None = None,
    ) -> None:
        self._observe = observe or (lambda event: None)
        self._request = request
        self._api_version = api_version
        self._checkpoints = checkpoints
        self._clock = clock
        self._log = log
        self._own = OwnAggregations(request, clock)
        self._name = f"{request.kind.name} of {request.source_label}"

    def begin(self) -> Flow[StartOutcome]:
        """
        Resume what an earlier try left, or start.

        :returns: the checkpoint of an aggregation to wait for, or of a task that already has its result.
        :raises AggregationAlreadyRunningError: another aggregation is running and ``if_running`` is ``fail``.
        :raises AggregationTimeoutError: the deadline passed before the source was free.
        :raises InvalidInputError: the file is missing, empty or unreadable.
        :raises CheckpointError: the task state store cannot be read or written.
        :raises SailPointError: the start failed; if ISC may have started it anyway, the next try checks.
        """
        checkpoint = self._checkpoints.load()
        if checkpoint is not None:
            self._own.note_checkpoint(checkpoint)
            if self._request.is_same_as(checkpoint):
                resumed = yield from self._resume(checkpoint)
                if resumed is not None:
                    return resumed
        return (yield from self._start_anew())

    def _resume(self, checkpoint: Checkpoint) -> Flow[Checkpoint | None]:
        """Return the checkpoint to continue from, None to start anew."""
        was_cleared = self._request.was_cleared_since(checkpoint)
        if checkpoint.state == "returned" and not was_cleared:
            self._log.info("An earlier try already has the result of the %s.", self._id_of(checkpoint))
            return checkpoint
        if checkpoint.state == "submitting" and not was_cleared:
            # After a clear the user wants a new run; what may still be running is waited for first.
            checkpoint = (yield from self._reconcile(checkpoint)) or checkpoint
        if checkpoint.state != "running":
            return None
        checkpoint = self._for_this_try(checkpoint, was_cleared=was_cleared)
        if not (yield from self._is_worth_waiting_for(checkpoint, was_cleared=was_cleared)):
            self._checkpoints.save(replace(checkpoint, state="discarded"))
            return None
        self._checkpoints.save(checkpoint)
        return checkpoint

    def _for_this_try(self, checkpoint: Checkpoint, *, was_cleared: bool) -> Checkpoint:
        request = self._request
        if not was_cleared:
            return replace(checkpoint, deadlines=checkpoint.deadlines.in_another_try(request.deadlines))
        # A clear is a new beginning for the user, so the timeout begins anew.
        return replace(
            checkpoint,
            max_tries=request.max_tries,
            clear_number=request.clear_number,
            deadlines=request.deadlines,
        )

    def _is_worth_waiting_for(self, checkpoint: Checkpoint, *, was_cleared: bool) -> Flow[bool]:
        name = self._id_of(checkpoint)
        watch = Watch(
            str(checkpoint.aggregation_id),
            self._api_version,
            deadlines=self._request.deadlines,
            clock=self._clock,
            log=self._log,
            kind=self._request.kind,
        )
        try:
            result = yield from watch.poll_until_clear()
        except UnknownAggregationError:
            self._log.warning("ISC does not know the %s of an earlier try; starting a new one.", name)
            return False
        if result is None:
            self._log.info("The %s of an earlier try is still running; resuming the wait.", name)
            return True
        state = result["state"].replace("_", " ")
        if not was_cleared and is_good_end(result, fail_on_warning=self._request.fail_on_warning):
            self._log.info("The %s of an earlier try has ended: %s.", name, state)
            return True
        self._log.info("The %s of an earlier try has ended: %s; starting a new one.", name, state)
        return False

    def _start_anew(self) -> Flow[StartOutcome]:
        starts_left, pause = STARTS_PER_TRY, reconcile.RECONCILE_PAUSE / 2
        # An unusable file is reported now, not after hours of waiting for a busy source.
        self._find_file()
        while True:
            records = yield from self._own.newest_records(self._api_version)
            if running := reconcile.running_of(records):
                return self._handle_busy(running)
            self._check_deadline()
            checkpoint, upload = self._intend(records)
            self._checkpoints.save(checkpoint, required=True)
            try:
                started = yield from self._post(checkpoint, upload)
            except AggregationAlreadyRunningError as refusal:
                # Another client started between the read of the records and the request.
                self._observe("refused")
                self._save_refusal(checkpoint)
                if not self._own.may_include_any:
                    if self._request.if_running == "fail":
                        raise
                    if self._request.if_running == "skip":
                        return Skip(f"{refusal} Skipped, because if_running='skip'.")
                yield Sleep(pause := min(_LONGEST_PAUSE, 2.0 * pause))
                continue
            except SailPointError as error:
                if not reconcile.may_have_started(error):
                    self._save_failed_start(checkpoint, error)
                    raise
                starts_left -= 1
                found = yield from self._reconcile(checkpoint, error)
                if found is None:
                    if not starts_left:
                        raise
                    continue
                started = found
            self._observe("started")
            self._checkpoints.save(started)
            return started

    def _intend(self, records: list[TaskStatus]) -> tuple[Checkpoint, Upload | None]:
        """Find the file, now that the source is free, and describe the start."""
        upload = self._find_file()
        checkpoint = replace(
            self._request.checkpoint("submitting", upload, may_run=self._own.may_run),
            baseline=reconcile.baseline_of(records),
            usual_seconds=reconcile.usual_seconds(records),
        )
        return checkpoint, upload

    def _find_file(self) -> Upload | None:
        return self._request.file.examine() if self._request.file is not None else None

    def _post(self, checkpoint: Checkpoint, upload: Upload | None) -> Flow[Checkpoint]:
        task = yield from start(
            self._api_version,
            self._request.source.id,
            upload,
            disable_optimization=checkpoint.disable_optimization,
            object_type=checkpoint.object_type,
            kind=self._request.kind,
        )
        started = checkpoint.running(str(task.id), task.file)
        self._log.info("%s", start_line(started, self._request.kind))
        return started

    def _save_refusal(self, checkpoint: Checkpoint) -> None:
        """
        Store that nothing was started.

        The intent of a start that needs no acknowledgement must not stay: a later try would look for its
        aggregation and might take another client's.
        """
        self._checkpoints.save(
            replace(checkpoint, state="refused"), required=not checkpoint.needs_acknowledgement
        )

    def _save_failed_start(self, checkpoint: Checkpoint, error: SailPointError) -> None:
        try:
            self._save_refusal(checkpoint)
        except CheckpointError as unsaved:
            if not error.final:
                raise unsaved from error

    def _reconcile(
        self, checkpoint: Checkpoint, error: SailPointError | None = None
    ) -> Flow[Checkpoint | None]:
        """
        Return the checkpoint of the aggregation that a start without a usable response left behind.

        :param error: why there was no usable response; None for an earlier try that was interrupted.
        :returns: None if no aggregation can be attributed to the start.
        """
        self._own.note_unanswered()
        why = f"{error}" if error is not None else "an earlier try stopped before it received an ID."
        if checkpoint.needs_acknowledgement:
            what = "the file" if checkpoint.file_location is not None else "the start without optimization"
            self._log.warning(
                "ISC did not acknowledge %s; starting again once the source is free. Cause: %s", what, why
            )
            yield Sleep(reconcile.RECONCILE_PAUSE)
        else:
            self._log.warning(
                "No usable response to the start request; checking whether ISC started the %s. Cause: %s",
                self._request.kind.name,
                why,
            )
            found = yield from reconcile.find_started(
                self._api_version, self._request, checkpoint.baseline, clock=self._clock, log=self._log
            )
            if found is not None:
                self._log.info("ISC started %s %s; waiting for it.", self._request.kind.name, found.id)
                # Only the search attributes it to this start, which may yet take effect.
                return replace(checkpoint.running(found.id, None), may_run=True)
        # As after a refusal, the intent of such a start must not stay.
        unanswered = replace(checkpoint, state="unanswered", may_run=True)
        self._checkpoints.save(unanswered, required=not checkpoint.needs_acknowledgement)
        return None

    def _handle_busy(self, running: list[TaskStatus]) -> StartOutcome:
        """Decide what to do about running aggregations of the source."""
        request, other = self._request, running[0]
        if (earlier := self._own.only_one(running)) is not None:
            self._log.info(
                "The %s %s has been running since an earlier try; waiting for it.",
                request.kind.name,
                earlier.id,
            )
            return self._adopt(earlier)
        busy = f"Another {request.kind.name} {other.id} of {request.source_label} is running"
        if request.if_running == "adopt":
            self._log.info("%s; waiting for it instead of starting one, because if_running='adopt'.", busy)
            return self._adopt(other)
        self._observe("busy")
        if not any(map(self._own.may_include, running)):
            if request.if_running == "fail":
                raise AggregationAlreadyRunningError(
                    f"{busy}, and ISC does not queue. Nothing was started, because if_running='fail'."
                )
            if request.if_running == "skip":
                return Skip(f"{busy}; skipped, because if_running='skip'.")
        self._check_deadline(f" {busy}.")
        self._log.info("%s; waiting until it has ended.", busy)
        return Busy(other.id, self._own.may_run)

    def _adopt(self, record: TaskStatus) -> Checkpoint:
        adopted = self._request.checkpoint("running").running(record.id, None)
        self._observe("adopted")
        self._checkpoints.save(adopted)
        return adopted

    def _check_deadline(self, why: str = "") -> None:
        deadlines = self._request.deadlines
        if deadlines.have_passed(self._clock()):
            raise deadlines.error(
                f"Nothing was started: the timeout passed before the {self._name} could start.{why}"
            )

    def _id_of(self, checkpoint: Checkpoint) -> str:
        return f"{self._request.kind.name} {checkpoint.aggregation_id}"
