"""Writes what is known about a load in OpenLineage's words; imported only where OpenLineage asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.openlineage.extractors import OperatorLineage
from attr import define, field
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    InputDatasetFacet,
    OutputDatasetFacet,
    RunFacet,
    dataset_version_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.isc.outcome import BAD_STATES, GOOD_STATES

if TYPE_CHECKING:
    from sailpoint_provider._airflow.dataset_names import DatasetName
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.results import AggregationResult

_COUNTS = ("scanned", "created", "updated", "deleted", "unchanged", "ignored")


@define
class SailPointFileInputDatasetFacet(InputDatasetFacet):
    """
    What was sent of a file; if the task failed before that, what was checked of it.

    :param name: file name that ISC receives.
    :param sizeBytes: number of bytes; of a compressed file, those of its content.
    :param sha256: SHA-256 of these bytes.
    """

    name: str | None
    sizeBytes: int | None
    sha256: str

    _additional_skip_redact: ClassVar[list[str]] = ["sizeBytes", "sha256"]


@define
class SailPointCountsOutputDatasetFacet(OutputDatasetFacet):
    """
    What a load did to accounts or entitlements of its source; a number that ISC did not give is left out.

    :param scanned: accounts read.
    :param created: accounts that are new.
    :param updated: accounts that changed.
    :param deleted: accounts that were removed.
    :param unchanged: accounts that ISC skipped because they did not change.
    :param ignored: accounts that ISC ignored.
    """

    scanned: int | None = None
    created: int | None = None
    updated: int | None = None
    deleted: int | None = None
    unchanged: int | None = None
    ignored: int | None = None

    _additional_skip_redact: ClassVar[list[str]] = list(_COUNTS)


@define
class SailPointLoadRunFacet(RunFacet):
    """
    A load, and how it ended.

    :param load: the kind of load.
    :param aggregationId: ISC's ID of it; None if nothing was started.
    :param state: how it ended, or ``running``; None if that is unknown.
    :param completionStatus: ``completionStatus`` of ISC's task record.
    :param started: start by ISC's clock, ISO 8601.
    :param completed: end by ISC's clock, ISO 8601.
    :param durationSeconds: seconds between the two.
    :param deletionsSkipped: whether ISC kept accounts because of the source's delete threshold.
    :param messages: ISC's messages, each with ``type`` and ``text``.
    :param errorType: name of the error that failed the task.
    :param httpStatus: HTTP status of ISC's response that led to the error.
    :param detailCode: ISC's ``detailCode`` in it.
    :param trackingId: ISC's ``trackingId`` in it, for SailPoint's support.
    """

    load: str
    aggregationId: str | None = None
    state: str | None = None
    completionStatus: str | None = None
    started: str | None = None
    completed: str | None = None
    durationSeconds: float | None = None
    deletionsSkipped: bool | None = None
    messages: list[dict[str, str | None]] = field(factory=list)
    errorType: str | None = None
    httpStatus: int | None = None
    detailCode: str | None = None
    trackingId: str | None = None

    _additional_skip_redact: ClassVar[list[str]] = ["aggregationId", "trackingId"]


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


def operator_lineage(
    kind: LoadKind,
    *,
    file: LineageFile | None = None,
    source: DatasetName | None = None,
    source_name: str | None = None,
    aggregation_id: str | None = None,
    result: AggregationResult | None = None,
    error: BaseException | None = None,
) -> OperatorLineage[Any, Any]:
    """
    Return what OpenLineage's events carry about a load.

    :param kind: the kind of load.
    :param file: the file; None for none.
    :param source: what OpenLineage calls the source; None if it is not known yet.
    :param source_name: name of the source; None if it is not known yet.
    :param aggregation_id: ID of the aggregation; None if none was started.
    :param result: its result; None if it has not ended.
    :param error: why the task failed; None if it did not.
    """
    return OperatorLineage(
        inputs=[] if file is None else [_input(file)],
        outputs=[] if source is None else [_output(source, source_name, result, kind)],
        run_facets={"sailPoint_load": _run_facet(kind, aggregation_id, result, error)},
    )


def _input(file: LineageFile) -> InputDataset:
    facets: dict[str, Any] = {}
    input_facets: dict[str, Any] = {}
    if file.columns is not None:
        columns = [schema_dataset.SchemaDatasetFacetFields(name=name) for name in file.columns]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=columns)
    if file.sha256 is not None:
        version = f"sha256:{file.sha256}"
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)
        input_facets["sailPoint_file"] = SailPointFileInputDatasetFacet(
            name=file.name, sizeBytes=file.size_bytes, sha256=file.sha256
        )
        input_facets["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            rowCount=file.rows, size=file.size_bytes, fileCount=1
        )
    return InputDataset(file.dataset.namespace, file.dataset.name, inputFacets=input_facets, facets=facets)


def _output(
    source: DatasetName, source_name: str | None, result: AggregationResult | None, kind: LoadKind
) -> OutputDataset:
    facets: dict[str, Any] = {}
    if source_name is not None:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(source_name)
    return OutputDataset(
        source.namespace, source.name, outputFacets=_output_facets(result, kind), facets=facets
    )


def _output_facets(result: AggregationResult | None, kind: LoadKind) -> dict[str, Any]:
    """Return what an ended load did; of one that is still running the numbers are not final."""
    if result is None or result["state"] not in GOOD_STATES | BAD_STATES:
        return {}
    counts: dict[str, Any] = {**result[kind.counted]}
    known = {name: counts[name] for name in _COUNTS if counts.get(name) is not None}
    facets: dict[str, Any] = {}
    if known:
        facets[f"sailPoint_{kind.counted}"] = SailPointCountsOutputDatasetFacet(**known)
    if "created" in known and "updated" in known:
        written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=known["created"] + known["updated"]
        )
        facets["outputStatistics"] = written
    return facets


def _run_facet(
    kind: LoadKind,
    aggregation_id: str | None,
    result: AggregationResult | None,
    error: BaseException | None,
) -> SailPointLoadRunFacet:
    known: dict[str, Any] = {"load": kind.name, "aggregationId": aggregation_id}
    if result is not None:
        known |= {
            "state": result["state"],
            "completionStatus": result["completion_status"],
            "started": result["started"],
            "completed": result["completed"],
            "durationSeconds": result["duration_seconds"],
            "deletionsSkipped": result["deletions_skipped"],
            "messages": [dict(message) for message in result["messages"]],
        }
    if error is not None:
        known["errorType"] = type(error).__name__
    if isinstance(error, SailPointError):
        known |= {
            "httpStatus": error.status,
            "detailCode": error.detail_code,
            "trackingId": error.tracking_id,
        }
    return SailPointLoadRunFacet(**known)
