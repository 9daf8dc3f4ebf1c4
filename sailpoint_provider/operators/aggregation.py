"""Starts an account aggregation once, and waits for its end."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    conf,
)

from sailpoint_provider._airflow.deferral import (
    backstop,
    carried_deadlines,
    deadlines_from_now,
    result_after_deferring,
    result_before_deferring,
    wait_on_worker,
)
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.parameters import boolean, one_of, plain_path, seconds
from sailpoint_provider._airflow.start import (
    carried_checkpoint,
    check_adoptable,
    check_source_is_named_once,
    look_up_source,
    start_in_time,
)
from sailpoint_provider._airflow.task_state import (
    checkpoints_of,
    clear_number_of,
    max_tries_of,
    unstored_tries,
)
from sailpoint_provider.exceptions import AggregationTimeoutError, UnknownAggregationError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.outcome import check_end, end_line, make_result
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE
from sailpoint_provider.isc.wait.events import read_event
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.start.checkpoint import Checkpoint, CheckpointStore
    from sailpoint_provider.isc.start.request import IfRunning, StartRequest
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.results import AggregationResult


class SailPointAccountAggregationOperator(BaseOperator):
    """
    Loads the accounts of a source into Identity Security Cloud (ISC).

    The aggregation is started once: the start is stored before and after the request (Airflow 3.3 and later),
    so that a retry after a crash resumes the wait instead of starting again. The XCom ``aggregation_id`` is
    pushed as soon as ISC returns the ID, so that a failed task has it too. Errors that a retry cannot fix are
    ``AirflowFailException`` as well; failed aggregations, timeouts and outages can be retried.

    :param source_id: ID of the source, 32 hex characters; or set ``source_name``. (templated)
    :param source_name: name of the source as ISC shows it, which must be unique. (templated)
    :param file: CSV of a delimited-file source: a path, a URL or an ``ObjectStoragePath``; None for a direct
        source, or where a virtual appliance reads the file. It is streamed. A ``.gz`` is read twice, and its
        content is sent. A file that changes while it is sent fails the task and starts nothing. (templated)
    :param disable_optimization: whether unchanged accounts are processed too. (templated)
    :param sailpoint_conn_id: ID of the Airflow connection. (templated)
    :param if_running: what to do while another aggregation of the source is running, because ISC does not
        queue: ``wait`` until it has ended and then start, ``adopt`` it (not with ``file`` or
        ``disable_optimization``), ``fail`` or ``skip``.
    :param wait_for_completion: False to return as soon as ISC has started, with state ``running``.
    :param deferrable: whether to wait on the triggerer instead of a worker; defaults to ``[operators]
        default_deferrable``.
    :param poll_interval: longest time between two requests, in seconds or as a ``timedelta``; the first
        requests come sooner.
    :param timeout: longest time from the task's start to the end of the aggregation, in seconds or as a
        ``timedelta``; one day by default. Waiting for a busy source counts. A retry that resumes the wait
        keeps the deadline.
    :param fail_on_warning: whether ``succeeded_with_warnings`` fails the task.
    :param tolerate_outage: longest time without a valid response, in seconds or as a ``timedelta``.
    :param durable: False to store nothing across tries.
    :param on_kill_clear_task: whether killing the task marks ISC's task record as ended with an error. The
        aggregation keeps running, because ISC has no API to cancel it. Needs the scope
        ``idn:task-management:write`` and a personal access token.
    :raises InvalidInputError: a parameter is invalid.
    """

    template_fields: Sequence[str] = (
        "source_id",
        "source_name",
        "file",
        "disable_optimization",
        "sailpoint_conn_id",
    )
    ui_color = "#cfe3f7"

    _checkpoint: Checkpoint | None = None
    _source: Source | None = None

    def __init__(
        self,
        *,
        source_id: str | XComArg | None = None,
        source_name: str | XComArg | None = None,
        file: FileLocation | XComArg | None = None,
        disable_optimization: bool | str | XComArg = False,
        sailpoint_conn_id: str | XComArg = SailPointHook.default_conn_name,
        if_running: IfRunning = "wait",
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta = 30.0,
        timeout: float | timedelta = 86400.0,
        fail_on_warning: bool = False,
        tolerate_outage: float | timedelta = DEFAULT_TOLERATE_OUTAGE,
        durable: bool = True,
        on_kill_clear_task: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow replaces an XComArg by its value when it renders the template fields.
        self.source_id = cast("str | None", source_id)
        self.source_name = cast("str | None", source_name)
        self.file = plain_path(file)
        self.disable_optimization = disable_optimization
        self.sailpoint_conn_id = cast("str", sailpoint_conn_id)
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.fail_on_warning = fail_on_warning
        self.durable = durable
        self.on_kill_clear_task = on_kill_clear_task
        with airflow_errors():
            check_source_is_named_once(source_id, source_name)
            self.if_running = cast(
                "IfRunning", one_of(if_running, "if_running", "wait", "adopt", "fail", "skip")
            )
            if if_running == "adopt":
                check_adoptable(self.file, disable_optimization)
            self.poll_interval = seconds(poll_interval, "poll_interval")
            self.timeout = seconds(timeout, "timeout")
            self.tolerate_outage = seconds(tolerate_outage, "tolerate_outage")

    @cached_property
    def hook(self) -> SailPointHook:
        """The hook of the connection."""
        return SailPointHook(self.sailpoint_conn_id)

    def execute(self, context: Context) -> AggregationResult:
        """Start the aggregation, or resume the one of an earlier try, and wait for its end."""
        with airflow_errors():
            return self._aggregate(context, self._deadlines_from_now())

    def execute_turn(self, context: Context, event: Any = None) -> AggregationResult:
        """Start after the wait for another aggregation of the source, however that one ended."""
        with airflow_errors():
            waited = read_event(event)
            with self._waiting_for_source():
                waited.ended_aggregation()
            return self._aggregate(context, carried_deadlines(waited) or self._deadlines_from_now())

    def execute_complete(self, context: Context, event: Any = None) -> AggregationResult:
        """Return the result of the aggregation whose end the trigger reports, or raise the reported error."""
        with airflow_errors():
            waited = read_event(event)
            aggregation_id = waited.ended_aggregation()
            checkpoint = carried_checkpoint(waited, aggregation_id, self._store(context), self.log)
            self._checkpoint = checkpoint
            result = result_after_deferring(self.hook, aggregation_id, checkpoint.deadlines, self.log)
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
        self.hook._log_kill(
            self.log,
            str(self._checkpoint.aggregation_id),
            source=f"{self._checkpoint.source_name!r} ({self._checkpoint.source_id})",
            clear_task=self.on_kill_clear_task,
        )

    def _aggregate(self, context: Context, deadlines: Deadlines) -> AggregationResult:
        """Start, after a wait while the source is busy, and follow the aggregation."""
        from sailpoint_provider.isc.start.reconcile import RECONCILE_PAUSE
        from sailpoint_provider.isc.start.request import Busy, Skip
        from sailpoint_provider.isc.start.starter import Starter

        while True:
            with start_in_time(deadlines, self.source_name or self.source_id):
                starter = Starter(
                    self._start_request(context, deadlines),
                    self.hook._tenant.generation,
                    self._store(context),
                    clock=time.time,
                    log=cast("Any", self.log),
                )
                outcome = self.hook._run(starter.begin(), until=deadlines.end)
            if isinstance(outcome, Skip):
                raise AirflowSkipException(outcome.reason)
            if not isinstance(outcome, Busy):
                return self._follow(context, outcome)
            self._wait_for_source(outcome.aggregation_id, deadlines)
            # The other one has ended, but ISC's list may show it as running for a while.
            time.sleep(min(RECONCILE_PAUSE, deadlines.seconds_left(time.time())))

    def _start_request(self, context: Context, deadlines: Deadlines) -> StartRequest:
        from sailpoint_provider.files.locate import file_source
        from sailpoint_provider.isc.start.load import check_file_fits
        from sailpoint_provider.isc.start.request import StartRequest

        disable_optimization = boolean(self.disable_optimization, "disable_optimization")
        if self.if_running == "adopt":
            check_adoptable(self.file, disable_optimization)
        file = file_source(self.file) if self.file is not None else None
        if self._source is None:
            self._source = look_up_source(self.hook, self.source_id, self.source_name, deadlines.end)
        check_file_fits(self._source, file is not None)
        return StartRequest(
            source=self._source,
            max_tries=max_tries_of(context),
            deadlines=deadlines,
            file=file,
            disable_optimization=disable_optimization,
            if_running=self.if_running,
            fail_on_warning=self.fail_on_warning,
            clear_number=clear_number_of(context),
            unstored=unstored_tries(context, self.retries or 0, durable=self.durable),
        )

    def _wait_for_source(self, other: str, deadlines: Deadlines) -> None:
        """Wait until another aggregation of the source has ended, successfully or not."""
        watch = self.hook._watch(other, deadlines, log=self.log)
        with self._waiting_for_source():
            if not self.deferrable:
                wait_on_worker(self.hook, watch, self.poll_interval)
            elif result_before_deferring(self.hook, watch) is None:
                self.defer(
                    trigger=SailPointAccountAggregationTrigger(
                        aggregation_id=other,
                        sailpoint_conn_id=self.sailpoint_conn_id,
                        poll_interval=self.poll_interval,
                        deadlines=deadlines,
                        is_ours=False,
                        carried={"deadlines": deadlines.to_json()},
                    ),
                    method_name="execute_turn",
                    timeout=backstop(deadlines),
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
        aggregation_id = str(checkpoint.aggregation_id)
        # Airflow deletes XComs before every retry.
        context["ti"].xcom_push(key="aggregation_id", value=aggregation_id)
        if checkpoint.result is not None:
            return checkpoint.result
        self.log.info(
            "Account aggregation %s of source %r (%s) is running.",
            aggregation_id,
            checkpoint.source_name,
            checkpoint.source_id,
        )
        if not self.wait_for_completion:
            return self._return(context, checkpoint, make_result(aggregation_id))
        watch = self.hook._watch(
            aggregation_id, checkpoint.deadlines, usual_seconds=checkpoint.usual_seconds, log=self.log
        )
        if not self.deferrable:
            return self._finish(context, checkpoint, wait_on_worker(self.hook, watch, self.poll_interval))
        if (result := result_before_deferring(self.hook, watch)) is not None:
            return self._finish(context, checkpoint, result)
        self.defer(
            trigger=SailPointAccountAggregationTrigger(
                aggregation_id=aggregation_id,
                sailpoint_conn_id=self.sailpoint_conn_id,
                poll_interval=self.poll_interval,
                deadlines=checkpoint.deadlines,
                source_id=checkpoint.source_id,
                clear_task_on_kill=self.on_kill_clear_task,
                usual_seconds=checkpoint.usual_seconds,
                carried={"checkpoint": checkpoint.to_json()},
            ),
            method_name="execute_complete",
            timeout=backstop(checkpoint.deadlines),
        )
        raise AssertionError("defer() does not return")

    def _finish(
        self, context: Context, checkpoint: Checkpoint, result: AggregationResult
    ) -> AggregationResult:
        """Return the result of a successful aggregation, and raise an error for any other."""
        self._complete(result, checkpoint)
        self.log.info("%s", end_line(result))
        check_end(result, fail_on_warning=self.fail_on_warning)
        return self._return(context, checkpoint, result)

    def _return(
        self, context: Context, checkpoint: Checkpoint, result: AggregationResult
    ) -> AggregationResult:
        self._complete(result, checkpoint)
        self._store(context).save(checkpoint.returned(result))
        return result

    @staticmethod
    def _complete(result: AggregationResult, checkpoint: Checkpoint) -> None:
        """Add to a result what only the start knows."""
        result["source_id"] = checkpoint.source_id
        result["source_name"] = checkpoint.source_name
        result["file"] = checkpoint.sent

    def _deadlines_from_now(self) -> Deadlines:
        return deadlines_from_now(self, self.timeout, self.tolerate_outage)

    def _store(self, context: Context) -> CheckpointStore:
        return checkpoints_of(context, self.log, durable=self.durable)
