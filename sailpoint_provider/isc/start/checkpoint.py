"""What a task remembers of its start, so that a later try neither starts twice nor loses a run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.files.source import FileState, UploadedFile  # noqa: TC001 - msgspec reads the annotations
from sailpoint_provider.isc.api.identifiers import answered_id
from sailpoint_provider.isc.outcome import BAD_STATES, result_file
from sailpoint_provider.results import AggregationResult  # noqa: TC001 - msgspec reads the annotations

Json: TypeAlias = "dict[str, Any]"
CheckpointState: TypeAlias = Literal[
    "submitting", "unanswered", "refused", "running", "discarded", "returned"
]

VERSION = 1
"""The form in which a checkpoint is stored; what has another version is ignored."""


@dataclass(frozen=True)
class Baseline:
    """
    The newest task records of a source before a start, in ISC's own values: no clock of ours is used.

    :param created: ISC's ``created`` of the newest record, ISO 8601; None where there was no record.
    :param ids: the records of that moment.
    """

    created: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """
    One start of a task, from the intent to the result.

    :param state: how far the start has come:

        - ``submitting``: the intent, stored before the request is sent.
        - ``unanswered``: ISC gave no usable response, and no aggregation can be attributed to the request.
        - ``refused``: nothing was started: ISC refused the request, or it provably never arrived.
        - ``running``: the aggregation has an ID.
        - ``discarded``: the aggregation ended badly, or ISC no longer knows it.
        - ``returned``: the task has its result.
    :param max_tries: the task instance's ``max_tries``, which Airflow raises on a clear but not on a retry.
    :param source_id: ID of the source.
    :param source_name: name of the source.
    :param begun: epoch seconds of the look before the start.
    :param deadline: epoch seconds at which the wait for this aggregation is given up.
    :param clear_number: the DAG run's ``clear_number``; None before Airflow 3.3.
    :param file_location: the file as its user named it, None for none.
    :param file: the state of the file at the start.
    :param disable_optimization: whether unchanged accounts are processed too.
    :param mark: the newest task records before the start.
    :param may_run: whether an earlier start of this task was never answered, so that an aggregation that runs
        may be its own.
    :param aggregation_id: ISC's ID.
    :param sent: the upload that ISC acknowledged with this ID; None where there was no file.
    :param result: the result that the task returned.
    :param usual_seconds: how long runs of the source took before, None where that is not known.
    """

    state: CheckpointState
    max_tries: int
    source_id: str
    source_name: str
    begun: float
    deadline: float
    clear_number: int | None = None
    file_location: str | None = None
    file: FileState | None = None
    disable_optimization: bool = False
    mark: Baseline = Baseline()
    may_run: bool = False
    aggregation_id: str | None = None
    sent: UploadedFile | None = None
    result: AggregationResult | None = None
    usual_seconds: float | None = None

    @property
    def needs_acknowledgement(self) -> bool:
        """
        Whether only ISC's own response can show that an aggregation is the one that was asked for.

        Nothing in a task record names the uploaded file or the optimization: equal row counts prove nothing.
        """
        return self.file_location is not None or self.disable_optimization

    def running(self, aggregation_id: str, sent: UploadedFile | None) -> Checkpoint:
        """Return the checkpoint on an aggregation whose ID is known."""
        return replace(self, state="running", aggregation_id=aggregation_id, sent=sent, may_run=False)

    def returned(self, result: AggregationResult) -> Checkpoint:
        """Return the checkpoint of a task that has its result."""
        return replace(self, state="returned", result=result)

    def to_json(self) -> Json:
        """Return the checkpoint as a JSON object."""
        document: Json = asdict(self)
        document["mark"]["ids"] = list(self.mark.ids)
        return {"version": VERSION} | document


def read_checkpoint(document: Any) -> Checkpoint | None:
    """
    Return the checkpoint of a stored JSON document; None where nothing is stored.

    A document is read as strictly as a response from outside: other versions of this package, and others
    altogether, may have written it.

    :raises ProtocolError: the document is not a checkpoint of this version.
    """
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ProtocolError("It was not written by this version of the provider.")
    try:
        checkpoint = msgspec.convert(document, Checkpoint)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ProtocolError(f"It is malformed: {error}.") from None
    if problem := _problem_of(checkpoint):
        raise ProtocolError(f"It is malformed: {problem}.")
    return checkpoint


def _problem_of(checkpoint: Checkpoint) -> str | None:
    """Return what makes a checkpoint of the right types impossible, None for nothing."""
    numbers = (checkpoint.begun, checkpoint.deadline, checkpoint.usual_seconds or 0.0)
    if not all(math.isfinite(number) for number in numbers):
        return "a time is not finite"
    if answered_id(checkpoint.source_id) is None:
        return "the source ID is not one"
    has_id = checkpoint.state in ("running", "discarded", "returned")
    if has_id and answered_id(checkpoint.aggregation_id) is None:
        return "the aggregation ID is not one"
    if (checkpoint.file_location is None) != (checkpoint.file is None):
        return "it names a file without its state, or the reverse"
    if has_id and (checkpoint.file_location is None) != (checkpoint.sent is None):
        return "it names a file without an acknowledged upload, or the reverse"
    return _problem_of_result(checkpoint) if checkpoint.state == "returned" else None


def _problem_of_result(checkpoint: Checkpoint) -> str | None:
    result = checkpoint.result
    if result is None:
        return "the result is missing"
    if result["aggregation_id"] != checkpoint.aggregation_id:
        return "the result is of another aggregation"
    if result["state"] in BAD_STATES:
        return "the result is of a bad end, which no task returns"
    if result["file"] != result_file(checkpoint.sent):
        return "the result names another file than the one that was acknowledged"
    return None


class CheckpointStore(Protocol):
    """Where a checkpoint is kept; it survives retries, crashes and deferral, and clear too."""

    def load(self) -> Checkpoint | None:
        """Return the checkpoint of an earlier try, None for none."""

    def save(self, checkpoint: Checkpoint, *, required: bool = False) -> None:
        """
        Keep a checkpoint in place of the one before.

        :param required: whether the task must not continue without it.
        :raises CheckpointError: it could not be kept although it is required.
        """


class NoCheckpointStore:
    """Remembers nothing, as Airflow 3.0 to 3.2 do."""

    def load(self) -> Checkpoint | None:
        """Return None."""
        return None

    def save(self, checkpoint: Checkpoint, *, required: bool = False) -> None:
        """Keep nothing."""
