"""What a task stores about its start, so that a later try neither starts twice nor loses an aggregation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import msgspec

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.files.source import FileState  # noqa: TC001 - msgspec reads the annotations
from sailpoint_provider.isc.api.identifiers import id_from_response
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.outcome import BAD_STATES
from sailpoint_provider.isc.wait.deadlines import Deadlines  # noqa: TC001 - msgspec reads the annotations
from sailpoint_provider.results import AggregationResult, CheckSummary, UploadedFile  # noqa: TC001 - as above

Json: TypeAlias = "dict[str, Any]"
CheckpointState: TypeAlias = Literal[
    "submitting", "unanswered", "refused", "running", "discarded", "returned"
]

VERSION = 1
"""Version of the stored form; a checkpoint of another version is ignored."""


@dataclass(frozen=True)
class Baseline:
    """
    The newest task records of a source before a start. Only ISC's clock counts.

    :param created: ``created`` of the newest record, ISO 8601; None if there was no record.
    :param ids: IDs of the records with that ``created``.
    """

    created: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """
    The progress of one start, from the intent to the result.

    :param state: how far the start has come:

        - ``submitting``: the intent, stored before the request is sent.
        - ``unanswered``: ISC gave no usable response, and no aggregation can be attributed to the request.
        - ``refused``: nothing was started: ISC refused the request, or it certainly never arrived.
        - ``running``: the aggregation has an ID.
        - ``discarded``: the aggregation failed, or ISC no longer knows it.
        - ``returned``: the task has its result.
    :param max_tries: the task instance's ``max_tries``, which Airflow raises on a clear but not on a retry.
    :param source_id: ID of the source.
    :param source_name: name of the source.
    :param deadlines: when the task began and when the wait for this aggregation must end.
    :param clear_number: the DAG run's ``clear_number``; None before Airflow 3.3.
    :param file_location: the file as its user named it, None for none.
    :param file: the state of the file at the start.
    :param disable_optimization: whether unchanged accounts are processed too.
    :param baseline: the newest task records before the start.
    :param may_run: whether an earlier start of this task got no usable response, so that a running
        aggregation may be its own.
    :param aggregation_id: ID of the aggregation.
    :param sent: the upload that ISC acknowledged with this ID; None if there was no file.
    :param result: the result that the task returned.
    :param usual_seconds: how long aggregations of the source usually take, None if unknown.
    :param kind: key of the kind of load.
    :param object_type: object type of the entitlements in the file; None for ISC's default.
    :param check: the check of the file that was sent; None if there was none.
    """

    state: CheckpointState
    max_tries: int
    source_id: str
    source_name: str
    deadlines: Deadlines
    clear_number: int | None = None
    file_location: str | None = None
    file: FileState | None = None
    disable_optimization: bool = False
    baseline: Baseline = Baseline()
    may_run: bool = False
    aggregation_id: str | None = None
    sent: UploadedFile | None = None
    result: AggregationResult | None = None
    usual_seconds: float | None = None
    kind: str = ACCOUNT_AGGREGATION.key
    object_type: str | None = None
    check: CheckSummary | None = None

    @property
    def needs_acknowledgement(self) -> bool:
        """
        Whether only ISC's response to the start shows which aggregation is the requested one.

        A task record names neither the file nor the optimization, and equal row counts prove nothing.
        """
        return self.file_location is not None or self.disable_optimization

    def running(self, aggregation_id: str, sent: UploadedFile | None) -> Checkpoint:
        """Return the checkpoint with the ID of the running aggregation."""
        return replace(self, state="running", aggregation_id=aggregation_id, sent=sent, may_run=False)

    def returned(self, result: AggregationResult) -> Checkpoint:
        """Return the checkpoint with the result of the task."""
        return replace(self, state="returned", result=result)

    def to_json(self) -> Json:
        """Return the checkpoint as a JSON object."""
        document: Json = asdict(self)
        document["baseline"]["ids"] = list(self.baseline.ids)
        return {"version": VERSION} | document


def read_checkpoint(document: Any) -> Checkpoint | None:
    """
    Return the checkpoint of a stored JSON document, None if nothing is stored.

    The document is checked strictly, because another version of this package, or something else, may have
    written it.

    :raises ProtocolError: the document is not a checkpoint of this version.
    """
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ProtocolError("It was not written by this version of the provider.")
    try:
        checkpoint = msgspec.convert(document, Checkpoint)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise ProtocolError(f"It is malformed: {error}.") from None
    if problem := _problem_of(checkpoint):
        raise ProtocolError(f"It is malformed: {problem}.")
    return checkpoint


def _problem_of(checkpoint: Checkpoint) -> str | None:
    """Return what contradicts itself in a checkpoint of the right types, None for nothing."""
    deadlines = checkpoint.deadlines
    if deadlines.begun is None or deadlines.deadline is None:
        return "a deadline is missing"
    times = (*asdict(deadlines).values(), checkpoint.usual_seconds)
    if not all(math.isfinite(time) for time in times if time is not None):
        return "a time is not finite"
    if id_from_response(checkpoint.source_id) is None:
        return "the source ID is not an ID"
    has_id = checkpoint.state in ("running", "discarded", "returned")
    if has_id and id_from_response(checkpoint.aggregation_id) is None:
        return "the aggregation ID is not an ID"
    if (checkpoint.file_location is None) != (checkpoint.file is None):
        return "it has a file without its state, or a state without a file"
    if has_id and (checkpoint.file_location is None) != (checkpoint.sent is None):
        return "it has a file without an acknowledged upload, or an upload without a file"
    return _problem_of_result(checkpoint) if checkpoint.state == "returned" else None


def _problem_of_result(checkpoint: Checkpoint) -> str | None:
    result = checkpoint.result
    if result is None:
        return "the result is missing"
    if result["aggregation_id"] != checkpoint.aggregation_id:
        return "the result belongs to another aggregation"
    if result["state"] in BAD_STATES:
        return "the result is a failure, which no task returns"
    if result["file"] != checkpoint.sent:
        return "the result names a file that ISC did not acknowledge"
    return None
