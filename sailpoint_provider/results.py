"""The result of an aggregation, as the operator, the sensor and the hook return it."""

from __future__ import annotations

from typing import Literal, TypedDict

State = Literal["running", "succeeded", "succeeded_with_warnings", "failed", "cancelled", "terminated"]


class ResultMessage(TypedDict):
    """
    One message of ISC's task record.

    :param type: ``INFO``, ``WARN`` or ``ERROR``; None if ISC gives no type.
    :param text: the text, unchanged.
    """

    type: str | None
    text: str


class AccountCounts(TypedDict):
    """
    What an aggregation did to accounts; None if ISC gives no number.

    The task record counts every account once the aggregation has ended. The status endpoint counts the
    accounts that need processing, until about an hour after the end.

    :param scanned: accounts read from the source or the file.
    :param created: accounts that are new since the previous aggregation.
    :param updated: accounts that changed since the previous aggregation.
    :param deleted: accounts that were removed.
    :param unchanged: accounts that optimization skipped because they did not change.
    :param ignored: accounts that ISC ignored.
    :param to_process: new, changed and deleted accounts to process.
    :param processed: how many of those are processed.
    :param marked_for_deletion: accounts that were missing from the source or the file.
    """

    scanned: int | None
    created: int | None
    updated: int | None
    deleted: int | None
    unchanged: int | None
    ignored: int | None
    to_process: int | None
    processed: int | None
    marked_for_deletion: int | None


class EntitlementCounts(TypedDict):
    """
    What an entitlement aggregation did to entitlements, from the task record; None if ISC gives no number.

    :param scanned: entitlements read from the source or the file.
    :param created: entitlements that are new since the previous aggregation.
    :param updated: entitlements that changed since the previous aggregation.
    :param deleted: entitlements that were removed.
    """

    scanned: int | None
    created: int | None
    updated: int | None
    deleted: int | None


class IdentityCounts(TypedDict):
    """
    What an aggregation did to identities, from the status endpoint; None if ISC gives no number.

    :param to_refresh: identities to refresh.
    :param refreshed: how many of those are refreshed.
    """

    to_refresh: int | None
    refreshed: int | None


class UploadedFile(TypedDict):
    """
    The file that was sent, as ISC acknowledged it.

    :param name: file name without its folder.
    :param size_bytes: number of bytes sent.
    :param sha256: SHA-256 of the bytes sent, 64 hex characters.
    :param rows: number of rows without the header, as the check counted them; None without a check.
    """

    name: str
    size_bytes: int
    sha256: str
    rows: int | None


class AggregationResult(TypedDict):
    """
    What is known about one aggregation, or another load. It is plain JSON, so it fits into an XCom.

    An account aggregation and a load of uncorrelated accounts count accounts, an entitlement aggregation
    counts entitlements. The other counts are None.

    :param aggregation_id: ISC's ID of the aggregation, which is the ID of its task.
    :param source_id: ID of the source, None if unknown.
    :param source_name: name of the source, None if unknown.
    :param state: how the aggregation ended, or ``running``.
    :param status: ``status`` of the status endpoint, None if it gave none.
    :param completion_status: ``completionStatus`` of the task record, None if it gave none.
    :param started: start time in ISO 8601 UTC, None if unknown.
    :param completed: end time in ISO 8601 UTC, None if unknown.
    :param duration_seconds: seconds from start to end, None if one of them is unknown.
    :param accounts: numbers of accounts.
    :param entitlements: numbers of entitlements.
    :param identities: numbers of identities.
    :param deletions_skipped: True if ISC kept accounts because the source's delete threshold was exceeded.
    :param messages: the messages of the task record.
    :param file: the file that was sent, None if this task sent none.
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
    accounts: AccountCounts
    entitlements: EntitlementCounts
    identities: IdentityCounts
    deletions_skipped: bool
    messages: list[ResultMessage]
    file: UploadedFile | None


class RefreshPart(TypedDict):
    """
    One request of an identity refresh, and how ISC's task for it ended.

    :param task_id: ID of ISC's task, None if ISC gave none.
    :param identities: number of identities in the request; None for an identity profile.
    :param state: how the task ended, or ``running`` if it was not waited for.
    :param completion_status: ``completionStatus`` of the task record, None if it gave none.
    :param started: start time in ISO 8601 UTC, None if unknown.
    :param completed: end time in ISO 8601 UTC, None if unknown.
    :param messages: the messages of the task record.
    """

    task_id: str | None
    identities: int | None
    state: State
    completion_status: str | None
    started: str | None
    completed: str | None
    messages: list[ResultMessage]


class IdentityRefreshResult(TypedDict):
    """
    What is known about one identity refresh. It is plain JSON, so it fits into an XCom.

    :param state: the worst state of its parts; ``running`` if they were not waited for.
    :param identities: number of identities; None for an identity profile.
    :param identity_profile_id: ID of the identity profile, None for single identities.
    :param parts: the requests, of up to 250 identities each.
    """

    state: State
    identities: int | None
    identity_profile_id: str | None
    parts: list[RefreshPart]


class SourceReadiness(TypedDict):
    """
    Whether one source is ready to be loaded. It is plain JSON, so it fits into an XCom.

    :param source_id: ID of the source.
    :param source_name: name of the source.
    :param verdict: ``ready``, ``not ready``, or ``unknown`` if nothing could be checked.
    :param connection: ISC's ``SUCCESS`` or ``FAILURE``; None if the connection was not checked.
    :param health: ISC's state of the source, such as ``SOURCE_STATE_HEALTHY``; None if it was not read.
    :param milliseconds: how long the check of the connection took; None if it is unknown.
    :param reason: why it is not ready, or what could not be checked; empty otherwise.
    """

    source_id: str
    source_name: str
    verdict: Literal["ready", "not ready", "unknown"]
    connection: str | None
    health: str | None
    milliseconds: int | None
    reason: str


class CheckSummary(TypedDict):
    """
    The report of a file's check in short: its verdict and its counts, but no key and no value of the file.

    :param verdict: what the rules say: ``passed``, ``refused`` or ``repeated``.
    :param approved: whether a person approved the content although the verdict is another one.
    :param rows: rows without the header; None if unknown.
    :param accounts: accounts in them; None without a key.
    :param last_accounts: accounts in the last loaded file; None if nothing was compared.
    :param tenant_accounts: accounts that ISC held; None where unknown.
    :param joiners: accounts that the load would create; None if nothing was compared.
    :param movers: accounts that it would change; None if nothing was compared.
    :param leavers: accounts that it would delete; None if nothing was compared.
    :param refused_by: names of the rules that refuse the file.
    """

    verdict: Literal["passed", "refused", "repeated"]
    approved: bool
    rows: int | None
    accounts: int | None
    last_accounts: int | None
    tenant_accounts: int | None
    joiners: int | None
    movers: int | None
    leavers: int | None
    refused_by: list[str]


class LoadEvent(TypedDict):
    """
    What an asset event says about a load; plain JSON.

    :param version: 1.
    :param aggregation_id: ISC's ID of the aggregation; None in an event that comes from ISC's webhook.
    :param kind: the kind of load, such as ``account aggregation``.
    :param state: how it ended.
    :param source_id: ID of the source, None if unknown.
    :param source_name: name of the source, None if unknown.
    :param source_uri: URI of the source's asset, None if the source is unknown.
    :param started: start time in ISO 8601 UTC, None if unknown.
    :param completed: end time in ISO 8601 UTC, None if unknown.
    :param duration_seconds: seconds from start to end, None if one of them is unknown.
    :param accounts: numbers of accounts.
    :param entitlements: numbers of entitlements.
    :param deletions_skipped: True if ISC kept accounts because the source's delete threshold was exceeded.
    :param file: the file that the task sent; None if it sent none, or if another client started the load.
    :param check: the check of that file; None if there was none.
    """

    version: int
    aggregation_id: str | None
    kind: str
    state: State
    source_id: str | None
    source_name: str | None
    source_uri: str | None
    started: str | None
    completed: str | None
    duration_seconds: float | None
    accounts: AccountCounts
    entitlements: EntitlementCounts
    deletions_skipped: bool
    file: UploadedFile | None
    check: CheckSummary | None


class LoadEvents(TypedDict):
    """
    What one event of a watcher says about several loads that ended since its last look; plain JSON.

    :param version: 1.
    :param loads: the loads, in the order in which they ended.
    """

    version: int
    loads: list[LoadEvent]
