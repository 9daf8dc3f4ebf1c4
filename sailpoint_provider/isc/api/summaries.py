"""The few fields of task records that a wait needs, decoded fast, because a crowd reads long lists often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sailpoint_provider.coercion import as_int, as_text
from sailpoint_provider.exceptions import ProtocolError

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Response


class TaskSummary(msgspec.Struct, gc=False):
    """
    Which task it is, whether it has ended, and its progress.

    :param id: ID of the task.
    :param completion_status: ``completionStatus`` as ISC sends it; None while the task is running.
    :param percent_complete: 0 to 100; None if ISC does not report it.
    """

    id: Any = None
    completion_status: Any = msgspec.field(default=None, name="completionStatus")
    percent_complete: Any = msgspec.field(default=None, name="percentComplete")


_DECODER = msgspec.json.Decoder(list[TaskSummary])


def read_task_summaries(answer: Response) -> list[TaskSummary]:
    """
    Read a page of task records.

    A malformed record is skipped; that allows no conclusion about its task.

    :raises ProtocolError: the response is not a JSON array.
    """
    if answer.status == 204:
        return []
    try:
        page = _DECODER.decode(answer.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # the last two: not UTF-8, nested too deeply
        page = _leniently(answer.json())
    for summary in page:
        summary.completion_status = as_text(summary.completion_status)
        summary.percent_complete = as_int(summary.percent_complete)
    return [summary for summary in page if isinstance(summary.id, str)]


def _leniently(document: Any) -> list[TaskSummary]:
    if not isinstance(document, list):
        raise ProtocolError("ISC did not return a JSON array where the list of task statuses was expected.")
    return [
        TaskSummary(entry.get("id"), entry.get("completionStatus"), entry.get("percentComplete"))
        for entry in document
        if isinstance(entry, dict)
    ]
