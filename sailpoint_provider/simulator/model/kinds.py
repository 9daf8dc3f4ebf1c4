"""The kinds of load that the tenant runs, and all that differs between them."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

Returns: TypeAlias = "tuple[tuple[str, str], ...]"


class RunKind(StrEnum):
    """What a run does."""

    ACCOUNTS = "account_aggregation"
    ENTITLEMENTS = "entitlement_aggregation"
    UNCORRELATED = "uncorrelated_accounts"
    REFRESH = "identity_refresh"

    @property
    def task_type(self) -> str:
        """Its ``type`` in the filters of task-status."""
        return _TASK_TYPES[self]

    @property
    def task_name(self) -> str:
        """Name of its tasks."""
        return _TASK_NAMES[self]

    @property
    def description(self) -> str:
        """Description of its tasks, without a source."""
        return _DESCRIPTIONS[self]

    @property
    def returns(self) -> Returns:
        """Label and attribute of each count that a task returns (ISC OpenAPI, examples of ``returns``)."""
        return _RETURNS[self]

    @property
    def busy_text(self) -> str:
        """What ISC says of a start that it refuses."""
        noun = "correlation" if self is RunKind.UNCORRELATED else "aggregation"
        return (
            f"This {noun} failed because the currently running {noun} must complete"
            " before the next one can start."
        )


_TASK_TYPES = {
    RunKind.ACCOUNTS: "CLOUD_ACCOUNT_AGGREGATION",
    RunKind.ENTITLEMENTS: "CLOUD_GROUP_AGGREGATION",
    RunKind.UNCORRELATED: "CLOUD_PROCESS_UNCORRELATED_ACCOUNTS",
    RunKind.REFRESH: "IDENTITY_REFRESH",
}
_TASK_NAMES = {
    RunKind.ACCOUNTS: "Cloud Account Aggregation",
    RunKind.ENTITLEMENTS: "Cloud Group Aggregation",
    RunKind.UNCORRELATED: "Cloud Process Uncorrelated Accounts",
    RunKind.REFRESH: "Identity Refresh",
}
_DESCRIPTIONS = {
    RunKind.ACCOUNTS: "Account aggregation",
    RunKind.ENTITLEMENTS: "Entitlement aggregation",
    RunKind.UNCORRELATED: "Processing of uncorrelated accounts",
    RunKind.REFRESH: "Identity refresh",
}
_RETURNS: dict[RunKind, Returns] = {
    RunKind.ACCOUNTS: (
        ("TASK_OUT_ACCOUNT_AGGREGATION_APPLICATIONS", "applications"),
        ("TASK_OUT_ACCOUNT_AGGREGATION_TOTAL", "total"),
        ("TASK_OUT_ACCOUNT_AGGREGATION_OPTIMIZED", "optimizedAggregation"),
        ("TASK_OUT_ACCOUNT_AGGREGATION_IGNORED", "ignored"),
        ("TASK_OUT_UNCHANGED_ACCOUNTS", "optimized"),
        ("TASK_OUT_ACCOUNT_AGGREGATION_CREATED", "created"),
        ("TASK_OUT_ACCOUNT_AGGREGATION_UPDATED", "updated"),
        ("TASK_OUT_ACCOUNT_AGGREGATION_DELETED", "deleted"),
    ),
    RunKind.ENTITLEMENTS: (
        ("TASK_OUT_ACCOUNT_GROUP_AGGREGATION_APPLICATIONS", "applications"),
        ("TASK_OUT_ACCOUNT_GROUP_AGGREGATION_TOTAL", "total"),
        ("TASK_OUT_ACCOUNT_GROUP_AGGREGATION_CREATED", "groupsCreated"),
        ("TASK_OUT_ACCOUNT_GROUP_AGGREGATION_UPDATED", "groupsUpdated"),
        ("TASK_OUT_ACCOUNT_GROUP_AGGREGATION_DELETED", "groupsDeleted"),
    ),
    RunKind.UNCORRELATED: (
        ("TASK_OUT_ACCOUNT_CORRELATION_APPLICATIONS", "applications"),
        ("TASK_OUT_ACCOUNT_CORRELATION_TOTAL", "total"),
        ("TASK_OUT_ACCOUNT_CORRELATION_FAILURES", "ignored"),
        ("TASK_OUT_UNCHANGED_ACCOUNTS", "optimized"),
        ("TASK_OUT_ACCOUNT_CORRELATION__CREATED", "created"),
        ("TASK_OUT_ACCOUNT_CORRELATION_UPDATED", "updated"),
        ("TASK_OUT_ACCOUNT_CORRELATION_DELETED", "deleted"),
    ),
    RunKind.REFRESH: (),
}
