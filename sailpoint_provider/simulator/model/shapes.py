"""Switches for answers whose shape differs from the OpenAPI documents."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SEEN = frozenset(
    {
        "null_percent_complete",
        "epoch_milliseconds",
        "text_counts",
        "temp_error",
        "success_as_text",
        "mixed_case_status",
        "plain_localized_text",
        "spaced_type",
        "retry_after_date",
        "numeric_event_id",
        "suffixed_task_name",
    }
)
"""Shapes seen in public tools and reports, which ``all`` switches on."""


@dataclass
class Shapes:
    """The switches, all off by default: answers then follow the OpenAPI documents.

    Seen in public tools and reports:

    :param null_percent_complete: ``percentComplete`` is null in task-status.
    :param epoch_milliseconds: times in the answer to a start are numbers.
    :param text_counts: the counts in task-status attributes are text.
    :param temp_error: task-status has ``TEMP_ERROR`` for ``TEMPERROR``.
    :param success_as_text: ``success`` is the text ``true``.
    :param mixed_case_status: ``Success`` and ``Error`` replace ``SUCCESS`` and ``ERROR``.
    :param plain_localized_text: ``localizedText`` in task-status is text.
    :param spaced_type: a source's type is ``Delimited File``.
    :param retry_after_date: ``Retry-After`` is an HTTP date.
    :param numeric_event_id: the attributes in the answer to a start include a numeric ``eventId``.
    :param suffixed_task_name: the name of an entitlement aggregation's task ends in an ID.

    Not seen anywhere, for questions that the documents leave open:

    :param null_start: ``start`` of the aggregation status is null.
    :param null_counts: counts are null instead of absent until accounts are collected.
    :param zero_counts: counts are 0 instead of absent until accounts are collected.
    :param missing_counts: task-status attributes have no counts.
    :param offset_times: times end in ``+00:00``.
    :param epoch_milliseconds_everywhere: times in task-status are numbers too.
    :param not_found_status: the status endpoint answers 200 with ``NOT_FOUND`` instead of 404.
    :param busy_without_task_id: a refused start's task has no ID.
    :param busy_without_status: a refused start's ``completionStatus`` is null.
    :param busy_success_false: a refused start's ``success`` is false.
    :param busy_without_record: a refused start leaves no record in task-status.
    :param empty_form_fails: a start whose multipart body has no parts gets a 500, as seen with
        load-entitlements.
    :param refresh_task_unknown: task-status does not know the task of an identity refresh.
    :param early_not_found_seconds: seconds after the start, at speed 1, during which the status endpoint does
        not know the run.
    """

    null_percent_complete: bool = False
    epoch_milliseconds: bool = False
    text_counts: bool = False
    temp_error: bool = False
    success_as_text: bool = False
    mixed_case_status: bool = False
    plain_localized_text: bool = False
    spaced_type: bool = False
    retry_after_date: bool = False
    numeric_event_id: bool = False
    suffixed_task_name: bool = False
    null_start: bool = False
    null_counts: bool = False
    zero_counts: bool = False
    missing_counts: bool = False
    offset_times: bool = False
    epoch_milliseconds_everywhere: bool = False
    not_found_status: bool = False
    busy_without_task_id: bool = False
    busy_without_status: bool = False
    busy_success_false: bool = False
    busy_without_record: bool = False
    empty_form_fails: bool = False
    refresh_task_unknown: bool = False
    early_not_found_seconds: float = 0.0

    def switch(self, wanted: dict[str, Any]) -> None:
        """Switch shapes on or off by name; ``all`` stands for :data:`SEEN`.

        :raises ValueError: for an unknown name.
        """
        every = wanted.get("all")
        named = {name: value for name, value in wanted.items() if name != "all"}
        if unknown := named.keys() - asdict(self).keys():
            raise ValueError(f"unknown shape: {', '.join(sorted(unknown))}")
        if every is not None:
            named = dict.fromkeys(SEEN, bool(every)) | named
        for name, value in named.items():
            setattr(self, name, float(value) if name == "early_not_found_seconds" else bool(value))
