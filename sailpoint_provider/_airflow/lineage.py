"""What a task reports to OpenLineage: the file that it loads, the source, and how the load ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sailpoint_provider._airflow.dataset_names import DatasetName, file_dataset, is_url, source_dataset
from sailpoint_provider._airflow.file_check import REPORT_KEY
from sailpoint_provider.exceptions import ProtocolError, SailPointError
from sailpoint_provider.version_compat import openlineage_listens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.providers.openlineage.extractors import OperatorLineage

    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.results import AggregationResult, UploadedFile

T = TypeVar("T")


@dataclass(frozen=True)
class LineageFile:
    """
    A file as OpenLineage shows it.

    :param dataset: what OpenLineage calls it.
    :param name: file name that ISC receives; None if nothing was sent or checked.
    :param size_bytes: number of bytes that ISC receives; None if unknown.
    :param sha256: SHA-256 of these bytes; None if unknown.
    :param rows: rows without the header; None if unknown.
    :param columns: the header; None if unknown.
    """

    dataset: DatasetName
    name: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    rows: int | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Lineage:
    """
    What is known about a load when OpenLineage asks.

    :param kind: the kind of load.
    :param file: the file; None for none.
    :param source: what OpenLineage calls the source; None if it is not known yet.
    :param source_name: name of the source; None if it is not known yet.
    :param aggregation_id: ID of the aggregation; None if none was started.
    :param result: its result; None if it has not ended.
    :param error: why the task failed; None if it did not.
    """

    kind: LoadKind
    file: LineageFile | None = None
    source: DatasetName | None = None
    source_name: str | None = None
    aggregation_id: str | None = None
    result: AggregationResult | None = None
    error: BaseException | None = None


class LoadLineage:
    """
    Reports to OpenLineage what a task loads, from where, and how that ended.

    OpenLineage calls the three ``get_openlineage_…`` methods in a short-lived process of its own, which it
    kills if it takes too long. They send nothing to Airflow, because a request that breaks off could mix up
    the responses of the task. What they need is noted by the task itself.
    """

    _checkpoint: Checkpoint | None = None
    _ended: AggregationResult | None = None
    _tenant_url: str | None = None
    _carried: Mapping[str, Any] | None = None
    _report: Mapping[str, Any] | None = None

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any] | None:
        """Return what is known before the task runs: the file."""
        return self._reported(self._lineage_at_start)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return file, source and result of a load that succeeded."""
        return self._reported(self._lineage)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what is known of a load that failed, and ISC's messages."""
        return self._reported(lambda: self._lineage(_error_of(task_instance)))

    def _note_resume(self, carried: Mapping[str, Any], context: Any) -> None:
        """Note what a trigger brought back, before the task knows whether the wait ended well."""
        if openlineage_listens():
            self._carried = carried
            self._note_tenant()
            self._note_report(context["ti"])

    def _note_end(self, result: AggregationResult, context: Any = None) -> None:
        """Note the result of the load, good or bad."""
        if openlineage_listens():
            self._ended = result
            self._note_tenant()
            if context is not None and result["file"] is not None:
                self._note_report(context["ti"])

    def _note_tenant(self) -> None:
        if self._tenant_url is None:
            self._tried(lambda: setattr(self, "_tenant_url", self._lineage_hook()._tenant.base_url))

    def _note_report(self, task_instance: Any) -> None:
        """Note the report of the check, which this try may have made before it deferred."""
        if self._report is None:
            index = getattr(task_instance, "map_index", -1)
            found = self._tried(
                lambda: task_instance.xcom_pull(
                    task_ids=task_instance.task_id, key=REPORT_KEY, map_indexes=index
                )
            )
            self._report = found if isinstance(found, dict) else None

    def _load_kind(self) -> LoadKind:
        """Return the kind of load."""
        raise NotImplementedError

    def _lineage_hook(self) -> SailPointHook:
        """Return the hook of the tenant."""
        raise NotImplementedError

    def _reported(self, describe: Callable[[], Lineage]) -> OperatorLineage[Any, Any] | None:
        def report() -> OperatorLineage[Any, Any]:
            from sailpoint_provider._airflow.lineage_facets import operator_lineage

            return operator_lineage(describe())

        return self._tried(report)

    def _tried(self, action: Callable[[], T]) -> T | None:
        """Return the value of an action whose failure must not fail a task: None if it fails."""
        try:
            return action()
        except Exception as error:
            log: Any = getattr(self, "log", None)
            log.warning("OpenLineage learns less about this load, because of a %s.", type(error).__name__)
            return None

    def _lineage_at_start(self) -> Lineage:
        location = self._file_location()
        return Lineage(self._load_kind(), None if location is None else LineageFile(file_dataset(location)))

    def _lineage(self, error: BaseException | None = None) -> Lineage:
        checkpoint = self._known_checkpoint()
        result = self._ended or (checkpoint.result if checkpoint is not None else None)
        source_id, source_name = self._known_source(checkpoint, result)
        url = self._known_url()
        aggregation_id = result["aggregation_id"] if result is not None else None
        if aggregation_id is None and checkpoint is not None:
            aggregation_id = checkpoint.aggregation_id
        return Lineage(
            self._load_kind(),
            file=self._sent_file(checkpoint, result, error),
            source=source_dataset(url, source_id) if url and source_id else None,
            source_name=source_name,
            aggregation_id=aggregation_id,
            result=result,
            error=error,
        )

    def _known_checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of this task's aggregation; None if it has started none that is known."""
        if self._checkpoint is not None or self._carried is None:
            return self._checkpoint
        from sailpoint_provider.isc.start.checkpoint import read_checkpoint

        try:
            return read_checkpoint(self._carried.get("checkpoint"))
        except ProtocolError:
            return None

    def _known_source(
        self, checkpoint: Checkpoint | None, result: AggregationResult | None
    ) -> tuple[str | None, str | None]:
        if checkpoint is not None:
            return checkpoint.source_id, checkpoint.source_name
        if result is not None:
            return result["source_id"], result["source_name"]
        found = getattr(self, "_source", None)
        return (None, None) if found is None else (found.id, found.name)

    def _known_url(self) -> str | None:
        if self._tenant_url is None and (hook := self.__dict__.get("hook")) is not None:
            tenant = hook._known_tenant
            return None if tenant is None else str(tenant.base_url)
        return self._tenant_url

    def _file_location(self) -> str | None:
        """Return path or URL under which the file was handed over; None for none."""
        drop = getattr(self, "drop", None)
        if drop is not None:
            # While it is loaded, it is elsewhere.
            return f"{str(drop['folder']['url']).rstrip('/')}/{drop['name']}"
        file = getattr(self, "file", None)
        return None if file is None else str(file).strip()

    def _sent_file(
        self, checkpoint: Checkpoint | None, result: AggregationResult | None, error: BaseException | None
    ) -> LineageFile | None:
        location = self._file_location()
        if location is None:
            return None
        dataset = file_dataset(location)
        report = self._report if error is None else (getattr(error, "report", None) or self._report)
        sent = checkpoint.sent if checkpoint is not None else None
        if sent is None and result is not None:
            sent = result["file"]
        if sent is None:
            return _checked_file(dataset, report) if report is not None else LineageFile(dataset)
        if report is not None and report.get("sha256") == sent["sha256"]:
            return _checked_file(dataset, report, sent)
        columns = None
        if checkpoint is not None and error is None:
            columns = self._tried(lambda: _columns_of(checkpoint))
        return LineageFile(
            dataset, sent["name"], sent["size_bytes"], sent["sha256"], sent["rows"], columns=columns
        )


def _checked_file(
    dataset: DatasetName, report: Mapping[str, Any], sent: UploadedFile | None = None
) -> LineageFile:
    """Return a file as its check found it."""
    columns = report.get("columns")
    return LineageFile(
        dataset,
        sent["name"] if sent is not None else report.get("name"),
        report.get("size_bytes"),
        report.get("sha256") or None,
        report.get("rows"),
        None if columns is None else tuple(columns),
    )


def _columns_of(checkpoint: Checkpoint) -> tuple[str, ...] | None:
    """
    Return the header of a file that ISC has accepted and that nobody has changed since.

    Only a header that ISC has accepted is certainly none of a person's values, and only on a disk reading it
    takes no time.
    """
    from sailpoint_provider.files.header import columns_in_state
    from sailpoint_provider.files.locate import file_source

    location, state = checkpoint.file_location, checkpoint.file
    if location is None or state is None or is_url(location):
        return None
    try:
        return columns_in_state(file_source(location), state)
    except (SailPointError, OSError):
        return None


def _error_of(task_instance: Any) -> BaseException | None:
    """Return why a task failed; Airflow keeps it in the context."""
    error = task_instance.get_template_context().get("exception")
    return error if isinstance(error, BaseException) else None
