"""One start and never two: look, intent, POST once, id; and what a later try makes of what it finds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sailpoint_provider.isc import traces
from sailpoint_provider.isc.errors import (
    AggregationAlreadyRunningError,
    AggregationTimeoutError,
    InvalidInputError,
    SailPointError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.memory import Claim, Memory
from sailpoint_provider.isc.orders import Beginning, Busy, Follow, Order, Returned, Skip
from sailpoint_provider.isc.outcome import is_good_end
from sailpoint_provider.isc.patience import Patience
from sailpoint_provider.isc.starts import start
from sailpoint_provider.isc.steps import Pause, Steps
from sailpoint_provider.isc.watch import Watch

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from sailpoint_provider.isc.generations import Generation
    from sailpoint_provider.isc.models import TaskStatus
    from sailpoint_provider.isc.result import AggregationResult
    from sailpoint_provider.isc.upload import Upload

STARTS_PER_TRY = 3
"""How often one try of a task sends a start, where each left no trace; refused ones do not count."""

_LONGEST_PAUSE = 60.0


class Starter:
    """
    Begins one aggregation; after each :class:`Busy`, wait for that one and call :meth:`begin` again.

    :param order: what is wanted.
    :param generation: the API generation to call.
    :param memory: what earlier tries left.
    :param clock: tells epoch seconds.
    :param log: where decisions go.
    """

    def __init__(
        self,
        order: Order,
        generation: Generation,
        memory: Memory,
        *,
        clock: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self._order = order
        self._source_id = order.source.id
        self._generation = generation
        self._memory = memory
        self._clock = clock
        self._log = log

    def begin(self) -> Steps[Beginning]:
        """
        Take up what an earlier try left, or start.

        :raises AggregationAlreadyRunningError: another aggregation runs, and ``if_running`` is ``fail``.
        :raises AggregationTimeoutError: the deadline came before the source was free.
        :raises SailPointError: the start failed; where it may have happened, the next try finds out.
        """
        claim = self._memory.load()
        if claim is not None and self._is_of_this_order(claim):
            taken_up = yield from self._take_up(claim)
            if taken_up is not None:
                return taken_up
            # Decided once: what is looked at later, after a wait for others, must not be taken for it again.
            self._memory.forget()
        return (yield from self._start_anew())

    def _is_of_this_order(self, claim: Claim) -> bool:
        """Tell whether the claim is of this source and of this state of this file."""
        csv = self._order.csv
        if claim.source_id != self._source_id or claim.file_location != (csv.location if csv else None):
            return False
        if csv is None:
            return True
        try:
            return csv.find().stamp == claim.file
        except InvalidInputError:
            # The file is gone by now; what was started with it is ours all the same.
            return True

    def _take_up(self, claim: Claim) -> Steps[Beginning | None]:
        was_cleared = claim.max_tries != self._order.max_tries
        if claim.state == "returned":
            if was_cleared or claim.result is None:
                return None
            self._log.info("An earlier try had its result already (aggregation %s).", claim.aggregation_id)
            return Returned(claim.result)
        if claim.state == "submitting":
            self._log.info("An earlier try was cut off before ISC told an id: looking for what it started.")
            found = yield from self._resolve(claim)
            if found is None:
                return None
            claim = found
        if was_cleared:
            # A clear is a fresh beginning for the user: the time to wait begins anew.
            order = self._order
            claim = replace(claim, max_tries=order.max_tries, begun=order.begun, deadline=order.deadline)
        try:
            result = yield from self._state_of(claim)
        except UnknownAggregationError:
            self._log.warning("ISC does not know aggregation %s: starting anew.", claim.aggregation_id)
            return None
        if result is None:
            self._log.info("Aggregation %s of an earlier try runs: waiting for it.", claim.aggregation_id)
        elif not was_cleared and is_good_end(result, fail_on_warning=self._order.fail_on_warning):
            self._log.info("Aggregation %s of an earlier try has ended meanwhile.", claim.aggregation_id)
        else:
            self._log.info(
                "Aggregation %s of an earlier try ended as %s: starting anew.",
                claim.aggregation_id,
                result["state"].replace("_", " "),
            )
            return None
        self._memory.save(claim)
        return Follow(claim)

    def _state_of(self, claim: Claim) -> Steps[AggregationResult | None]:
        """Return how an aggregation ended, None while it runs; silence is sat out and never means unknown."""
        watch = Watch(
            str(claim.aggregation_id),
            self._generation,
            patience=Patience(self._order.deadline, self._order.tolerate_outage),
            clock=self._clock,
            log=self._log,
        )
        return (yield from watch.settled())

    def _start_anew(self) -> Steps[Beginning]:
        starts_left, pause = STARTS_PER_TRY, traces.RESOLVE_PAUSE / 2
        while True:
            records = yield from traces.newest_records(self._generation, self._source_id)
            if running := traces.running_of(records):
                return self._meet(running)
            self._check_deadline("nothing was started")
            claim, upload = self._intend(records)
            self._memory.save(claim)
            starts_left -= 1
            try:
                started = yield from self._post(claim, upload)
            except AggregationAlreadyRunningError as refusal:
                # Somebody else started between the look and the POST: nothing of ours began.
                self._memory.forget()
                if self._order.if_running == "fail":
                    raise
                if self._order.if_running == "skip":
                    return Skip(f"{refusal} Skipped, because if_running is 'skip'.")
                starts_left += 1
                yield Pause(pause := min(_LONGEST_PAUSE, 2.0 * pause))
                continue
            except SailPointError as error:
                if not traces.may_have_started(error):
                    self._memory.forget()
                    raise
                self._log.warning("No answer tells whether it was started: looking for it. (%s)", error)
                found = yield from self._resolve(claim)
                if found is None:
                    self._memory.forget()
                    if not starts_left:
                        raise
                    continue
                started = found
            self._memory.save(started)
            return Follow(started)

    def _post(self, claim: Claim, upload: Upload | None) -> Steps[Claim]:
        disable_optimization = self._order.disable_optimization
        task = yield from start(
            self._generation, self._source_id, upload, disable_optimization=disable_optimization
        )
        return claim.running(str(task.id), task.file)

    def _intend(self, records: list[TaskStatus]) -> tuple[Claim, Upload | None]:
        """Find the file, now that it is our turn, and put into words what is about to be started."""
        order = self._order
        upload = order.csv.find() if order.csv is not None else None
        if upload is not None:
            upload.content()  # a packed file that cannot be unpacked is told before anything is intended
        claim = Claim(
            state="submitting",
            max_tries=order.max_tries,
            source_id=order.source.id,
            source_name=order.source.name,
            begun=order.begun,
            deadline=order.deadline,
            file_location=order.csv.location if order.csv is not None else None,
            file=upload.stamp if upload is not None else None,
            mark=traces.mark_of(records),
            usual_seconds=traces.usual_seconds(records),
        )
        return claim, upload

    def _resolve(self, claim: Claim) -> Steps[Claim | None]:
        """Return the claim on what an unanswered start left, None where nothing is surely ours."""
        trace = yield from traces.find_trace(
            self._generation,
            self._source_id,
            claim.mark,
            deadline=self._order.deadline,
            tolerate_outage=self._order.tolerate_outage,
            clock=self._clock,
            log=self._log,
        )
        if trace is None:
            return None
        csv = self._order.csv
        if csv is None:
            self._log.info("Aggregation %s came after our start: taking it for ours.", trace.id)
            return claim.running(trace.id, None)
        # A file that is gone for now ends this try, and what is remembered stays for the next one.
        upload = csv.find()
        sent, rows = csv.examine(upload)
        if upload.stamp != claim.file:
            self._log.warning("Aggregation %s may be of an older state of %s.", trace.id, csv.location)
            return None
        self._log.info("Aggregation %s came after our start: taking it for ours, to be checked.", trace.id)
        return claim.running(trace.id, sent, rows)

    def _meet(self, running: list[TaskStatus]) -> Beginning:
        """Decide what to do about others that run."""
        order = self._order
        other = running[0]
        if order.adopt_running_since is not None:
            since = order.adopt_running_since
            ours = [record for record in running if record.created is not None and record.created > since]
            if len(ours) == 1:
                self._log.info(
                    "Aggregation %s runs since this DAG run began: taking it for ours.", ours[0].id
                )
                return self._adopt(ours[0])
        what = (
            f"account aggregation {other.id} of source {order.source.name!r} ({self._source_id}) is running"
        )
        if order.if_running == "adopt":
            self._log.info("Another %s: adopting it.", what)
            return self._adopt(other)
        if order.if_running == "fail":
            raise AggregationAlreadyRunningError(
                f"Another {what}, and ISC does not queue. Nothing was started, because if_running is 'fail'."
            )
        if order.if_running == "skip":
            return Skip(f"Another {what}; skipped, because if_running is 'skip'.")
        self._check_deadline(f"another {what}")
        self._log.info("Another %s: waiting for its end, then it is our turn.", what)
        return Busy(other.id)

    def _adopt(self, record: TaskStatus) -> Follow:
        claim, _ = self._intend([])
        claim = claim.running(record.id, None)
        self._memory.save(claim)
        return Follow(claim)

    def _check_deadline(self, why: str) -> None:
        if self._clock() >= self._order.deadline:
            raise AggregationTimeoutError(
                f"The time for the account aggregation of source {self._order.source.name!r} "
                f"({self._source_id}) "
                f"was over before it could be started: {why}."
            )
