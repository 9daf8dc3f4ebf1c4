"""Starts an account aggregation, once, and waits for its end."""

from __future__ import annotations

import random
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseOperator,
    conf,
)

from sailpoint_provider._airflow.deferral import (
    Times,
    carried_by,
    last_look,
    result_before_deferring,
    verified,
)
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.parameters import one_of, plain_path, seconds, truth
from sailpoint_provider._airflow.task_state import (
    checkpoints_of,
    clear_number_of,
    max_tries_of,
    unstored_tries,
)
from sailpoint_provider.exceptions import (
    AggregationTimeoutError,
    CheckpointError,
    InvalidInputError,
    ProtocolError,
    SailPointError,
    UnknownAggregationError,
)
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.coercion import as_bool
from sailpoint_provider.isc.outcome import check_end, end_line, make_result, result_file
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE
from sailpoint_provider.isc.wait.events import read_event
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from sailpoint_provider.version_compat import TaskDeferralTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.isc.start.request import IfRunning, StartOutcome, StartRequest
    from sailpoint_provider.results import AggregationResult


@contextmanager
def _in_time(times: Times, source: str | None) -> Iterator[None]:
    """Turn an error of this block into a time-out, where the time for it was over."""
    try:
        yield
    except (AggregationTimeoutError, CheckpointError):
        raise
    except SailPointError as error:
        if error.final or not times.are_over:
            raise
        raise times.expired(
            f"The timeout passed before it was certain whether the account aggregation of source {source!r} "
            f"had started; a retry checks. The last error was: {error}"
        ) from error


class SailPointAccountAggregationOperator(BaseOperator):
    """
    Loads the accounts of a source into Identity Security Cloud, and by default waits for the end.

    The aggregation is started once: what is started is remembered before and after (Airflow 3.3 and later),
    so that a retry after a crash takes it up instead of starting again. The aggregation id is pushed as XCom
    ``aggregation_id`` as soon as it is known, so that a failed task has it too. What no retry can mend leaves
    as an ``AirflowFailException``; bad ends, time-outs and outages can be retried.

    :param source_id: id of the source, 32 hex characters; or give ``source_name``. (templated)
    :param source_name: name of the source as ISC shows it; it must be the only one of that name. (templated)
    :param file: the CSV of a delimited-file source: a path, a URL or an ``ObjectStoragePath``; None for a
        direct source, or where a virtual appliance reads the file. It is streamed; of a ``.csv.gz``, which is
        read twice, what it holds is sent. A file that changes meanwhile fails the task and starts nothing.
        (templated)
    :param disable_optimization: whether accounts that did not change are processed too. (templated)
    :param sailpoint_conn_id: id of the Airflow connection. (templated)
    :param if_running: what to do while another aggregation of the source runs, since ISC does not queue:
        ``wait`` for its end and then start, ``adopt`` it as ours (not with ``file`` or
        ``disable_optimization``), ``fail`` or ``skip``.
    :param wait_for_completion: False to return as soon as ISC has started, with state ``running``.
    :param deferrable: whether waits are handed to the triggerer; by default what ``[operators]
        default_deferrable`` says.
    :param poll_interval: seconds (or ``timedelta``) between two looks at the most; the first come sooner.
    :param timeout: seconds (or ``timedelta``) from the look before the start to the end; a day by default.
        Waiting for a busy source counts. A retry that takes the aggregation up keeps its deadline.
    :param fail_on_warning: whether ``succeeded_with_warnings`` fails the task.
    :param tolerate_outage: seconds (or ``timedelta``) without a good answer that the wait sits out.
    :param durable: False to remember nothing over tries.
    :param on_kill_clear_task: whether killing the task marks ISC's task record as ended with an error. That
        does not stop the aggregation, for which ISC has no call; it only clears the record. Needs the scope
        ``idn:task-management:write`` and a personal access token.
    :raises InvalidInputError: a parameter cannot work.
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
            if (source_id is None) == (source_name is None):
                raise InvalidInputError(
                    f"Give either source_id or source_name, not {'neither' if source_id is None else 'both'}."
                )
            self.if_running = cast(
                "IfRunning", one_of(if_running, "if_running", "wait", "adopt", "fail", "skip")
            )
            if if_running == "adopt":
                self._check_adoptable()
            self.poll_interval = seconds(poll_interval, "poll_interval")
            self.timeout = seconds(timeout, "timeout")
            self.tolerate_outage = seconds(tolerate_outage, "tolerate_outage")

    @cached_property
    def hook(self) -> SailPointHook:
        """The hook of the connection."""
        return SailPointHook(self.sailpoint_conn_id)

    def execute(self, context: Context) -> AggregationResult:
        """Start the aggregation, or take up the one of an earlier try, and wait for its end."""
        with airflow_errors():
            return self._aggregate(context, Times.from_now(self.timeout, self))

    def execute_turn(self, context: Context, event: Any = None) -> AggregationResult:
        """Continue after the wait for another aggregation of the source, however that one ended."""
        with airflow_errors():
            times = Times.carried_by(event) or Times.from_now(self.timeout, self)
            with self._turn():
                read_event(event)
            return self._aggregate(context, times)

    def execute_complete(self, context: Context, event: Any = None) -> AggregationResult:
        """
        Turn the trigger's event into the result, or into the error that it reports.

        What the task must know of its start comes back with the event. ``airflow dags test`` hands over
        nothing else: what ``defer`` was given as keyword arguments is lost there.
        """
        with airflow_errors():
            end = read_event(event)
            self._checkpoint = checkpoint = self._checkpoint_of(context, event, end.aggregation_id)
            times = Times.carried_by(event) or Times.from_now(self.timeout, self)
            deadlines = times.deadlines_to_verify(self.tolerate_outage, checkpoint.deadline)
            result = verified(self.hook, end, deadlines, self.log)
            if result is None:
                return self._follow(context, checkpoint, times)
            return self._end(context, checkpoint, result)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after a deferral; where Airflow's own timeout ended it, say what still runs in ISC."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as error:
            aggregation_id = context["ti"].xcom_pull(task_ids=self.task_id, key="aggregation_id")
            if aggregation_id is None:
                raise AggregationTimeoutError(
                    "The source stayed busy until Airflow ended the wait; nothing was started."
                ) from error
            raise AggregationTimeoutError(
                f"Airflow ended the wait for account aggregation {aggregation_id}, which is still running in "
                "Identity Security Cloud; a retry resumes the wait."
            ) from error

    def on_kill(self) -> None:
        """
        Log that the aggregation is still running; with ``on_kill_clear_task`` clear ISC's record of it.

        Airflow calls this for ``execution_timeout`` too, while it handles that error. Then the task is not
        killed, and its record stays, because a retry resumes the wait.
        """
        if self._checkpoint is None or isinstance(sys.exception(), AirflowTaskTimeout):
            return
        self.hook._log_kill(
            self.log,
            str(self._checkpoint.aggregation_id),
            source=f"{self._checkpoint.source_name!r} ({self._checkpoint.source_id})",
            clear_task=self.on_kill_clear_task,
        )

    def _aggregate(self, context: Context, times: Times) -> AggregationResult:
        """Begin, waiting while the source is busy, and follow what has begun."""
        from sailpoint_provider.isc.start import reconcile
        from sailpoint_provider.isc.start.request import AlreadyReturned, Busy, Skip

        while True:
            beginning = self._begin(context, times)
            if isinstance(beginning, AlreadyReturned):
                # Airflow wipes XComs before every retry.
                context["ti"].xcom_push(key="aggregation_id", value=beginning.result["aggregation_id"])
                return beginning.result
            if isinstance(beginning, Skip):
                raise AirflowSkipException(beginning.reason)
            if not isinstance(beginning, Busy):
                return self._follow(context, beginning.checkpoint, times)
            self._wait_turn(beginning.aggregation_id, beginning.source_id, times)
            # It has ended, but ISC's list may show it as running for a while yet.
            time.sleep(max(0.0, min(reconcile.RECONCILE_PAUSE, times.end - time.time())))

    def _begin(self, context: Context, times: Times) -> StartOutcome:
        from sailpoint_provider.isc.start.starter import Starter

        memory = checkpoints_of(context, self.log, durable=self.durable)
        generation = self.hook._tenant.generation
        with _in_time(times, self.source_name or self.source_id):
            order = self._order(context, times)
            starter = Starter(order, generation, memory, clock=time.time, log=cast("Any", self.log))
            return self.hook._run(starter.begin(), until=times.end)

    def _order(self, context: Context, times: Times) -> StartRequest:
        from sailpoint_provider.files.locate import file_source
        from sailpoint_provider.isc.start.load import check_file_fits
        from sailpoint_provider.isc.start.request import StartRequest

        disable_optimization = truth(self.disable_optimization, "disable_optimization")
        if self.if_running == "adopt":
            self._check_adoptable()
        file = file_source(self.file) if self.file is not None else None
        source = self._find_source(times)
        check_file_fits(source, file is not None)
        return StartRequest(
            source=source,
            max_tries=max_tries_of(context),
            clear_number=clear_number_of(context),
            begun=times.begun,
            deadline=times.deadline,
            tolerate_outage=self.tolerate_outage,
            file=file,
            disable_optimization=disable_optimization,
            if_running=self.if_running,
            fail_on_warning=self.fail_on_warning,
            unstored=unstored_tries(context, self.retries or 0, durable=self.durable),
        )

    def _find_source(self, times: Times) -> Source:
        """Return the source, which is looked up once in a process."""
        from sailpoint_provider.isc.start.load import find_source, get_source

        if self._source is None:
            generation = self.hook._tenant.generation
            if self.source_id is not None:
                flow = get_source(generation, self.source_id)
            else:
                flow = find_source(generation, self.source_name or "")
            self._source = self.hook._run(flow, until=times.end)
        return self._source

    def _check_adoptable(self) -> None:
        text = str(self.disable_optimization)
        is_template = "{{" in text or "{%" in text
        if self.file is not None or (not is_template and as_bool(self.disable_optimization) is not False):
            raise InvalidInputError(
                "if_running='adopt' cannot be combined with file or disable_optimization: an adopted "
                "aggregation has neither loaded that file nor processed every account."
            )

    def _wait_turn(self, other: str, source_id: str, times: Times) -> None:
        """Wait until another aggregation of the source has ended, however it does."""
        deadlines = times.deadlines(self.tolerate_outage)
        watch = self.hook._watch(other, deadlines, begun=times.begun, log=self.log)
        with self._turn():
            if not self.deferrable:
                self.hook._run(watch.wait(Backoff(self.poll_interval), random.random), until=last_look(watch))
                return
            if result_before_deferring(self.hook, watch) is not None:
                return
            self.defer(
                trigger=self._trigger(other, source_id, deadlines.deadline, times),
                method_name="execute_turn",
                timeout=times.backstop(),
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for a busy source in this block; what ISC no longer knows has ended too."""
        try:
            yield
        except UnknownAggregationError as error:
            self.log.info("The other aggregation is gone: %s", error)
        except AggregationTimeoutError as error:
            error.args = (f"Nothing was started, because the source stayed busy. {error}",)
            raise

    def _follow(self, context: Context, checkpoint: Checkpoint, times: Times) -> AggregationResult:
        """Wait for the end of our aggregation."""
        self._checkpoint = checkpoint
        aggregation_id = str(checkpoint.aggregation_id)
        context["ti"].xcom_push(key="aggregation_id", value=aggregation_id)
        self.log.info(
            "Account aggregation %s of source %r (%s) is running.",
            aggregation_id,
            checkpoint.source_name,
            checkpoint.source_id,
        )
        if not self.wait_for_completion:
            return self._return(context, checkpoint, make_result(aggregation_id))
        times = replace(times, begun=checkpoint.begun)
        deadlines = times.deadlines(self.tolerate_outage, checkpoint.deadline)
        watch = self.hook._watch(
            aggregation_id,
            deadlines,
            begun=checkpoint.begun,
            usual_seconds=checkpoint.usual_seconds,
            log=self.log,
        )
        if self.deferrable:
            result = result_before_deferring(self.hook, watch)
        else:
            result = self.hook._run(
                watch.wait(Backoff(self.poll_interval), random.random), until=last_look(watch)
            )
        if result is None:
            self.defer(
                trigger=self._trigger(
                    aggregation_id, checkpoint.source_id, checkpoint.deadline, times, checkpoint
                ),
                method_name="execute_complete",
                timeout=times.backstop(checkpoint.deadline),
            )
            raise AssertionError("defer() does not return")
        return self._end(context, checkpoint, result)

    def _checkpoint_of(self, context: Context, event: Any, aggregation_id: str) -> Checkpoint:
        """
        Return the checkpoint on the aggregation that was waited for.

        :raises ProtocolError: neither the event nor the task state store holds one on this aggregation.
        """
        from sailpoint_provider.isc.start.checkpoint import read_checkpoint

        try:
            checkpoint = read_checkpoint(carried_by(event).get("checkpoint"))
        except ProtocolError as error:
            self.log.warning("Ignoring the checkpoint in the trigger's event. %s", error)
            checkpoint = None
        if checkpoint is None:
            checkpoint = checkpoints_of(context, self.log, durable=self.durable).load()
        if checkpoint is None or checkpoint.aggregation_id != aggregation_id:
            known = "none" if checkpoint is None else str(checkpoint.aggregation_id)
            raise ProtocolError(
                f"The trigger's event is of account aggregation {aggregation_id}, not of one that this task "
                f"is known to have started (known: {known}). Retry the task."
            )
        return checkpoint

    def _end(self, context: Context, checkpoint: Checkpoint, result: AggregationResult) -> AggregationResult:
        """Return a good end, and raise a bad one."""
        self.log.info("%s", end_line(self._known(checkpoint, result)))
        check_end(result, fail_on_warning=self.fail_on_warning)
        return self._return(context, checkpoint, result)

    def _return(
        self, context: Context, checkpoint: Checkpoint, result: AggregationResult
    ) -> AggregationResult:
        checkpoints_of(context, self.log, durable=self.durable).save(
            checkpoint.returned(self._known(checkpoint, result))
        )
        return result

    @staticmethod
    def _known(checkpoint: Checkpoint, result: AggregationResult) -> AggregationResult:
        """Add to a result what only the start knew."""
        result["source_id"] = checkpoint.source_id
        result["source_name"] = checkpoint.source_name
        result["file"] = result_file(checkpoint.sent)
        return result

    def _trigger(
        self,
        aggregation_id: str,
        source_id: str,
        deadline: float | None,
        times: Times,
        checkpoint: Checkpoint | None = None,
    ) -> SailPointAccountAggregationTrigger:
        """Return the trigger that waits for our aggregation, or without a checkpoint for somebody else's."""
        return SailPointAccountAggregationTrigger(
            aggregation_id=aggregation_id,
            sailpoint_conn_id=self.sailpoint_conn_id,
            poll_interval=self.poll_interval,
            deadline=deadline,
            execution_deadline=times.execution_deadline,
            tolerate_outage=self.tolerate_outage,
            begun=times.begun,
            source_id=source_id,
            is_ours=checkpoint is not None,
            clear_task_on_kill=self.on_kill_clear_task and checkpoint is not None,
            usual_seconds=checkpoint.usual_seconds if checkpoint is not None else None,
            carried=times.to_json() | ({} if checkpoint is None else {"checkpoint": checkpoint.to_json()}),
        )
