"""The shapes of answers that differ from the OpenAPI documents, each a switch."""

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
    }
)
"""Shapes seen in public tools and reports: what ``all`` switches on."""


@dataclass
class Shapes:
    """Switches, all off by default so that answers follow the OpenAPI documents.

    Seen in public tools and reports:

    :param null_percent_complete: ``percentComplete`` is null in task-status.
    :param epoch_milliseconds: times in the load-accounts answer are numbers.
    :param text_counts: the counts in task-status attributes are text.
    :param temp_error: task-status says ``TEMP_ERROR`` for ``TEMPERROR``.
    :param success_as_text: ``success`` is the text ``true``.
    :param mixed_case_status: ``Success`` and ``Error`` for ``SUCCESS`` and ``ERROR``.
    :param plain_localized_text: ``localizedText`` in task-status is text.
    :param spaced_type: a source's type is ``Delimited File``.
    :param retry_after_date: ``Retry-After`` is an HTTP date.
    :param numeric_event_id: the load-accounts answer's attributes hold ``eventId``, a number.

    Shapes nobody has shown, for questions the documents leave open:

    :param null_start: ``start`` of the aggregation status is null.
    :param null_counts: counts are null, not absent, until accounts are collected.
    :param zero_counts: counts are 0, not absent, until accounts are collected.
    :param missing_counts: task-status attributes hold no counts.
    :param offset_times: times end in ``+00:00``.
    :param epoch_milliseconds_everywhere: times in task-status are numbers too.
    :param not_found_status: the status endpoint answers 200 with ``NOT_FOUND`` where it would answer 404.
    :param busy_without_task_id: a refused start's task has no id.
    :param busy_without_status: a refused start's ``completionStatus`` is null.
    :param busy_success_false: a refused start's ``success`` is false.
    :param busy_without_record: a refused start leaves no record in task-status.
    :param empty_form_fails: a start whose multipart body has no part at all is a 500, as was seen of the
        entitlement twin of that call.
    :param early_not_found_seconds: for so long after the start the status endpoint knows nothing of it, in
        seconds at speed 1.
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
    early_not_found_seconds: float = 0.0

    def switch(self, wanted: dict[str, Any]) -> None:
        """Turn shapes on and off by name; ``all`` means :data:`SEEN`, an unknown name raises ValueError."""
        every = wanted.get("all")
        named = {name: value for name, value in wanted.items() if name != "all"}
        if unknown := named.keys() - asdict(self).keys():
            raise ValueError(f"unknown shape: {', '.join(sorted(unknown))}")
        if every is not None:
            named = dict.fromkeys(SEEN, bool(every)) | named
        for name, value in named.items():
            setattr(self, name, float(value) if name == "early_not_found_seconds" else bool(value))
