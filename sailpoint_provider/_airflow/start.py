"""The checks and look-ups around the start of an aggregation by an operator."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import as_bool
from sailpoint_provider.exceptions import (
    AggregationTimeoutError,
    CheckpointError,
    InvalidInputError,
    ProtocolError,
    SailPointError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.start.checkpoint import Checkpoint
    from sailpoint_provider.isc.start.checkpoint_store import CheckpointStore
    from sailpoint_provider.isc.wait.deadlines import Deadlines
    from sailpoint_provider.isc.wait.events import WaitEvent


def check_source_is_named_once(source_id: Any, source_name: Any) -> None:
    """
    Check that exactly one of the two parameters is set.

    :raises InvalidInputError: none or both are set.
    """
    if (source_id is None) == (source_name is None):
        given = "neither is" if source_id is None else "both are"
        raise InvalidInputError(f"Set either source_id or source_name; {given} set.")


def check_drop_is_alone(task: Any) -> None:
    """
    Check that a task with a drop sets nothing that the drop names itself.

    :raises InvalidInputError: a source or a file is set.
    """
    for name in ("source_id", "source_name", "file", "compare_with"):
        if getattr(task, name) is not None:
            raise InvalidInputError(
                f"Set either drop or {name}, not both: a drop names its source and its file."
            )


def check_adoptable(file: Any, disable_optimization: Any, kind: LoadKind) -> None:
    """
    Check that an adopted aggregation can do what the task asks for.

    :param kind: the kind of load.
    :raises InvalidInputError: it cannot, because of the file or the optimization.
    """
    text = str(disable_optimization)
    is_template = "{{" in text or "{%" in text
    if file is not None and not kind.can_disable_optimization:
        raise InvalidInputError(
            f"if_running='adopt' cannot be combined with a file, because the adopted {kind.noun} has not "
            "loaded it."
        )
    if file is not None or (not is_template and as_bool(disable_optimization) is not False):
        raise InvalidInputError(
            "if_running='adopt' cannot be combined with file or disable_optimization, because an adopted "
            "aggregation has neither loaded the file nor processed unchanged accounts."
        )


def look_up_source(
    hook: SailPointHook, source_id: str | None, source_name: str | None, until: float | None
) -> Source:
    """Return the source with this ID or this name."""
    from sailpoint_provider.isc.start.load import find_source, get_source

    api_version = hook._tenant.api_version
    if source_id is not None:
        return hook._run(get_source(api_version, source_id), until=until)
    return hook._run(find_source(api_version, source_name or ""), until=until)


@contextmanager
def start_in_time(deadlines: Deadlines, source: str | None, kind: LoadKind) -> Iterator[None]:
    """
    Replace an error of the block with a timeout if a deadline has passed.

    :param source: name or ID of the source, for the error.
    :param kind: the kind of load, for the error.
    """
    try:
        yield
    except (AggregationTimeoutError, CheckpointError):
        raise
    except SailPointError as error:
        if error.final or not deadlines.have_passed(time.time()):
            raise
        of_source = f" of source {source!r}" if kind.takes_file else ""
        raise deadlines.error(
            f"The timeout passed before it was certain whether the {kind.name}{of_source} had started. A "
            f"retry checks. Last error: {error}"
        ) from error


def carried_checkpoint(event: WaitEvent, log: Any) -> Checkpoint | None:
    """
    Return the checkpoint that a trigger brought back; None if it brought none, or an unreadable one.

    The trigger brings it back, because ``airflow dags test`` resumes a task with the event alone.
    """
    from sailpoint_provider.isc.start.checkpoint import read_checkpoint

    try:
        return read_checkpoint(event.carried.get("checkpoint"))
    except ProtocolError as error:
        log.warning("Ignoring the checkpoint in the trigger's event. %s", error)
        return None


def checkpoint_of(
    aggregation_id: str, carried: Checkpoint | None, store: CheckpointStore[Checkpoint]
) -> Checkpoint:
    """
    Return the checkpoint of the aggregation that a trigger waited for.

    :param carried: the one that the trigger brought back.
    :param store: the stored one, for an event without one.
    :raises ProtocolError: there is no checkpoint of this aggregation.
    """
    checkpoint = carried or store.load()
    known = None if checkpoint is None else checkpoint.aggregation_id
    if checkpoint is None or known != aggregation_id:
        raise ProtocolError(
            f"The trigger's event is about aggregation {aggregation_id}, but this task's checkpoint names "
            f"{known or 'none'}. Retry the task."
        )
    return checkpoint
