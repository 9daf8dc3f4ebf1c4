"""Finds the source, checks that a file fits it, sends the start and checks that ISC really started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationAlreadyRunningError,
    AggregationFailedError,
    FileRefusedError,
    InvalidInputError,
    ProtocolError,
)
from sailpoint_provider.isc.api.endpoints import source, sources
from sailpoint_provider.isc.api.identifiers import id_from_user
from sailpoint_provider.isc.api.loads import start_load
from sailpoint_provider.isc.api.models import StartedAggregation
from sailpoint_provider.isc.api.task_query import quoted
from sailpoint_provider.isc.flow import Flow, ask
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, LoadKind
from sailpoint_provider.isc.outcome import make_result
from sailpoint_provider.results import ResultMessage

if TYPE_CHECKING:
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.api.versions import ApiVersion

_LONGEST_NAME = 128


def find_source(api_version: ApiVersion, name: str) -> Flow[Source]:
    """
    Return the source with this name.

    A source sub-admin can list sources only with ``for-subadmin=me`` (ISC OpenAPI, list sources), so the
    request is repeated that way after a 403.

    :param name: name of the source as ISC shows it, in any case.
    :raises InvalidInputError: no source has this name, or several have.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError(f"source_name {name!r} is empty; set it to the name that ISC shows.")
    name = name.strip()
    filters = f"name eq {quoted(name)}"
    try:
        found = yield from ask(sources(api_version, filters=filters))
    except AccessDeniedError as refusal:
        try:
            found = yield from ask(sources(api_version, filters=filters, for_subadmin=True))
        except AccessDeniedError:
            raise refusal from None
    hits = [one for one in found if one.name.casefold() == name.casefold()]
    if len(hits) == 1:
        return hits[0]
    if not hits:
        raise InvalidInputError(
            f"The tenant has no source named {name!r} that this client can see. Check the whole name and the "
            "client's user level."
        )
    ids = ", ".join(hit.id for hit in hits)
    raise InvalidInputError(f"{len(hits)} sources are named {name!r} ({ids}); use source_id instead.")


def get_source(api_version: ApiVersion, source_id: str) -> Flow[Source]:
    """
    Return the source with this ID.

    :raises InvalidInputError: the ID is malformed, or no source has it.
    """
    return (yield from ask(source(api_version, id_from_user(source_id, "source_id"))))


def check_file_fits(found: Source, has_file: bool, kind: LoadKind = ACCOUNT_AGGREGATION) -> None:
    """
    Check that a file is given if, and only if, the source needs one.

    :raises InvalidInputError: a file for a source that takes none, or no file where one is needed: for a
        delimited-file source that no virtual appliance (its cluster) reads, or for every source.
    """
    takes_file = kind.takes_file and (kind.takes_file_always or found.is_delimited_file)
    label = f"Source {found.name!r} ({found.id})"
    if has_file and not takes_file:
        raise InvalidInputError(
            f"{label} of type {found.type!r} takes no file for {kind.indefinite}, because ISC reads it "
            "directly. Remove file."
        )
    if has_file or not takes_file:
        return
    if kind.takes_file_always:
        raise InvalidInputError(f"{kind.indefinite.capitalize()} needs a file. Set file to the CSV to load.")
    if not found.has_cluster:
        raise InvalidInputError(
            f"{label} is a delimited file that no virtual appliance reads. Set file to the CSV to load."
        )


def start(
    api_version: ApiVersion,
    source_id: str,
    upload: Upload | None = None,
    *,
    disable_optimization: bool = False,
    object_type: str | None = None,
    kind: LoadKind = ACCOUNT_AGGREGATION,
) -> Flow[StartedAggregation]:
    """
    Send the start and check that ISC really started.

    :param object_type: object type of the entitlements in the file; None for ISC's default.
    :raises AggregationAlreadyRunningError: ISC refused, because another aggregation of the source is running.
        The refusal comes inside a 202; an ID that comes with it does not belong to a started aggregation.
    :raises ProtocolError: ISC accepted the start but returned no ID.
    :raises AggregationFailedError: ISC says with its 202 that the load has failed.
    :raises InvalidInputError: an argument is invalid.
    """
    if not isinstance(disable_optimization, bool):
        raise InvalidInputError(f"disable_optimization must be True or False, not {disable_optimization!r}.")
    call = start_load(
        api_version,
        kind,
        source_id,
        upload,
        disable_optimization=disable_optimization,
        object_type=object_type,
    )
    try:
        task = yield from ask(call)
    except InvalidInputError as refusal:
        if upload is None or refusal.status != 400 or isinstance(refusal, FileRefusedError):
            raise
        # ISC answers 400 for a header that does not fit the source's schema.
        raise FileRefusedError(
            str(refusal), status=400, detail_code=refusal.detail_code, tracking_id=refusal.tracking_id
        ) from None
    if task.refused_as_busy:
        raise AggregationAlreadyRunningError(
            f"ISC refused to start the {kind.name} of source {source_id}, because another one is running. "
            "ISC does not queue; start again when it has ended.",
            status=202,
        )
    if task.id is None:
        texts = " | ".join(message.text for message in task.messages) or "none"
        raise ProtocolError(
            f"ISC accepted the start of the {kind.name} of source {source_id} but returned no ID. ISC's "
            f"messages: {texts}. Check the source's aggregation activity before you start again.",
            status=202,
        )
    if task.has_failed:
        texts = " | ".join(message.text for message in task.messages) or "none"
        result = make_result(task.id, kind=kind)
        result["state"], result["source_id"] = "failed", source_id
        result["messages"] = [ResultMessage(type=one.type, text=one.text) for one in task.messages]
        raise AggregationFailedError(
            result,
            f"ISC accepted the start of the {kind.name} of source {source_id}, but says that it has failed. "
            f"ISC's messages: {texts}.",
            status=202,
        )
    return StartedAggregation(task.id, task.messages, task.file)


def check_object_type(object_type: str | None, *, has_file: bool) -> None:
    """
    Check the name of an object type before it is sent.

    :raises InvalidInputError: it is not a name, or there is no file that could hold such objects.
    """
    if object_type is None:
        return
    if (
        not isinstance(object_type, str)
        or not object_type.strip()
        or not object_type.isprintable()
        or len(object_type) > _LONGEST_NAME
    ):
        raise InvalidInputError(
            f"object_type must be the name of an entitlement type of the source, such as group, not "
            f"{object_type!r}."
        )
    if not has_file:
        raise InvalidInputError(
            f"object_type {object_type!r} needs a file: ISC has no documented way to aggregate only one "
            "entitlement type of a source that it reads itself. Remove object_type."
        )
