"""Writes what is known about a load in OpenLineage's words; imported only where OpenLineage asks."""

from __future__ import annotations

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
    from sailpoint_provider._airflow.lineage_facts import Lineage, LineageFile
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


def operator_lineage(lineage: Lineage) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage's events carry about a load."""
    source = _output(lineage)
    return OperatorLineage(
        inputs=[] if lineage.file is None else [_input(lineage.file)],
        outputs=[] if source is None else [source],
        run_facets={"sailPoint_load": _run_facet(lineage)},
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


def _output(lineage: Lineage) -> OutputDataset | None:
    if lineage.source is None:
        return None
    facets: dict[str, Any] = {}
    if lineage.source_name is not None:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(lineage.source_name)
    return OutputDataset(
        lineage.source.namespace,
        lineage.source.name,
        outputFacets=_output_facets(lineage.result, lineage.kind),
        facets=facets,
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


def _run_facet(lineage: Lineage) -> SailPointLoadRunFacet:
    result, error = lineage.result, lineage.error
    known: dict[str, Any] = {"load": lineage.kind.name, "aggregationId": lineage.aggregation_id}
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
