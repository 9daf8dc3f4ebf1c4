"""Lenient readers of ISC's responses: documented and observed shapes become the same records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import as_int, as_text, as_time
from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.identifiers import id_from_response
from sailpoint_provider.isc.api.shapes import json_array, json_object
from sailpoint_provider.isc.api.source_settings import delete_threshold, merges_rows

if TYPE_CHECKING:
    from datetime import datetime

    from sailpoint_provider.results import UploadedFile

_BUSY = tuple(
    f"currently running {task} must complete before the next one can start"
    for task in ("aggregation", "correlation")
)
"""What ISC says of a refused start; a load of uncorrelated accounts is a correlation to it."""

_DELETION_SKIPPED = "deletion was skipped"
_SOURCE_SUFFIX = " [source]"


@dataclass(frozen=True)
class TaskMessage:
    """
    A message of a task.

    :param type: ``INFO``, ``WARN`` or ``ERROR`` as ISC sends it; None if it is missing.
    :param text: the localized text, or the key if there is none.
    :param key: ISC's key of the message, which can be the text itself.
    """

    type: str | None
    text: str
    key: str = ""

    def says(self, *phrases: str) -> bool:
        """Return whether the text or the key contains one of these lower-case phrases, in any case."""
        return any(words in self.text.lower() or words in self.key.lower() for words in phrases)


@dataclass(frozen=True)
class StartResponse:
    """
    ISC's response to the start of any load, which may contain a refusal; see :class:`StartedAggregation`.

    :param id: ID of the aggregation; None if ISC gave none.
    :param messages: the messages of the task.
    :param file: the file that was sent; None for a start without one.
    :param has_failed: whether ISC says with the 202 that the load has failed.
    """

    id: str | None
    messages: tuple[TaskMessage, ...] = ()
    file: UploadedFile | None = None
    has_failed: bool = False

    @property
    def refused_as_busy(self) -> bool:
        """Whether the 202 contains a refusal because another aggregation of the source is running."""
        return any(message.says(*_BUSY) for message in self.messages)


@dataclass(frozen=True)
class StartedAggregation:
    """
    An aggregation, or another load, that ISC acknowledged.

    :param id: ID of the aggregation, which is the ID of its task.
    :param messages: ISC's messages about the start.
    :param file: the file that was sent; None for a start without one.
    """

    id: str
    messages: tuple[TaskMessage, ...] = ()
    file: UploadedFile | None = None


@dataclass(frozen=True)
class AccountAggregationStatus:
    """
    The response of the status endpoint; numbers that ISC does not report are None.

    :param status: ``status`` in upper case.
    """

    status: str
    start: datetime | None = None
    total_accounts: int | None = None
    processed_accounts: int | None = None
    accounts_marked_for_deletion: int | None = None
    deleted_accounts: int | None = None
    total_identities: int | None = None
    processed_identities: int | None = None


@dataclass(frozen=True)
class TaskStatus:
    """
    ISC's record of a task.

    :param completion_status: ``completionStatus`` as ISC sends it; None while the task is running.
    :param unique_name: name of the kind of task, such as ``Cloud Account Aggregation``.
    :param source_id: ID of the source that the task works on; None if ISC does not name it.
    :param attributes: the free-form attributes, which hold the counts at the end.
    """

    id: str
    completion_status: str | None
    unique_name: str | None = None
    launcher: str | None = None
    source_id: str | None = None
    source_name: str | None = None
    created: datetime | None = None
    launched: datetime | None = None
    completed: datetime | None = None
    messages: tuple[TaskMessage, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    percent_complete: int | None = None
    progress: str | None = None

    @property
    def task_type(self) -> str:
        """
        Its type as ISC's filters spell it, such as ``CLOUD_ACCOUNT_AGGREGATION``; empty if it is unknown.

        The name of an entitlement aggregation goes on with " - " and an ID (public reports).
        """
        return (self.unique_name or "").partition(" - ")[0].upper().replace(" ", "_")

    @property
    def deletions_skipped(self) -> bool:
        """Whether ISC reports that it deleted nothing because the delete threshold was exceeded."""
        return any(message.says(_DELETION_SKIPPED) for message in self.messages)

    @property
    def has_errors(self) -> bool:
        """Whether ISC reports an error, which a record with ``completionStatus`` SUCCESS can hold, too."""
        return any((message.type or "").upper() == "ERROR" for message in self.messages)

    @property
    def refused_as_busy(self) -> bool:
        """Whether this records a start that was refused because another aggregation was running."""
        return any(message.says(*_BUSY) for message in self.messages)

    def count(self, name: str) -> int | None:
        """Return a count from the attributes, where it is a number or text; None if it is missing."""
        return as_int(self.attributes.get(name))


@dataclass(frozen=True)
class Source:
    """
    A source: a system whose accounts ISC loads.

    :param type: ISC's name for the kind of source, such as ``Delimited File``.
    :param has_cluster: whether a virtual appliance reads the source.
    :param delete_threshold: percentage of the accounts above which ISC skips deletions, None for none.
    :param merges_rows: whether several rows of one key are one account.
    """

    id: str
    name: str
    type: str = ""
    connector: str = ""
    connection_type: str = ""
    has_cluster: bool = False
    delete_threshold: float | None = None
    merges_rows: bool = False

    @property
    def is_delimited_file(self) -> bool:
        """Whether its accounts come from a CSV (ISC spells the type with and without a space)."""
        spellings = {_plain(self.type), _plain(self.connector)}
        return bool(spellings & {"delimitedfile", "delimitedfileangularsc"})


def read_start_response(document: Any, file: UploadedFile | None = None) -> StartResponse:
    """
    Read the response to a start; that of an entitlement aggregation is the task itself.

    :raises ProtocolError: it is not a JSON object, or contains no task.
    """
    answer = json_object(document, "the response to the start")
    task = answer.get("task")
    is_flat = task is None
    task = answer if is_flat else json_object(task, "the task in the response to the start")
    is_failure = not is_flat and answer.get("success") is False
    return StartResponse(
        id=id_from_response(task.get("id")),
        messages=_messages(task.get("messages")) + (() if is_flat else _messages(answer.get("messages"))),
        file=file,
        has_failed=is_failure or _is_failure(task.get("completionStatus")),
    )


def _is_failure(completion_status: Any) -> bool:
    text = as_text(completion_status) or ""
    return text.upper().replace("_", "").replace(" ", "") in ("ERROR", "TEMPERROR", "TERMINATED")


def read_account_aggregation_status(document: Any) -> AccountAggregationStatus:
    """
    Read an aggregation status.

    :raises ProtocolError: it is not a JSON object, or has no status.
    """
    answer = json_object(document, "the aggregation status")
    status = as_text(answer.get("status"))
    if status is None:
        raise ProtocolError("ISC returned an aggregation status without 'status'.")
    return AccountAggregationStatus(
        status=status.upper().replace(" ", "_"),
        start=as_time(answer.get("start")),
        total_accounts=as_int(answer.get("totalAccounts")),
        processed_accounts=as_int(answer.get("processedAccounts")),
        accounts_marked_for_deletion=as_int(answer.get("totalAccountsMarkedForDeletion")),
        deleted_accounts=as_int(answer.get("deletedAccounts")),
        total_identities=as_int(answer.get("totalIdentities")),
        processed_identities=as_int(answer.get("processedIdentities")),
    )


def read_task_status(document: Any) -> TaskStatus:
    """
    Read a task record.

    A record without ``completionStatus`` counts as running, so that a missing value never ends a wait.

    :raises ProtocolError: it is not a JSON object, or has no ID.
    """
    answer = json_object(document, "the task status")
    task_id = id_from_response(answer.get("id"))
    if task_id is None:
        raise ProtocolError("ISC returned a task status without a usable 'id'.")
    target = answer.get("target")
    target = target if isinstance(target, Mapping) else {}
    attributes = answer.get("attributes")
    attributes = attributes if isinstance(attributes, Mapping) else {}
    name = as_text(target.get("name"))
    return TaskStatus(
        id=task_id,
        completion_status=as_text(answer.get("completionStatus")),
        unique_name=_kind(answer),
        launcher=as_text(answer.get("launcher")),
        source_id=id_from_response(target.get("id")) or id_from_response(attributes.get("appId")),
        source_name=name.removesuffix(_SOURCE_SUFFIX) if name else None,
        created=as_time(answer.get("created")),
        launched=as_time(answer.get("launched")),
        completed=as_time(answer.get("completed")),
        messages=_messages(answer.get("messages")),
        attributes=dict(attributes),
        percent_complete=as_int(answer.get("percentComplete")),
        progress=as_text(answer.get("progress")),
    )


def read_task_statuses(document: Any) -> list[TaskStatus]:
    """
    Read a page of task records.

    :raises ProtocolError: it is not a JSON array, or one of its records is malformed.
    """
    return [read_task_status(entry) for entry in json_array(document, "the list of task statuses")]


def read_source(document: Any) -> Source:
    """
    Read a source.

    :raises ProtocolError: it is not a JSON object, or has no ID.
    """
    answer = json_object(document, "the source")
    source_id = id_from_response(answer.get("id"))
    if source_id is None:
        raise ProtocolError("ISC returned a source without a usable 'id'.")
    return Source(
        id=source_id,
        name=as_text(answer.get("name")) or source_id,
        type=as_text(answer.get("type")) or "",
        connector=as_text(answer.get("connector")) or "",
        connection_type=as_text(answer.get("connectionType")) or "",
        has_cluster=isinstance(answer.get("cluster"), Mapping),
        delete_threshold=delete_threshold(answer.get("deleteThreshold")),
        merges_rows=merges_rows(answer.get("connectorAttributes")),
    )


def read_sources(document: Any) -> list[Source]:
    """
    Read a page of sources.

    :raises ProtocolError: it is not a JSON array, or one of its sources is malformed.
    """
    return [read_source(entry) for entry in json_array(document, "the list of sources")]


def _messages(value: Any) -> tuple[TaskMessage, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(message for entry in value if (message := _message(entry)) is not None)


def _message(entry: Any) -> TaskMessage | None:
    if isinstance(entry, str):
        return TaskMessage(None, entry.strip()) if entry.strip() else None
    if not isinstance(entry, Mapping):
        return None
    localized = entry.get("localizedText")
    if isinstance(localized, Mapping):
        localized = localized.get("message")
    key = as_text(entry.get("key")) or ""
    text = as_text(localized) or as_text(entry.get("text")) or key
    return TaskMessage(as_text(entry.get("type")), text, key) if text else None


def _kind(answer: Mapping[str, Any]) -> str | None:
    definition = answer.get("taskDefinitionSummary")
    if isinstance(definition, Mapping) and (name := as_text(definition.get("uniqueName"))):
        return name
    return as_text(answer.get("uniqueName"))


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
