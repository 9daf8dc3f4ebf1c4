"""The story of a load with a file: which file, whether it may be sent, and where a drop goes afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import AirflowSkipException, conf

from sailpoint_provider._airflow.asset_events import check_outlets, prepare_outlets, send_load_event
from sailpoint_provider._airflow.check_parameter import read_check, validate_check
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider._airflow.map_label import label_by_source
from sailpoint_provider._airflow.parameters import (
    boolean,
    check_rendered,
    given_parameters,
    one_of,
    plain_path,
    seconds,
    set_parameters,
    switch,
)
from sailpoint_provider._airflow.start import (
    check_adoptable,
    check_drop_is_alone,
    check_source_is_named_once,
    look_up_source,
)
from sailpoint_provider.exceptions import FileRefusedError, FileRepeatedError, InvalidInputError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.wait.deadlines import DEFAULT_TOLERATE_OUTAGE
from sailpoint_provider.operators.load import LoadOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

    from sailpoint_provider._airflow.drop import TaskDrop
    from sailpoint_provider.drops.filing import Outcome
    from sailpoint_provider.files.check import FileCheck
    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import FileSource
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.start.request import IfRunning, StartRequest
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.results import AggregationResult


class FileLoadOperator(LoadOperator):
    """
    Starts a load of a source that may take a file, follows it and returns its result.

    A subclass names the kind of load, and documents the parameters.
    """

    template_fields: Sequence[str] = (
        "source_id",
        "source_name",
        "file",
        "drop",
        "approved",
        "compare_with",
        "sailpoint_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"drop": "json"}

    # Each parameter of the constructor has its default here as well; see set_parameters. The types are those
    # at run time, when Airflow has replaced each XComArg in a template field by its value.
    source_id: str | None = None
    source_name: str | None = None
    file: Any = None
    drop: Any = None
    check: FileCheck | Mapping[str, Any] | bool | None = None
    approved: str | None = None
    compare_with: Any = None
    disable_optimization: Any = False
    sailpoint_conn_id: str = SailPointHook.default_conn_name
    if_running: IfRunning = "wait"
    wait_for_completion: bool = True
    deferrable: bool = False
    poll_interval: float = 30.0
    timeout: float = 86400.0
    fail_on_warning: bool = False
    tolerate_outage: float = DEFAULT_TOLERATE_OUTAGE
    durable: bool = True
    on_kill_clear_task: bool = False
    emit_asset_event: bool = False

    object_type: str | None = None

    _given: tuple[str, ...] = ()
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
        emit_asset_event: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        with airflow_errors():
            set_parameters(
                self,
                source_id=source_id,
                source_name=source_name,
                file=plain_path(file),
                drop=drop,
                check=check,
                approved=approved,
                compare_with=plain_path(compare_with),
                disable_optimization=disable_optimization,
                sailpoint_conn_id=sailpoint_conn_id,
                if_running=one_of(if_running, "if_running", "wait", "adopt", "fail", "skip"),
                wait_for_completion=switch(wait_for_completion, "wait_for_completion"),
                deferrable=switch(deferrable, "deferrable"),
                poll_interval=seconds(poll_interval, "poll_interval"),
                timeout=seconds(timeout, "timeout"),
                fail_on_warning=switch(fail_on_warning, "fail_on_warning"),
                tolerate_outage=seconds(tolerate_outage, "tolerate_outage"),
                durable=switch(durable, "durable"),
                on_kill_clear_task=switch(on_kill_clear_task, "on_kill_clear_task"),
                emit_asset_event=switch(emit_asset_event, "emit_asset_event"),
            )
            # Private, so that nothing of what Airflow does for an attribute that is set is needed.
            vars(self)["_given"] = given_parameters(self)
            if drop is None:
                check_source_is_named_once(source_id, source_name)
            else:
                self._check_drop()
            if disable_optimization is not False and not self.kind.can_disable_optimization:
                raise InvalidInputError(f"disable_optimization does not apply to {self.kind.indefinite}.")
            prepare_outlets(self)
            validate_check(check)
            if if_running == "adopt":
                check_adoptable(self.file if drop is None else drop, self.disable_optimization, self.kind)

    def _check_drop(self) -> None:
        """Check that the other parameters allow a drop."""
        check_drop_is_alone(self)
        if not self.wait_for_completion:
            raise InvalidInputError(
                "A drop needs wait_for_completion=True, because it counts as loaded only after a good end."
            )

    def _read_drop(self, context: Context) -> None:
        """Take source and file from the drop."""
        if self.drop is not None:
            from sailpoint_provider._airflow.drop import TaskDrop

            self._drop = TaskDrop(self.drop, context, self.log)
            described = self._drop.described
            self.source_id, self.source_name = described.get("source_id"), described.get("source_name")
            self.file = self._shown_file = described["file"]

    def _before(self, context: Context) -> AggregationResult | None:
        """Read the drop; return the result if an earlier try has filed it as loaded, None otherwise."""
        self._read_drop(context)
        result = None if self._drop is None else self._drop.result_of_earlier_try()
        if result is not None:
            self._note_end(result)
            # Airflow deletes XComs before every retry.
            context["ti"].xcom_push(key="aggregation_id", value=result["aggregation_id"])
            label_by_source(context, result["source_name"])
            send_load_event(self, context, result, None)
        return result

    def _start(self, context: Context, deadlines: Deadlines, *, may_run: bool = False) -> AggregationResult:
        """Start and follow the load; file a drop away that is refused or was loaded before."""
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

    def _conclude(self, result: AggregationResult) -> None:
        """File a loaded drop away; this may be repeated."""
        if self._drop is not None:
            sent = result["file"]
            self._drop.file_away(
                "loaded",
                str(result["source_id"]),
                sha256=None if sent is None else sent["sha256"],
                aggregation_id=result["aggregation_id"],
                result=result,
            )

    def _with_check(
        self, file: FileSource, source: Source, context: Context, until: float | None
    ) -> FileSource:
        """Return a file that is sent only if it passes the check, where there is one."""
        rules = read_check(self.check, default=self._drop is not None)
        if rules is None:
            return file
        from sailpoint_provider._airflow.file_check import FileChecker
        from sailpoint_provider.files.check.approval import read_approval
        from sailpoint_provider.files.check.checked import CheckedFile

        checker = FileChecker(
            self.hook,
            rules,
            source,
            drop=None if self._drop is None else self._drop.described,
            compare_with=self.compare_with,
            until=until,
            kind=self.kind,
            object_type=self.object_type,
        )
        return CheckedFile(
            file,
            lambda now: checker.check_and_show(now, context, self.log),
            read_approval(self.approved),
            cast("Any", self.log),
        )

    def _start_request(self, context: Context, deadlines: Deadlines) -> StartRequest:
        """Return what the task asks to start; the file is found and checked on this worker."""
        from sailpoint_provider._airflow.task_state import clear_number_of, max_tries_of, unstored_tries
        from sailpoint_provider.files.locate import file_source
        from sailpoint_provider.isc.start.load import check_file_fits, check_object_type
        from sailpoint_provider.isc.start.request import StartRequest

        check_rendered(self, self._given)
        disable_optimization = boolean(self.disable_optimization, "disable_optimization")
        if self.if_running == "adopt":
            check_adoptable(self.file, disable_optimization, self.kind)
        check_object_type(self.object_type, has_file=self.file is not None)
        file = file_source(self.file) if self.file is not None else None
        self._shown_file = None if file is None else file.location
        if self._source is None:
            self._source = look_up_source(self.hook, self.source_id, self.source_name, deadlines.end)
        label_by_source(context, self._source.name)
        check_outlets(self, self._source.id)
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
            object_type=self.object_type,
        )
