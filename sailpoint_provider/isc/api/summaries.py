"""What a wait needs of a page of task records, read quickly: lists of hundreds are read again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.coercion import as_int, as_text

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Response


class TaskSummary(msgspec.Struct, gc=False):
    """
    Which task it is, whether it ended, and how far it is.

    :param id: id of the task.
    :param completion_status: as ISC said, None while the task runs.
    :param percent_complete: 0 to 100, None where ISC does not say.
    """

    id: Any = None
    completion_status: Any = msgspec.field(default=None, name="completionStatus")
    percent_complete: Any = msgspec.field(default=None, name="percentComplete")


_DECODER = msgspec.json.Decoder(list[TaskSummary])


def read_task_summaries(answer: Response) -> list[TaskSummary]:
    """
    Read a page of task records.

    A record that cannot be read is left out, which says nothing of its task.

    :raises ProtocolError: it is no JSON array.
    """
    if answer.status == 204:
        return []
    try:
        page = _DECODER.decode(answer.body)
    except msgspec.MsgspecError:
        page = _leniently(answer.json())
    for summary in page:
        summary.completion_status = as_text(summary.completion_status)
        summary.percent_complete = as_int(summary.percent_complete)
    return [summary for summary in page if isinstance(summary.id, str)]


def _leniently(document: Any) -> list[TaskSummary]:
    if not isinstance(document, list):
        raise ProtocolError("ISC answered no JSON array where the list of task statuses was expected.")
    return [
        TaskSummary(entry.get("id"), entry.get("completionStatus"), entry.get("percentComplete"))
        for entry in document
        if isinstance(entry, dict)
    ]
