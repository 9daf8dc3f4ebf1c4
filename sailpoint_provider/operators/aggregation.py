"""Loads the accounts of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.parameters import boolean, plain_path
from sailpoint_provider._airflow.start import check_adoptable, look_up_source
from sailpoint_provider._airflow.task_state import clear_number_of, max_tries_of, unstored_tries
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE
from sailpoint_provider.operators.load import LoadOperator
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.start.request import IfRunning, StartRequest
    from sailpoint_provider.isc.wait.deadlines import Deadlines


class SailPointAccountAggregationOperator(LoadOperator):
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

    kind = ACCOUNT_AGGREGATION
    trigger_class = SailPointAccountAggregationTrigger

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
        super().__init__(
            source_id=source_id,
            source_name=source_name,
            sailpoint_conn_id=sailpoint_conn_id,
            if_running=if_running,
            wait_for_completion=wait_for_completion,
            deferrable=deferrable,
            poll_interval=poll_interval,
            timeout=timeout,
            fail_on_warning=fail_on_warning,
            tolerate_outage=tolerate_outage,
            durable=durable,
            on_kill_clear_task=on_kill_clear_task,
            **kwargs,
        )
        self.file = plain_path(file)
        self.disable_optimization = disable_optimization
        if if_running == "adopt":
            with airflow_errors():
                check_adoptable(self.file, disable_optimization)

    def _start_request(self, context: Context, deadlines: Deadlines) -> StartRequest:
        """Return what the task asks to start; the file is found on this worker."""
        from sailpoint_provider.files.locate import file_source
        from sailpoint_provider.isc.start.load import check_file_fits
        from sailpoint_provider.isc.start.request import StartRequest

        disable_optimization = boolean(self.disable_optimization, "disable_optimization")
        if self.if_running == "adopt":
            check_adoptable(self.file, disable_optimization)
        file = file_source(self.file) if self.file is not None else None
        if self._source is None:
            self._source = look_up_source(self.hook, self.source_id, self.source_name, deadlines.end)
        check_file_fits(self._source, file is not None, self.kind)
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
            kind=self.kind,
        )
