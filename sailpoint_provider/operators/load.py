"""The story of one load: start it once, follow it to its end, return its result."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowSkipException, AirflowTaskTimeout, BaseOperator

from sailpoint_provider._airflow.asset_events import send_load_event
from sailpoint_provider._airflow.deferral import (
    carried_deadlines,
    deadlines_from_now,
    result_after_deferring,
    result_before_deferring,
    wait_on_worker,
)
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.lineage import LoadLineage
from sailpoint_provider._airflow.map_label import label_by_source
from sailpoint_provider._airflow.start import (
    carried_checkpoint,
    checkpoint_of,
    start_in_time,
)
from sailpoint_provider.exceptions import AggregationTimeoutError, UnknownAggregationError
from sailpoint_provider.hooks.kill import log_kill
from sailpoint_provider.hooks.metrics import LoadMetrics
from sailpoint_provider.links.aggregation import LINKS, keep_links, show_links
from sailpoint_provider.triggers.deferral import wait_on_triggerer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.isc.start.checkpoint_store import CheckpointStore
    from sailpoint_provider.isc.start.request import Busy, StartRequest
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.results import AggregationResult


class LoadOperator(BaseOperator, LoadLineage):
    """
    Starts a load of a source once, follows it and returns its result.

    :class:`~sailpoint_provider.operators.file_load.FileLoadOperator` adds the parameters and the file. It has
    the only constructor, because Airflow wraps each one of a hierarchy, which costs time in every DAG. Each
    class above it costs time, too: Airflow searches them all whenever a task sets an attribute.
    """

    operator_extra_links = LINKS
    ui_color = "#cfe3f7"

    _shown_file: str | None = None

    if TYPE_CHECKING:
        source_id: str | None
        source_name: str | None
        wait_for_completion: bool
        deferrable: bool
        poll_interval: float
        timeout: float
        tolerate_outage: float
        fail_on_warning: bool
        durable: bool
        on_kill_clear_task: bool
        emit_asset_event: bool

        def _read_drop(self, context: Context) -> None: ...
        def _before(self, context: Context) -> AggregationResult | None: ...
        def _start_request(self, context: Context, deadlines: Deadlines) -> StartRequest: ...
        def _conclude(self, result: AggregationResult) -> None: ...

    def execute(self, context: Context) -> AggregationResult:
        """Check the file, start the load or resume that of an earlier try, and wait for its end."""
        with airflow_errors(context, self._place):
            if (result := self._before(context)) is not None:
                return result
            return self._start(context, deadlines_from_now(self))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral, with the links of the process before it."""
        keep_links(self)
        return super().resume_execution(next_method, next_kwargs, context)

    def execute_turn(self, context: Context, event: Any = None) -> AggregationResult:
        """Start after the wait for another load of the source, however that one ended."""
        from sailpoint_provider.isc.wait.events import read_event

        with airflow_errors(context, self._place):
            if (result := self._before(context)) is not None:
                return result
            waited = read_event(event)
            with self._waiting_for_source():
                waited.ended_aggregation()
            return self._start(
                context,
                carried_deadlines(waited) or deadlines_from_now(self),
                may_run=waited.carried.get("may_run") is True,
            )

    def execute_complete(self, context: Context, event: Any = None) -> AggregationResult:
        """Return the result of the load whose end the trigger reports, or raise the reported error."""
        from sailpoint_provider.isc.wait.events import read_event

        with airflow_errors(context, self._place):
            self._read_drop(context)
            waited = read_event(event)
            self._note_resume(context)
            self._checkpoint = carried_checkpoint(waited, self.log)
            aggregation_id = waited.ended_aggregation()
            checkpoint = checkpoint_of(aggregation_id, self._checkpoint, self._store(context))
            self._checkpoint = checkpoint
            label_by_source(context, checkpoint.source_name)
            result = result_after_deferring(
                self.hook, aggregation_id, checkpoint.deadlines, self.log, self.kind
            )
            if result is None:
                return self._follow(context, checkpoint)
            return self._finish(context, checkpoint, result)

    def on_kill(self) -> None:
        """
        Log that the aggregation is still running; with ``on_kill_clear_task``, clear ISC's record of it.

        Airflow also calls this for ``execution_timeout``, while it handles that error. The task is then not
        killed and the record stays, because a retry resumes the wait.
        """
        if self._checkpoint is None or isinstance(sys.exception(), AirflowTaskTimeout):
            return
        log_kill(
            self.log,
            self.hook._known_tenant,
            str(self._checkpoint.aggregation_id),
            source=f"{self._checkpoint.source_name!r} ({self._checkpoint.source_id})",
            clear_task=self.on_kill_clear_task,
            kind=self.kind,
        )

    def _place(self) -> str:
        """Return what this task works on, for errors."""
        source, file = self.source_name or self.source_id, self._shown_file
        if self._checkpoint is not None:
            source = f"{self._checkpoint.source_name} ({self._checkpoint.source_id})"
            file = self._checkpoint.file_location
        parts = [f"source {source}", f"connection {self.sailpoint_conn_id}"]
        return ", ".join(parts if file is None else [*parts, f"file {file}"])

    def _start(self, context: Context, deadlines: Deadlines, *, may_run: bool = False) -> AggregationResult:
        """
        Start, after a wait while the source is busy, and follow the aggregation.

        :param may_run: whether this try has sent a start that may have left an aggregation running.
        """
        from sailpoint_provider.isc.start.reconcile import RECONCILE_PAUSE
        from sailpoint_provider.isc.start.request import Busy, Skip
        from sailpoint_provider.isc.start.starter import Starter

        label_by_source(context, self.source_name or self.source_id)
        metrics = LoadMetrics(self.sailpoint_conn_id, self.kind)
        while True:
            source = self.source_name or self.source_id
            with metrics.file_refusals(), start_in_time(deadlines, source, self.kind):
                request = self._start_request(context, deadlines)
                show_links(self, context, self.hook._tenant.ui_url, request.source.id)
                starter = Starter(
                    replace(request, may_run=may_run),
                    self.hook._tenant.api_version,
                    self._store(context),
                    clock=time.time,
                    log=cast("Any", self.log),
                    observe=metrics.start,
                )
                outcome = self.hook._run(starter.begin(), until=deadlines.end)
            if isinstance(outcome, Skip):
                raise AirflowSkipException(outcome.reason)
            if not isinstance(outcome, Busy):
                return self._follow(context, outcome)
            may_run = outcome.may_run
            self._wait_for_source(outcome, deadlines)
            # The other one has ended, but ISC's list may still show it as running.
            time.sleep(min(RECONCILE_PAUSE, deadlines.seconds_left(time.time())))

    def _wait_for_source(self, busy: Busy, deadlines: Deadlines) -> None:
        """Wait until another aggregation of the source has ended, successfully or not."""
        watch = self.hook._watch(busy.aggregation_id, deadlines, log=self.log, kind=self.kind)
        with self._waiting_for_source():
            if not self.deferrable:
                wait_on_worker(self.hook, watch, self.poll_interval)
            elif result_before_deferring(self.hook, watch) is None:
                wait_on_triggerer(
                    self,
                    "execute_turn",
                    busy.aggregation_id,
                    deadlines,
                    poll_interval=self.poll_interval,
                    is_ours=False,
                    carried={"deadlines": deadlines.to_json(), "may_run": busy.may_run},
                )

    @contextmanager
    def _waiting_for_source(self) -> Iterator[None]:
        """Wait for another aggregation in this block; one that ISC no longer knows has ended."""
        try:
            yield
        except UnknownAggregationError as error:
            self.log.info("The other aggregation no longer exists: %s", error)
        except AggregationTimeoutError as error:
            error.args = (f"Nothing was started: the source stayed busy until the timeout. {error}",)
            raise

    def _follow(self, context: Context, checkpoint: Checkpoint) -> AggregationResult:
        """Wait for the end of this task's aggregation."""
        self._checkpoint = checkpoint
        label_by_source(context, checkpoint.source_name)
        aggregation_id = str(checkpoint.aggregation_id)
        # Airflow deletes XComs before every retry.
        context["ti"].xcom_push(key="aggregation_id", value=aggregation_id)
        if checkpoint.result is not None:
            return self._end(context, checkpoint.result)
        if not self.wait_for_completion:
            from sailpoint_provider.isc.outcome import make_result

            return self._return(context, checkpoint, make_result(aggregation_id, kind=self.kind))
        watch = self.hook._watch(
            aggregation_id,
            checkpoint.deadlines,
            usual_seconds=checkpoint.usual_seconds,
            log=self.log,
            kind=self.kind,
        )
        if not self.deferrable:
            return self._finish(context, checkpoint, wait_on_worker(self.hook, watch, self.poll_interval))
        if (result := result_before_deferring(self.hook, watch)) is not None:
            return self._finish(context, checkpoint, result)
        return wait_on_triggerer(
            self,
            "execute_complete",
            aggregation_id,
            checkpoint.deadlines,
            poll_interval=self.poll_interval,
            source_id=checkpoint.source_id,
            clear_task_on_kill=self.on_kill_clear_task,
            usual_seconds=checkpoint.usual_seconds,
            carried={"checkpoint": checkpoint.to_json()},
        )

    def _finish(
        self, context: Context, checkpoint: Checkpoint, result: AggregationResult
    ) -> AggregationResult:
        """Return the result of a successful aggregation, and raise an error for any other."""
        from sailpoint_provider.isc.verdict import check_end, log_end

        self._complete(context, result, checkpoint)
        LoadMetrics(self.sailpoint_conn_id, self.kind).ended(result, checkpoint.deadlines.begun)
        log_end(cast("Any", self.log), result, self.kind, fail_on_warning=self.fail_on_warning)
        check_end(result, fail_on_warning=self.fail_on_warning, kind=self.kind)
        return self._return(context, checkpoint, result)

    def _return(
        self, context: Context, checkpoint: Checkpoint, result: AggregationResult
    ) -> AggregationResult:
        """Store the result, for a retry after a crash, and return it."""
        self._complete(context, result, checkpoint)
        self._store(context).save(checkpoint.returned(result))
        return self._end(context, result)

    def _end(self, context: Context, result: AggregationResult) -> AggregationResult:
        self._conclude(result)
        send_load_event(self, context, result, self._checkpoint)
        return result

    def _complete(self, context: Context, result: AggregationResult, checkpoint: Checkpoint) -> None:
        """Add to a result what only the start knows."""
        result["source_id"] = checkpoint.source_id
        result["source_name"] = checkpoint.source_name
        result["file"] = checkpoint.sent
        self._note_end(result, context)

    def _store(self, context: Context) -> CheckpointStore[Checkpoint]:
        from sailpoint_provider._airflow.task_state import checkpoints_of
        from sailpoint_provider.isc.start.checkpoint import read_checkpoint

        return checkpoints_of(context, self.log, read_checkpoint, durable=self.durable)
