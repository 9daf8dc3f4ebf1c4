"""The API generations of ISC, and the paths of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sailpoint_provider.exceptions import InvalidInputError

DEFAULT_API_VERSION = "v1"

_STATUS_USER_LEVELS = ("ORG_ADMIN", "SOURCE_ADMIN", "SOURCE_SUBADMIN")


@dataclass(frozen=True)
class ApiVersion:
    """
    One generation of ISC's API.

    :param name: ``v1``, ``v2026``, ``v2025``, ``v2024`` or ``beta``.
    :param sources: path of the sources.
    :param account_aggregations: path of the aggregation statuses.
    :param task_status: path of the task records.
    :param accounts: path of the accounts.
    :param identities: path of the identities.
    :param identity_profiles: path of the identity profiles.
    :param pending_tasks: path of the list of running tasks, where the list at ``task_status`` holds ended
        tasks only (beta and v2024, according to their OpenAPI documents); None if that list holds both.
    :param status_user_levels: the user levels that may read an aggregation status.
    :param has_source_health: whether ISC reports the health of a source (all OpenAPI documents but beta's).
    """

    name: str
    sources: str
    account_aggregations: str
    task_status: str
    accounts: str
    identities: str
    identity_profiles: str
    pending_tasks: str | None = None
    status_user_levels: tuple[str, ...] = _STATUS_USER_LEVELS
    has_source_health: bool = True


def _yearly(name: str, *, pending: bool = False, **changes: Any) -> ApiVersion:
    return ApiVersion(
        name=name,
        sources=f"/{name}/sources",
        account_aggregations=f"/{name}/account-aggregations",
        task_status=f"/{name}/task-status",
        accounts=f"/{name}/accounts",
        identities=f"/{name}/identities",
        identity_profiles=f"/{name}/identity-profiles",
        pending_tasks=f"/{name}/task-status/pending-tasks" if pending else None,
        **changes,
    )


API_VERSIONS: dict[str, ApiVersion] = {
    "v1": ApiVersion(
        name="v1",
        sources="/sources/v1",
        account_aggregations="/account-aggregations/v1",
        task_status="/task-status/v1",
        accounts="/accounts/v1",
        identities="/identities/v1",
        identity_profiles="/identity-profiles/v1",
    ),
    "v2026": _yearly("v2026"),
    "v2025": _yearly("v2025"),
    "v2024": _yearly("v2024", pending=True),
    "beta": _yearly(
        "beta",
        pending=True,
        status_user_levels=(*_STATUS_USER_LEVELS, "DASHBOARD"),
        has_source_health=False,
    ),
}


def generation(name: str) -> ApiVersion:
    """
    Return the API generation of that name, in any case.

    :raises InvalidInputError: there is none, or it has no account aggregations.
    """
    try:
        return API_VERSIONS[name.strip().lower()]
    except KeyError:
        known = ", ".join(API_VERSIONS)
        why = (
            "v3 can neither start an account aggregation nor return its status"
            if name.strip().lower() == "v3"
            else "there is no such API generation"
        )
        raise InvalidInputError(f"api_version is {name!r}; {why}. Use one of {known}.") from None
