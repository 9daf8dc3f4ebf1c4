"""Refreshes identities."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, conf

from sailpoint_provider._airflow.deferral import (
    deadlines_from_now,
    result_after_deferring,
    result_before_deferring,
    wait_on_worker,
)
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.parameters import check_rendered, given_parameters, seconds, switch
from sailpoint_provider._airflow.start import start_in_time
from sailpoint_provider._airflow.task_state import checkpoints_of, clear_number_of, max_tries_of
from sailpoint_provider.exceptions import InvalidInputError, ProtocolError, UnknownAggregationError
from sailpoint_provider.hooks.kill import log_kill
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.kinds import IDENTITY_REFRESH
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE
from sailpoint_provider.operators.connected import ConnectedOperator
from sailpoint_provider.triggers.deferral import wait_on_triggerer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider.isc.start.checkpoint_store import CheckpointStore
    from sailpoint_provider.isc.start.refresh import RefreshCheckpoint, RefreshRequest
    from sailpoint_provider.results import AggregationResult, IdentityRefreshResult

_UNKNOWN_END = (
    "ISC accepted the identity refresh, but {why}, so its end is unknown. On Airflow 3.3 and "
    "later, a retry sends nothing again. Set wait_for_completion=False if it is enough that ISC accepted it."
)


class SailPointIdentityRefreshOperator(ConnectedOperator):
    """
    Has identities processed by Identity Security Cloud (ISC): attributes, lifecycle states, roles, managers.

    Identities are sent in parts of 250. A part that ISC has acknowledged is never sent again by a retry
    (Airflow 3.3 and later). A part without a usable response is sent once per try, because no record of ISC
    shows which identities it was for; processing identities twice does no harm.

    The end is that of ISC's tasks, as the task status shows it. If ISC does not know a task that it has
    named, the task fails: its end is unknown. ISC names no task for an identity profile, so such a refresh
    ends when ISC has accepted it, and needs ``wait_for_completion=False``.

    SailPoint advises against scheduling such refreshes for a whole tenant, which ISC does by itself.

    :param identity_ids: IDs of the identities, 32 hex characters each; or set ``identity_profile_id``.
        (templated)
    :param identity_profile_id: ID of an identity profile, all of whose identities are processed. (templated)
    :param sailpoint_conn_id: ID of the Airflow connection. Its client needs the scope
        ``idn:identity:process``, or ``idn:identity-profile:manage`` for a profile. (templated)
    :param wait_for_completion: False to return as soon as ISC has accepted all parts, with state ``running``.
    :param deferrable: whether to wait on the triggerer instead of a worker; defaults to ``[operators]
        default_deferrable``.
    :param poll_interval: longest time between two requests, in seconds or as a ``timedelta``.
    :param timeout: longest time from the task's start to the end of the refresh, in seconds or as a
        ``timedelta``; one day by default. A retry that resumes the wait keeps the deadline.
    :param fail_on_warning: whether ``succeeded_with_warnings`` fails the task.
    :param tolerate_outage: longest time without a valid response, in seconds or as a ``timedelta``.
    :param durable: False to store nothing across tries; a retry then sends every part again.
    :param on_kill_clear_task: whether killing the task marks the record of the task that is waited for as
        ended with an error. The refresh keeps running.
    :raises InvalidInputError: a parameter is invalid.
    """

    template_fields: Sequence[str] = ("identity_ids", "identity_profile_id", "sailpoint_conn_id")

    kind = IDENTITY_REFRESH

    _waiting_for: str | None = None

    def __init__(
        self,
        *,
        identity_ids: Collection[str] | XComArg | None = None,
        identity_profile_id: str | XComArg | None = None,
        sailpoint_conn_id: str | XComArg = SailPointHook.default_conn_name,
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
        self.identity_ids = cast("Collection[str] | None", identity_ids)
        self.identity_profile_id = cast("str | None", identity_profile_id)
        self.sailpoint_conn_id = cast("str", sailpoint_conn_id)
        self._given = given_parameters(self)
        with airflow_errors():
            self.wait_for_completion = switch(wait_for_completion, "wait_for_completion")
            self.deferrable = switch(deferrable, "deferrable")
            self.fail_on_warning = switch(fail_on_warning, "fail_on_warning")
            self.durable = switch(durable, "durable")
            self.on_kill_clear_task = switch(on_kill_clear_task, "on_kill_clear_task")
            if (identity_ids is None) == (identity_profile_id is None):
                given = "neither is" if identity_ids is None else "both are"
                raise InvalidInputError(f"Set either identity_ids or identity_profile_id; {given} set.")
            if identity_profile_id is not None and wait_for_completion:
                raise InvalidInputError(
                    "identity_profile_id needs wait_for_completion=False: ISC accepts the refresh of an "
                    "identity profile without naming a task, so its end cannot be waited for."
                )
            self.poll_interval = seconds(poll_interval, "poll_interval")
            self.timeout = seconds(timeout, "timeout")
            self.tolerate_outage = seconds(tolerate_outage, "tolerate_outage")

    def execute(self, context: Context) -> IdentityRefreshResult:
        """Send the parts that no earlier try has sent, and wait for their end."""
        from sailpoint_provider.isc.start.refresh import start_refresh

        with airflow_errors(context, self._place):
            check_rendered(self, self._given)
            request = self._request(context)
            with start_in_time(request.deadlines, None, self.kind):
                checkpoint = self.hook._run(
                    start_refresh(
                        self.hook._tenant.api_version,
                        request,
                        self._store(context),
                        cast("Any", self.log),
                    ),
                    until=request.deadlines.end,
                )
            task_ids = [part.task_id for part in checkpoint.parts]
            context["ti"].xcom_push(key="task_ids", value=task_ids)
            if checkpoint.result is not None:
                self.log.info("An earlier try already has the result of the identity refresh.")
                return checkpoint.result
            known = ", ".join(task_id for task_id in task_ids if task_id is not None)
            self.log.info(
                "ISC accepted the identity refresh in %s%s.",
                _parts(len(task_ids)),
                f": {known}" if known else "",
            )
            return self._follow(context, checkpoint, request)

    def execute_complete(self, context: Context, event: Any = None) -> IdentityRefreshResult:
        """Go on after the end of a task that the trigger reports, or raise the reported error."""
        from sailpoint_provider.isc.start.refresh import read_refresh_checkpoint
        from sailpoint_provider.isc.wait.events import read_event

        with airflow_errors(context, self._place):
            waited = read_event(event)
            with _explain_unknown_task(waited.aggregation_id):
                task_id = waited.ended_aggregation()
            checkpoint = read_refresh_checkpoint(waited.carried.get("checkpoint"))
            if checkpoint is None or task_id not in {part.task_id for part in checkpoint.parts}:
                raise ProtocolError(
                    f"The trigger's event is about task {task_id}, which this refresh does not wait for. "
                    "Retry the task."
                )
            with _explain_unknown_task(task_id):
                result = result_after_deferring(self.hook, task_id, checkpoint.deadlines, self.log, self.kind)
            request = self._request(context)
            if result is not None:
                checkpoint = self._with_ended_part(context, checkpoint, request, task_id, result)
            return self._follow(context, checkpoint, request)

    def on_kill(self) -> None:
        """
        Log that the refresh is still running; with ``on_kill_clear_task``, clear ISC's record of its task.

        Airflow also calls this for ``execution_timeout``, while it handles that error.
        """
        if self._waiting_for is None or isinstance(sys.exception(), AirflowTaskTimeout):
            return
        log_kill(
            self.log,
            self.hook._known_tenant,
            self._waiting_for,
            source=None,
            clear_task=self.on_kill_clear_task,
            kind=self.kind,
        )

    def _request(self, context: Context) -> RefreshRequest:
        from sailpoint_provider.isc.api.identifiers import identity_profile_id
        from sailpoint_provider.isc.start.refresh import RefreshRequest, checked_identity_ids

        profile_id = self.identity_profile_id
        return RefreshRequest(
            max_tries=max_tries_of(context),
            clear_number=clear_number_of(context),
            deadlines=deadlines_from_now(self),
            identity_ids=() if profile_id is not None else checked_identity_ids(self.identity_ids),
            profile_id=None if profile_id is None else identity_profile_id(profile_id),
            fail_on_warning=self.fail_on_warning,
        )

    def _follow(
        self, context: Context, checkpoint: RefreshCheckpoint, request: RefreshRequest
    ) -> IdentityRefreshResult:
        """Wait for the end of every part, one after the other; ISC works on them at the same time."""
        for part in checkpoint.parts if self.wait_for_completion else ():
            if part.ended is not None:
                continue
            if part.task_id is None:
                raise ProtocolError(_UNKNOWN_END.format(why="named no task"))
            self._waiting_for = part.task_id
            result = self._wait(checkpoint, part.task_id)
            checkpoint = self._with_ended_part(context, checkpoint, request, part.task_id, result)
        return self._finish(context, checkpoint, request)

    def _wait(self, checkpoint: RefreshCheckpoint, task_id: str) -> AggregationResult:
        watch = self.hook._watch(task_id, checkpoint.deadlines, log=self.log, kind=self.kind)
        with _explain_unknown_task(task_id):
            if not self.deferrable:
                return wait_on_worker(self.hook, watch, self.poll_interval)
            if (result := result_before_deferring(self.hook, watch)) is not None:
                return result
        return wait_on_triggerer(
            self,
            "execute_complete",
            task_id,
            checkpoint.deadlines,
            poll_interval=self.poll_interval,
            clear_task_on_kill=self.on_kill_clear_task,
            carried={"checkpoint": checkpoint.to_json()},
        )

    def _with_ended_part(
        self,
        context: Context,
        checkpoint: RefreshCheckpoint,
        request: RefreshRequest,
        task_id: str,
        result: AggregationResult,
    ) -> RefreshCheckpoint:
        """Store how the task of a part has ended."""
        from sailpoint_provider.isc.refresh_outcome import ended_part

        self._waiting_for = None
        sizes = request.sizes
        for number, part in enumerate(checkpoint.parts):
            if part.task_id == task_id:
                checkpoint = checkpoint.with_part(number, ended=ended_part(result, sizes[number]))
        self._store(context).save(checkpoint)
        return checkpoint

    def _store(self, context: Context) -> CheckpointStore[RefreshCheckpoint]:
        from sailpoint_provider.isc.start.refresh import read_refresh_checkpoint

        return checkpoints_of(context, self.log, read_refresh_checkpoint, durable=self.durable)

    def _finish(
        self, context: Context, checkpoint: RefreshCheckpoint, request: RefreshRequest
    ) -> IdentityRefreshResult:
        """Return the result if every part succeeded, and raise an error otherwise."""
        from sailpoint_provider.isc.refresh_outcome import check_refresh, refresh_result

        result = refresh_result(checkpoint, request)
        check_refresh(result, fail_on_warning=self.fail_on_warning)
        done = replace(checkpoint, result=result)
        self._store(context).save(done)
        self.log.info(
            "Identity refresh %s in %s, %.0f s after the task's start.",
            result["state"].replace("_", " "),
            _parts(len(result["parts"])),
            time.time() - (checkpoint.deadlines.begun or time.time()),
        )
        return result


def _parts(count: int) -> str:
    return "one part" if count == 1 else f"{count} parts"


@contextmanager
def _explain_unknown_task(task_id: str | None) -> Iterator[None]:
    """Explain the error for a task that the task status does not know."""
    try:
        yield
    except UnknownAggregationError as error:
        why = f"ISC's task status has no record of task {task_id}"
        raise UnknownAggregationError(_UNKNOWN_END.format(why=why)) from error
