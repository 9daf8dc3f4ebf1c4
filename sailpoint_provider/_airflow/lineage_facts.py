"""What is known about a load when OpenLineage asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from sailpoint_provider._airflow.dataset_names import DatasetName, file_dataset, is_url, source_dataset
from sailpoint_provider.exceptions import ProtocolError, SailPointError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

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


class LineageTask(Protocol):
    """What a task notes for OpenLineage while it runs."""

    _checkpoint: Checkpoint | None
    _ended: AggregationResult | None
    _tenant_url: str | None
    _carried: Mapping[str, Any] | None
    _report: Mapping[str, Any] | None

    kind: LoadKind

    def _tried(self, action: Callable[[], T]) -> T | None: ...


def lineage_at_start(task: LineageTask) -> Lineage:
    """Return what is known before the task runs."""
    location = _file_location(task)
    return Lineage(task.kind, None if location is None else LineageFile(file_dataset(location)))


def lineage_of(task: LineageTask, error: BaseException | None = None) -> Lineage:
    """
    Return what is known when the task has ended.

    :param error: why it failed; None if it did not.
    """
    checkpoint = _known_checkpoint(task)
    result = task._ended or (checkpoint.result if checkpoint is not None else None)
    source_id, source_name = _known_source(task, checkpoint, result)
    url = _known_url(task)
    aggregation_id = result["aggregation_id"] if result is not None else None
    if aggregation_id is None and checkpoint is not None:
        aggregation_id = checkpoint.aggregation_id
    return Lineage(
        task.kind,
        file=_sent_file(task, checkpoint, result, error),
        source=source_dataset(url, source_id) if url and source_id else None,
        source_name=source_name,
        aggregation_id=aggregation_id,
        result=result,
        error=error,
    )


def _known_checkpoint(task: LineageTask) -> Checkpoint | None:
    """Return the checkpoint of this task's aggregation; None if it has started none that is known."""
    if task._checkpoint is not None or task._carried is None:
        return task._checkpoint
    from sailpoint_provider.isc.start.checkpoint import read_checkpoint

    try:
        return read_checkpoint(task._carried.get("checkpoint"))
    except ProtocolError:
        return None


def _known_source(
    task: LineageTask, checkpoint: Checkpoint | None, result: AggregationResult | None
) -> tuple[str | None, str | None]:
    if checkpoint is not None:
        return checkpoint.source_id, checkpoint.source_name
    if result is not None:
        return result["source_id"], result["source_name"]
    found = getattr(task, "_source", None)
    return (None, None) if found is None else (found.id, found.name)


def _known_url(task: LineageTask) -> str | None:
    if task._tenant_url is None and (hook := task.__dict__.get("hook")) is not None:
        tenant = hook._known_tenant
        return None if tenant is None else str(tenant.base_url)
    return task._tenant_url


def _file_location(task: LineageTask) -> str | None:
    """Return path or URL under which the file was handed over; None for none."""
    drop = getattr(task, "drop", None)
    if drop is not None:
        # While it is loaded, it is elsewhere.
        return f"{str(drop['folder']['url']).rstrip('/')}/{drop['name']}"
    file = getattr(task, "file", None)
    return None if file is None else str(file)


def _sent_file(
    task: LineageTask,
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
