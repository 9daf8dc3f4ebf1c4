"""Loads the accounts of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowSkipException, conf

from sailpoint_provider._airflow.drop import TaskDrop
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.file_check import FileChecker, read_check, validate_check
from sailpoint_provider._airflow.parameters import boolean, plain_path
from sailpoint_provider._airflow.start import check_adoptable, look_up_source
from sailpoint_provider._airflow.task_state import clear_number_of, max_tries_of, unstored_tries
from sailpoint_provider.exceptions import FileRefusedError, FileRepeatedError, InvalidInputError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE
from sailpoint_provider.operators.load import LoadOperator
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider.drops.filing import Outcome
    from sailpoint_provider.files.check import FileCheck
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import FileSource
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.start.request import IfRunning, StartRequest
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.results import AggregationResult


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
    :param drop: a drop as :meth:`SailPointDropFolder.drops` returns it, in place of source and file. After a
        good end it is filed as loaded; a refused or repeated one is filed too. (templated)
    :param check: whether the file is checked before it is sent, and how: a :class:`FileCheck`, its settings
        as a mapping, or a boolean. By default a drop is checked and a plain ``file`` is not. The report is in
        the log and in the XCom ``file_report``.
    :param approved: the approval of a person for a file that the check refuses: ``approval`` of its report,
        or the SHA-256 of its content. It holds for exactly that content. (templated)
    :param compare_with: the last good file, with which a plain ``file`` is compared by the check; a drop is
        compared with the last one that was loaded. (templated)
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
        "drop",
        "approved",
        "compare_with",
        "disable_optimization",
        "sailpoint_conn_id",
    )
    ui_color = "#cfe3f7"

    kind = ACCOUNT_AGGREGATION
    trigger_class = SailPointAccountAggregationTrigger

    _source: Source | None = None
    _drop: TaskDrop | None = None

    def __init__(
        self,
        *,
        source_id: str | XComArg | None = None,
        source_name: str | XComArg | None = None,
        file: FileLocation | XComArg | None = None,
        drop: Mapping[str, Any] | XComArg | None = None,
        check: FileCheck | Mapping[str, Any] | bool | None = None,
        approved: str | XComArg | None = None,
        compare_with: FileLocation | XComArg | None = None,
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
        self.file = plain_path(file)
        self.drop = drop
        self.check = check
        self.approved = cast("str | None", approved)
        self.compare_with = plain_path(compare_with)
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
        self.disable_optimization = disable_optimization
        with airflow_errors():
            validate_check(check)
            if if_running == "adopt":
                check_adoptable(self.file if drop is None else drop, disable_optimization)

    def execute(self, context: Context) -> AggregationResult:
        """Check the file, start the aggregation or resume that of an earlier try, and wait for its end."""
        with airflow_errors(context):
            self._read_drop(context)
            if (result := self._result_of_earlier_try()) is not None:
                return result
        return super().execute(context)

    def execute_turn(self, context: Context, event: Any = None) -> AggregationResult:
        """Start after the wait for another aggregation of the source, however that one ended."""
        with airflow_errors(context):
            self._read_drop(context)
            if (result := self._result_of_earlier_try()) is not None:
                return result
        return super().execute_turn(context, event)

    def execute_complete(self, context: Context, event: Any = None) -> AggregationResult:
        """Return the result of the aggregation whose end the trigger reports, or raise the reported error."""
        with airflow_errors(context):
            self._read_drop(context)
        return super().execute_complete(context, event)

    def _check_source(self) -> None:
        if self.drop is None:
            super()._check_source()
            return
        given = ("source_id", "source_name", "file", "compare_with")
        if named := [name for name in given if getattr(self, name) is not None]:
            raise InvalidInputError(
                f"Set either drop or {named[0]}, not both: a drop names its source and its file."
            )
        if not self.wait_for_completion:
            raise InvalidInputError(
                "A drop needs wait_for_completion=True, because it counts as loaded only after a good end."
            )

    def _read_drop(self, context: Context) -> None:
        """Take source and file from the drop."""
        if self.drop is not None:
            self._drop = TaskDrop(self.drop, context, self.log)
            described = self._drop.described
            self.source_id, self.source_name = described.get("source_id"), described.get("source_name")
            self.file = described["file"]

    def _result_of_earlier_try(self) -> AggregationResult | None:
        """Return the result of a drop that an earlier try has filed as loaded; None if there is none."""
        return None if self._drop is None else self._drop.result_of_earlier_try()

    def _start(self, context: Context, deadlines: Deadlines, *, may_run: bool = False) -> AggregationResult:
        """Start and follow the aggregation; file a drop away that is refused or was loaded before."""
        try:
            return super()._start(context, deadlines, may_run=may_run)
        except FileRepeatedError as repeated:
            self._file_away("duplicate", repeated)
            raise AirflowSkipException(str(repeated)) from None
        except FileRefusedError as refusal:
            self._file_away("refused", refusal)
            raise

    def _file_away(self, outcome: Outcome, error: FileRefusedError | FileRepeatedError) -> None:
        if self._drop is not None and self._source is not None:
            self._drop.file_away(outcome, self._source.id, report=error.report, sentence=str(error))

    def _conclude(self, context: Context, result: AggregationResult) -> AggregationResult:
        """File a loaded drop away."""
        if self._drop is not None:
            sent = result["file"]
            self._drop.file_away(
                "loaded",
                str(result["source_id"]),
                sha256=None if sent is None else sent["sha256"],
                aggregation_id=result["aggregation_id"],
                result=result,
            )
        return result

    def _with_check(
        self, file: FileSource, source: Source, context: Context, until: float | None
    ) -> FileSource:
        """Return a file that is sent only if it passes the check, where there is one."""
        rules = read_check(self.check, default=self._drop is not None)
        if rules is None:
            return file
        from sailpoint_provider.files.check.approval import read_approval
        from sailpoint_provider.files.check.checked import CheckedFile

        checker = FileChecker(
            self.hook,
            rules,
            source,
            drop=None if self._drop is None else self._drop.described,
            compare_with=self.compare_with,
            until=until,
        )
        return CheckedFile(
            file,
            lambda now: checker.check_and_show(now, context, self.log),
            read_approval(self.approved),
            cast("Any", self.log),
        )

    def _start_request(self, context: Context, deadlines: Deadlines) -> StartRequest:
        """Return what the task asks to start; the file is found and checked on this worker."""
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
        if file is not None:
            file = self._with_check(file, self._source, context, deadlines.end)
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
