"""What a task remembers of its start, so that a later try neither starts twice nor loses a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

from sailpoint_provider.isc.upload import FileStamp, SentFile

if TYPE_CHECKING:
    from sailpoint_provider.isc.result import AggregationResult

Json: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True)
class Mark:
    """
    The newest task records of a source before a start, in ISC's own values: no clock of ours is used.

    :param created: ISC's ``created`` of the newest record, ISO 8601; None where there was no record.
    :param ids: the records of that moment.
    """

    created: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """
    One start of a task, from the intent over the aggregation to the result.

    :param state: ``submitting`` before ISC told an id, ``running`` after it, ``returned`` once the task has
        its result.
    :param max_tries: the task instance's ``max_tries``, which Airflow raises on clear and not on retry.
    :param source_id: id of the source.
    :param source_name: name of the source.
    :param file_location: the file as its user named it, None for none.
    :param file: the state of the file at the start.
    :param mark: the newest task records before the start.
    :param begun: epoch seconds of the look before the start.
    :param deadline: epoch seconds at which the wait for this aggregation is given up.
    :param aggregation_id: ISC's id.
    :param sent: what was sent of the file.
    :param rows: rows of the file, where the aggregation was adopted on the guess that it is ours.
    :param result: the result that the task returned.
    :param usual_seconds: how long runs of the source took before, None where that is not known.
    """

    state: Literal["submitting", "running", "returned"]
    max_tries: int
    source_id: str
    source_name: str
    begun: float
    deadline: float
    file_location: str | None = None
    file: FileStamp | None = None
    mark: Mark = Mark()
    aggregation_id: str | None = None
    sent: SentFile | None = None
    rows: int | None = None
    result: AggregationResult | None = None
    usual_seconds: float | None = None

    def running(self, aggregation_id: str, sent: SentFile | None, rows: int | None = None) -> Claim:
        """Return the claim on an aggregation that ISC has told the id of."""
        return replace(self, state="running", aggregation_id=aggregation_id, sent=sent, rows=rows)

    def returned(self, result: AggregationResult) -> Claim:
        """Return the claim of a task that has its result."""
        return replace(self, state="returned", result=result)

    def is_contradicted_by(self, result: AggregationResult) -> bool:
        """Tell whether an adopted aggregation scanned another number of accounts than our file has rows."""
        total = result["counts"]["total"]
        return self.rows is not None and total is not None and total != self.rows

    def to_json(self) -> Json:
        """Return the claim as JSON."""
        claim = asdict(self)
        # Airflow's task state store takes lists and refuses tuples.
        claim["mark"]["ids"] = list(self.mark.ids)
        return claim


def read_claim(document: Any) -> Claim | None:
    """Return the claim of a JSON document, None where it is none: what cannot be read is not taken up."""
    if not isinstance(document, Mapping):
        return None
    try:
        # A newer version of this package may have put down more.
        fields = {field.name: document[field.name] for field in fields_of(Claim) if field.name in document}
        if fields["state"] not in ("submitting", "running", "returned"):
            return None
        fields["file"] = FileStamp(**fields["file"]) if fields.get("file") else None
        fields["sent"] = SentFile(**fields["sent"]) if fields.get("sent") else None
        mark = fields.get("mark") or {}
        fields["mark"] = Mark(mark.get("created"), tuple(mark.get("ids", ())))
        return Claim(**cast("Any", fields))
    except (KeyError, TypeError, AttributeError):
        return None


class Memory(Protocol):
    """Where a claim is kept; it survives retries, crashes and deferral, and clear too."""

    def load(self) -> Claim | None:
        """Return the claim of an earlier try, None for none."""

    def save(self, claim: Claim) -> None:
        """Keep a claim in place of the one before."""

    def forget(self) -> None:
        """Keep no claim."""


class NoMemory:
    """Remembers nothing, as Airflow 3.0 to 3.2 do."""

    def load(self) -> Claim | None:
        """Return None."""
        return None

    def save(self, claim: Claim) -> None:
        """Keep nothing."""

    def forget(self) -> None:
        """Do nothing."""
