"""What is known about a load when OpenLineage asks; imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider._airflow.dataset_names import file_dataset, is_url, source_dataset
from sailpoint_provider._airflow.lineage_facets import LineageFile, operator_lineage
from sailpoint_provider.exceptions import SailPointError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from airflow.providers.openlineage.extractors import OperatorLineage

    from sailpoint_provider._airflow.dataset_names import DatasetName
    from sailpoint_provider._airflow.task_types import ReportedTask
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.results import AggregationResult, UploadedFile


def lineage_at_start(task: ReportedTask) -> OperatorLineage[Any, Any]:
    """Return what is known before the task runs."""
    location = _file_location(task)
    return operator_lineage(task.kind, file=None if location is None else LineageFile(file_dataset(location)))


def lineage_of(task: ReportedTask, error: BaseException | None = None) -> OperatorLineage[Any, Any]:
    """
    Return what is known when the task has ended.

    :param error: why it failed; None if it did not.
    """
    checkpoint = task._checkpoint
    result = task._ended or (checkpoint.result if checkpoint is not None else None)
    source_id, source_name = _known_source(task, checkpoint, result)
    url = _known_url(task)
    aggregation_id = result["aggregation_id"] if result is not None else None
    if aggregation_id is None and checkpoint is not None:
        aggregation_id = checkpoint.aggregation_id
    return operator_lineage(
        task.kind,
        file=_sent_file(task, checkpoint, result, error),
        source=source_dataset(url, source_id) if url and source_id else None,
        source_name=source_name,
        aggregation_id=aggregation_id,
        result=result,
        error=error,
    )


def _known_source(
    task: ReportedTask, checkpoint: Checkpoint | None, result: AggregationResult | None
) -> tuple[str | None, str | None]:
    if checkpoint is not None:
        return checkpoint.source_id, checkpoint.source_name
    if result is not None:
        return result["source_id"], result["source_name"]
    found = getattr(task, "_source", None)
    return (None, None) if found is None else (found.id, found.name)


def _known_url(task: ReportedTask) -> str | None:
    if task._tenant_url is None and (hook := task.__dict__.get("hook")) is not None:
        tenant = hook._known_tenant
        return None if tenant is None else str(tenant.base_url)
    return task._tenant_url


def _file_location(task: ReportedTask) -> str | None:
    """Return path or URL under which the file was handed over; None for none."""
    drop = getattr(task, "drop", None)
    if drop is not None:
        # While it is loaded, it is elsewhere.
        return f"{str(drop['folder']['url']).rstrip('/')}/{drop['name']}"
    file = getattr(task, "file", None)
    return None if file is None else str(file)


def _sent_file(
    task: ReportedTask,
    checkpoint: Checkpoint | None,
    result: AggregationResult | None,
    error: BaseException | None,
) -> LineageFile | None:
    location = _file_location(task)
    if location is None:
        return None
    dataset = file_dataset(location)
    report = task._report if error is None else (getattr(error, "report", None) or task._report)
    sent = checkpoint.sent if checkpoint is not None else None
    if sent is None and result is not None:
        sent = result["file"]
    if sent is None:
        return _checked_file(dataset, report) if report is not None else LineageFile(dataset)
    if report is not None and report.get("sha256") == sent["sha256"]:
        return _checked_file(dataset, report, sent)
    columns = None
    if checkpoint is not None and error is None:
        columns = task._tried(lambda: _columns_of(checkpoint))
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
