"""Starting an aggregation: which source, whether the file fits it, and whether ISC really started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationAlreadyRunningError,
    InvalidInputError,
    ProtocolError,
)
from sailpoint_provider.isc.api.endpoints import load_accounts, quoted, source, sources
from sailpoint_provider.isc.api.identifiers import given_id
from sailpoint_provider.isc.api.models import StartedAggregation
from sailpoint_provider.isc.flow import Flow, ask

if TYPE_CHECKING:
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.api.versions import ApiVersion


def find_source(generation: ApiVersion, name: str) -> Flow[Source]:
    """
    Look a source up by its name.

    A source sub-admin is shown sources only with ``for-subadmin=me`` (ISC OpenAPI, list sources), so a 403 is
    asked again in that way.

    :raises InvalidInputError: no source has that name, or several have.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError(f"source_name {name!r} is empty: give the name of a source as ISC shows it.")
    name = name.strip()
    filters = f"name eq {quoted(name)}"
    try:
        found = yield from ask(sources(generation, filters=filters))
    except AccessDeniedError as refusal:
        try:
            found = yield from ask(sources(generation, filters=filters, for_subadmin=True))
        except AccessDeniedError:
            raise refusal from None
    hits = [one for one in found if one.name.casefold() == name.casefold()]
    if len(hits) == 1:
        return hits[0]
    if not hits:
        raise InvalidInputError(
            f"No source of the tenant is named {name!r}. Names are compared as a whole; a source that the "
            "client may not see counts as missing."
        )
    ids = ", ".join(hit.id for hit in hits)
    raise InvalidInputError(f"{len(hits)} sources are named {name!r} ({ids}): give source_id instead.")


def get_source(generation: ApiVersion, source_id: str) -> Flow[Source]:
    """
    Look a source up by its id.

    :raises InvalidInputError: the id is none, or no source has it.
    """
    return (yield from ask(source(generation, given_id(source_id, "source_id"))))


def check_file_fits(found: Source, has_file: bool) -> None:
    """
    Make sure that a file is given where the source needs one, and only there.

    :raises InvalidInputError: a direct source and a file, or a delimited-file source without one, unless a
        virtual appliance (the source's cluster) reads the file by itself.
    """
    if has_file and not found.is_delimited_file:
        raise InvalidInputError(
            f"Source {found.name!r} ({found.id}) is of type {found.type!r} and takes no file: ISC reads it "
            "directly. Leave out file."
        )
    if not has_file and found.is_delimited_file and not found.has_cluster:
        raise InvalidInputError(
            f"Source {found.name!r} ({found.id}) is a delimited file: give file, the CSV to load. "
            "(No virtual appliance reads it by itself.)"
        )


def start(
    generation: ApiVersion,
    source_id: str,
    upload: Upload | None = None,
    *,
    disable_optimization: bool = False,
) -> Flow[StartedAggregation]:
    """
    Start an aggregation and make sure that ISC really did.

    :raises AggregationAlreadyRunningError: ISC refused, because another aggregation of the source runs. The
        refusal comes inside a 202; an id that comes with it is not an aggregation of ours.
    :raises ProtocolError: ISC accepted, but gave no id to follow.
    """
    task = yield from ask(
        load_accounts(generation, source_id, upload, disable_optimization=disable_optimization)
    )
    if task.refused_as_busy:
        raise AggregationAlreadyRunningError(
            f"ISC refused to start the account aggregation of source {source_id}: another one is running, "
            "and ISC does not queue. Start again when that one has ended.",
            status=202,
        )
    if task.id is None:
        texts = " | ".join(message.text for message in task.messages) or "nothing more"
        raise ProtocolError(
            f"ISC accepted the start for source {source_id} but gave no id to follow (it says: {texts}). "
            "Look at the source's aggregation activity before starting again.",
            status=202,
        )
    return StartedAggregation(task.id, task.messages, task.file)
