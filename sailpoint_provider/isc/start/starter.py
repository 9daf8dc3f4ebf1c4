"""One start and never two: look, intent, POST once, ID; and what a later try makes of what it finds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
    AggregationTimeoutError,
    CheckpointError,
    InvalidInputError,
    SailPointError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.flow import Flow, Sleep
from sailpoint_provider.isc.outcome import is_good_end
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.isc.start.checkpoint import Checkpoint, CheckpointStore
from sailpoint_provider.isc.start.load import start
from sailpoint_provider.isc.start.request import (
    AlreadyReturned,
    Busy,
    Skip,
    Started,
    StartOutcome,
    StartRequest,
)
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.start.checkpoint import CheckpointState
    from sailpoint_provider.results import AggregationResult

STARTS_PER_TRY = 3
"""How often one try of a task sends a start, where none is answered; refused ones do not count."""

_LONGEST_PAUSE = 60.0


class Starter:
    """
    Begins one aggregation; after each :class:`Busy`, wait for that one and call :meth:`begin` again.

    What ISC did not acknowledge is never passed off as what was asked for. A task record names neither the
    uploaded file nor the optimization, so a start with a file, or without optimization, that has no response
    is repeated once the source is free: to load a file twice is harmless, not to load it is not. An ordinary
    start without a response may be found among the task records instead.

    :param order: what is wanted.
    :param generation: the API generation to call.
    :param memory: what earlier tries left.
    :param clock: tells epoch seconds.
    :param log: where decisions go.
    """

    def __init__(
        self,
        order: StartRequest,
        generation: ApiVersion,
        memory: CheckpointStore,
        *,
        clock: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self._order = order
        self._source_id = order.source.id
        self._generation = generation
        self._checkpoints = memory
        self._clock = clock
        self._log = log
        unstored = order.unstored
        self._since = reconcile.Since(unstored.since, clock) if unstored and unstored.since else None
        self._may_run = unstored is not None and (unstored.may_be_older or unstored.since is None)
        self._own_id: str | None = None

    def begin(self) -> Flow[StartOutcome]:
        """
        Take up what an earlier try left, or start.

        :raises AggregationAlreadyRunningError: another aggregation runs, and ``if_running`` is ``fail``.
        :raises AggregationTimeoutError: the deadline came before the source was free.
        :raises InvalidInputError: the file is missing, empty or unreadable.
        :raises CheckpointError: the task state store cannot be read or written.
        :raises SailPointError: the start failed; where it may have happened, the next try finds out.
        """
        checkpoint = self._checkpoints.load()
        if checkpoint is not None:
            self._note_what_may_run(checkpoint)
            if self._is_of_this_order(checkpoint):
                taken_up = yield from self._take_up(checkpoint)
                if taken_up is not None:
                    return taken_up
        return (yield from self._start_anew())

    def _note_what_may_run(self, checkpoint: Checkpoint) -> None:
        """Note what an earlier try of this task may have left running, of whatever file."""
        if checkpoint.source_id == self._source_id:
            self._may_run = checkpoint.may_run or checkpoint.state in ("submitting", "unanswered")
            self._own_id = checkpoint.aggregation_id

    def _is_of_this_order(self, checkpoint: Checkpoint) -> bool:
        """Tell whether the checkpoint is of this source, this state of this file and this optimization."""
        order = self._order
        location = order.file.location if order.file is not None else None
        if (checkpoint.source_id, checkpoint.file_location, checkpoint.disable_optimization) != (
            self._source_id,
            location,
            order.disable_optimization,
        ):
            return False
        if order.file is None:
            return True
        try:
            return order.file.stat().is_certainly(checkpoint.file)
        except InvalidInputError:
            # The file is gone by now; what was started with it is ours all the same.
            return True

    def _take_up(self, checkpoint: Checkpoint) -> Flow[StartOutcome | None]:
        order = self._order
        was_cleared = (checkpoint.max_tries, checkpoint.clear_number) != (order.max_tries, order.clear_number)
        if checkpoint.state == "returned":
            if was_cleared or checkpoint.result is None:
                return None
            self._log.info(
                "Aggregation %s: an earlier try already had the result.", checkpoint.aggregation_id
            )
            return AlreadyReturned(checkpoint.result)
        if checkpoint.state == "submitting":
            # A clear asks for a run of its own; what may still run is waited for before it.
            found = None if was_cleared else (yield from self._reconcile(checkpoint))
            if found is None:
                return None
            checkpoint = found
        if checkpoint.state != "running":
            return None
        if was_cleared:
            # A clear is a fresh beginning for the user: the time to wait begins anew.
            checkpoint = replace(
                checkpoint,
                max_tries=order.max_tries,
                clear_number=order.clear_number,
                begun=order.begun,
                deadline=order.deadline,
            )
        if not (yield from self._is_worth_waiting_for(checkpoint, was_cleared=was_cleared)):
            self._checkpoints.save(replace(checkpoint, state="discarded"))
            return None
        self._checkpoints.save(checkpoint)
        return Started(checkpoint)

    def _is_worth_waiting_for(self, checkpoint: Checkpoint, *, was_cleared: bool) -> Flow[bool]:
        try:
            result = yield from self._state_of(checkpoint)
        except UnknownAggregationError:
            self._log.warning(
                "ISC does not know aggregation %s of an earlier try; starting a new one.",
                checkpoint.aggregation_id,
            )
            return False
        if result is None:
            self._log.info(
                "Aggregation %s of an earlier try is still running; resuming the wait.",
                checkpoint.aggregation_id,
            )
            return True
        if not was_cleared and is_good_end(result, fail_on_warning=self._order.fail_on_warning):
            self._log.info("Aggregation %s of an earlier try has ended meanwhile.", checkpoint.aggregation_id)
            return True
        self._log.info(
            "Aggregation %s of an earlier try ended as %s; starting a new one.",
            checkpoint.aggregation_id,
            result["state"].replace("_", " "),
        )
        return False

    def _state_of(self, checkpoint: Checkpoint) -> Flow[AggregationResult | None]:
        """Return how an aggregation ended, None while it runs; an outage never means that it is unknown."""
        watch = Watch(
            str(checkpoint.aggregation_id),
            self._generation,
            deadlines=Deadlines(self._order.deadline, self._order.tolerate_outage),
            clock=self._clock,
            log=self._log,
        )
        return (yield from watch.settled())

    def _start_anew(self) -> Flow[StartOutcome]:
        starts_left, pause = STARTS_PER_TRY, reconcile.RECONCILE_PAUSE / 2
        # A file that cannot be loaded is reported now, not after hours of waiting for a busy source.
        self._examine_file()
        while True:
            records = yield from self._look()
            if running := reconcile.running_of(records):
                return self._meet(running)
            self._check_deadline()
            checkpoint, upload = self._intend(records)
            self._checkpoints.save(checkpoint, required=True)
            starts_left -= 1
            try:
                started = yield from self._post(checkpoint, upload)
            except AggregationAlreadyRunningError as refusal:
                # Somebody else started between the look and the POST: nothing of ours began.
                self._keep_refusal(checkpoint)
                if not self._may_be_ours_on_this_try:
                    if self._order.if_running == "fail":
                        raise
                    if self._order.if_running == "skip":
                        return Skip(f"{refusal} Skipped, because if_running is 'skip'.")
                starts_left += 1
                yield Sleep(pause := min(_LONGEST_PAUSE, 2.0 * pause))
                continue
            except SailPointError as error:
                if not reconcile.may_have_started(error):
                    self._keep_failed_start(checkpoint, error)
                    raise
                found = yield from self._reconcile(checkpoint, error)
                if found is None:
                    if not starts_left:
                        raise
                    continue
                started = found
            self._checkpoints.save(started)
            return Started(started)

    def _look(self) -> Flow[list[TaskStatus]]:
        look = reconcile.newest_records if self._since is None else self._since.newest_records
        return (yield from look(self._generation, self._source_id))

    def _post(self, checkpoint: Checkpoint, upload: Upload | None) -> Flow[Checkpoint]:
        task = yield from start(
            self._generation, self._source_id, upload, disable_optimization=checkpoint.disable_optimization
        )
        return checkpoint.running(str(task.id), task.file)

    def _examine_file(self) -> Upload | None:
        return self._order.file.examine() if self._order.file is not None else None

    def _intend(self, records: list[TaskStatus]) -> tuple[Checkpoint, Upload | None]:
        """Examine the file, now that the source is free, and describe what is about to be started."""
        upload = self._examine_file()
        checkpoint = replace(
            self._checkpoint("submitting", upload),
            mark=reconcile.baseline_of(records),
            usual_seconds=reconcile.usual_seconds(records),
        )
        return checkpoint, upload

    def _checkpoint(self, state: CheckpointState, upload: Upload | None = None) -> Checkpoint:
        order = self._order
        return Checkpoint(
            state=state,
            max_tries=order.max_tries,
            clear_number=order.clear_number,
            source_id=order.source.id,
            source_name=order.source.name,
            begun=order.begun,
            deadline=order.deadline,
            file_location=order.file.location if order.file is not None else None,
            file=upload.state if upload is not None else None,
            disable_optimization=order.disable_optimization,
            may_run=self._may_run,
        )

    def _keep_refusal(self, checkpoint: Checkpoint) -> None:
        """
        Store that nothing of ours was started.

        Only an ordinary intent could mislead a later try, which looks for its aggregation and might take the
        rival's. One with a file, or without optimization, is never looked for.
        """
        self._checkpoints.save(
            replace(checkpoint, state="refused"), required=not checkpoint.needs_acknowledgement
        )

    def _keep_failed_start(self, checkpoint: Checkpoint, error: SailPointError) -> None:
        try:
            self._keep_refusal(checkpoint)
        except CheckpointError as unkept:
            if not error.final:
                raise unkept from error

    def _reconcile(
        self, checkpoint: Checkpoint, error: SailPointError | None = None
    ) -> Flow[Checkpoint | None]:
        """
        Return the checkpoint on what a start without a response left.

        It is None where nothing can be attributed to that start.

        :param error: why there was no response; None where an earlier try was interrupted.
        """
        self._may_run = True
        why = f": {error}" if error is not None else "; an earlier try stopped before it received an ID."
        if checkpoint.needs_acknowledgement:
            what = "the file" if checkpoint.file_location is not None else "the run without optimization"
            self._log.warning(
                "ISC did not acknowledge %s, so it will be started again once the source is free%s", what, why
            )
            yield Sleep(reconcile.RECONCILE_PAUSE)
        else:
            self._log.warning(
                "No usable response to the start request; checking whether ISC started it%s", why
            )
            trace = yield from self._find_started(checkpoint)
            if trace is not None:
                self._log.info("Aggregation %s began after the start request; following it.", trace.id)
                return checkpoint.running(trace.id, None)
        # As after a refusal, only an ordinary intent could mislead a later try.
        unanswered = replace(checkpoint, state="unanswered", may_run=True)
        self._checkpoints.save(unanswered, required=not checkpoint.needs_acknowledgement)
        return None

    def _find_started(self, checkpoint: Checkpoint) -> Flow[TaskStatus | None]:
        return (
            yield from reconcile.find_started(
                self._generation,
                self._source_id,
                checkpoint.mark,
                deadline=self._order.deadline,
                tolerate_outage=self._order.tolerate_outage,
                clock=self._clock,
                log=self._log,
            )
        )

    def _meet(self, running: list[TaskStatus]) -> StartOutcome:
        """Decide what to do about aggregations that run."""
        order, other = self._order, running[0]
        if (earlier := self._earlier_start(running)) is not None:
            self._log.info("Aggregation %s has been running since an earlier try; following it.", earlier.id)
            return self._adopt(earlier)
        what = (
            f"account aggregation {other.id} of source {order.source.name!r} ({self._source_id}) is running"
        )
        if order.if_running == "adopt":
            self._log.info("Another %s; adopting it.", what)
            return self._adopt(other)
        if not any(map(self._may_be_ours, running)):
            if order.if_running == "fail":
                raise AggregationAlreadyRunningError(
                    f"Another {what}, and ISC does not queue. Nothing was started, because if_running is "
                    "'fail'."
                )
            if order.if_running == "skip":
                return Skip(f"Another {what}; skipped, because if_running is 'skip'.")
        self._check_deadline(f", because another {what}")
        self._log.info("Another %s; waiting for it to end before starting.", what)
        return Busy(other.id, self._source_id)

    def _earlier_start(self, running: list[TaskStatus]) -> TaskStatus | None:
        """Return the only aggregation that an earlier try without memory can have started."""
        unstored = self._order.unstored
        if unstored is None or not unstored.may_adopt or self._order.needs_acknowledgement:
            return None
        if self._since is None:
            return None
        ours = [record for record in running if self._since.may_be_newer(record)]
        return ours[0] if len(ours) == 1 and self._since.is_newer(ours[0]) else None

    def _may_be_ours(self, record: TaskStatus) -> bool:
        """Tell whether an earlier try may have started it; ``fail`` and ``skip`` are for others."""
        if self._may_run or record.id == self._own_id:
            return True
        return self._since is not None and self._since.may_be_newer(record)

    @property
    def _may_be_ours_on_this_try(self) -> bool:
        """Whether what refused a start may be of an earlier try; nobody has said which aggregation it is."""
        return self._may_run or self._since is not None

    def _adopt(self, record: TaskStatus) -> Started:
        checkpoint = self._checkpoint("running").running(record.id, None)
        self._checkpoints.save(checkpoint)
        return Started(checkpoint)

    def _check_deadline(self, why: str = "") -> None:
        if self._clock() >= self._order.deadline:
            raise AggregationTimeoutError(
                "Nothing was started: the timeout passed before the account aggregation of source "
                f"{self._order.source.name!r} ({self._source_id}) could be started{why}."
            )
