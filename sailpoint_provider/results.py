"""The result of an aggregation: what operator, sensor and hook return, JSON only."""

from __future__ import annotations

from typing import Literal, TypedDict

State = Literal["running", "succeeded", "succeeded_with_warnings", "failed", "cancelled", "terminated"]


class ResultMessage(TypedDict):
    """
    One message of ISC's task record.

    :param type: ``INFO``, ``WARN`` or ``ERROR`` as ISC said, None where it said nothing.
    :param text: the text in ISC's own words.
    """

    type: str | None
    text: str


class ResultCounts(TypedDict):
    """
    Numbers of accounts from ISC's task record; None where ISC gave none.

    :param total: accounts scanned.
    :param created: accounts new since the previous aggregation.
    :param updated: accounts changed since the previous aggregation.
    :param deleted: accounts removed.
    :param unchanged: accounts that optimisation passed over.
    :param ignored: accounts that ISC left out.
    """

    total: int | None
    created: int | None
    updated: int | None
    deleted: int | None
    unchanged: int | None
    ignored: int | None


class ResultFile(TypedDict):
    """
    The file that was sent.

    :param name: file name without its folder.
    :param size_bytes: number of bytes sent.
    :param sha256: SHA-256 of the bytes sent, 64 hex characters.
    """

    name: str
    size_bytes: int
    sha256: str


class AggregationResult(TypedDict):
    """
    What is known of one account aggregation, JSON only, so that it fits an XCom.

    :param aggregation_id: ISC's task id of the aggregation.
    :param source_id: id of the aggregated source, None where ISC does not say.
    :param source_name: name of the aggregated source, None where ISC does not say.
    :param state: how the aggregation ended, or ``running``.
    :param status: what the status endpoint said last, None where it said nothing.
    :param completion_status: what the task record says of the end, None while there is none.
    :param started: begin in ISO 8601 UTC, None where unknown.
    :param completed: end in ISO 8601 UTC, None where unknown.
    :param duration_seconds: seconds from begin to end, None where one is unknown.
    :param total_accounts: new, changed and deleted accounts to process (not the unchanged ones).
    :param processed_accounts: how many of them are processed.
    :param accounts_marked_for_deletion: accounts found missing.
    :param deleted_accounts: how many of those are deleted.
    :param total_identities: identities to refresh.
    :param processed_identities: how many of them are refreshed.
    :param counts: numbers of accounts from the task record.
    :param deletions_skipped: True where ISC says that its delete threshold kept accounts from deletion.
    :param messages: the messages of the task record.
    :param file: the file that was sent, None where there was none or this task did not send it.
    """

    aggregation_id: str
    source_id: str | None
    source_name: str | None
    state: State
    status: str | None
    completion_status: str | None
    started: str | None
    completed: str | None
    duration_seconds: float | None
    total_accounts: int | None
    processed_accounts: int | None
    accounts_marked_for_deletion: int | None
    deleted_accounts: int | None
    total_identities: int | None
    processed_identities: int | None
    counts: ResultCounts
    deletions_skipped: bool
    messages: list[ResultMessage]
    file: ResultFile | None
