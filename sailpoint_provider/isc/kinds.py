"""The kinds of load that ISC offers, and all that differs between them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sailpoint_provider.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCOUNT_COUNTS: Mapping[str, str] = MappingProxyType(
    {
        "scanned": "total",
        "created": "created",
        "updated": "updated",
        "deleted": "deleted",
        "unchanged": "optimized",
        "ignored": "ignored",
    }
)


class LoadKind(NamedTuple):
    """
    One kind of load: a long-running task of ISC that a request starts.

    :param key: its name in parameters, checkpoints and triggers.
    :param name: what it is called in logs and errors.
    :param noun: what it is called where the kind is clear.
    :param path: last part of the start's path, below the source or the identities.
    :param task_type: ``type`` of its task records in ISC's filters; None if no document states it.
    :param scope: the OAuth scope that the start requires.
    :param needs_user: whether the start requires a personal access token.
    :param takes_file: whether a delimited-file source takes a file; it needs one, unless a virtual appliance
        reads it.
    :param takes_file_always: whether every source takes a file.
    :param can_disable_optimization: whether the start can turn optimization off.
    :param has_status: whether ISC reports its progress at a status endpoint besides the task record.
    :param may_have_uuid: whether its ID can be a UUID with hyphens instead of 32 hex characters.
    :param counts: which counts of the result the task record has under which name.
    :param counted: what these counts are of: ``accounts`` or ``entitlements``.
    """

    key: str
    name: str
    noun: str
    path: str
    task_type: str | None
    scope: str
    needs_user: bool = False
    takes_file: bool = True
    takes_file_always: bool = False
    has_status: bool = False
    can_disable_optimization: bool = False
    may_have_uuid: bool = False
    counts: Mapping[str, str] = MappingProxyType({})
    counted: Literal["accounts", "entitlements"] = "accounts"

    @property
    def indefinite(self) -> str:
        """The name with its indefinite article."""
        return f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name}"

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by the key: there is one object of each kind, and a view cannot be copied."""
        return kind_of, (self.key,)


ACCOUNT_TASK_TYPE = "CLOUD_ACCOUNT_AGGREGATION"
"""ISC's ``type`` of the tasks that load accounts."""

ACCOUNT_AGGREGATION = LoadKind(
    key="account_aggregation",
    name="account aggregation",
    noun="aggregation",
    path="load-accounts",
    task_type=ACCOUNT_TASK_TYPE,
    scope="idn:sources:manage",
    has_status=True,
    can_disable_optimization=True,
    counts=_ACCOUNT_COUNTS,
)

ENTITLEMENT_AGGREGATION = LoadKind(
    key="entitlement_aggregation",
    name="entitlement aggregation",
    noun="aggregation",
    path="load-entitlements",
    task_type="CLOUD_GROUP_AGGREGATION",
    scope="idn:entitlement:manage",
    needs_user=True,
    counts=MappingProxyType(
        {
            "scanned": "total",
            "created": "groupsCreated",
            "updated": "groupsUpdated",
            "deleted": "groupsDeleted",
        }
    ),
    counted="entitlements",
)

UNCORRELATED_ACCOUNTS = LoadKind(
    key="uncorrelated_accounts",
    name="load of uncorrelated accounts",
    noun="load",
    path="load-uncorrelated-accounts",
    task_type="CLOUD_PROCESS_UNCORRELATED_ACCOUNTS",
    scope="idn:sources:manage",
    takes_file_always=True,
    counts=_ACCOUNT_COUNTS,
)

# SailPoint's documents of v1 and v2026 know a task type IDENTITY_REFRESH, but none of them says that it is
# the type of the tasks that this call starts, and the other API versions do not know it.
IDENTITY_REFRESH = LoadKind(
    key="identity_refresh",
    name="identity refresh",
    noun="refresh",
    path="process",
    task_type=None,
    scope="idn:identity:process",
    takes_file=False,
    may_have_uuid=True,
)

KINDS: Mapping[str, LoadKind] = MappingProxyType(
    {
        kind.key: kind
        for kind in (ACCOUNT_AGGREGATION, ENTITLEMENT_AGGREGATION, UNCORRELATED_ACCOUNTS, IDENTITY_REFRESH)
    }
)


def kind_of(key: object) -> LoadKind:
    """
    Return the kind of load with this key.

    :raises InvalidInputError: there is none.
    """
    kind = KINDS.get(key) if isinstance(key, str) else None
    if kind is None:
        raise InvalidInputError(f"kind must be one of {', '.join(KINDS)}, not {key!r}.")
    return kind
