"""The API generations of ISC, and the paths of each."""

from __future__ import annotations

from dataclasses import dataclass

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
    :param pending_tasks: path of the list of running tasks, where the list at ``task_status`` holds ended
        tasks only (beta and v2024, according to their OpenAPI documents); None if that list holds both.
    :param status_user_levels: the user levels that may read an aggregation status.
    """

    name: str
    sources: str
    account_aggregations: str
    task_status: str
    accounts: str
    pending_tasks: str | None = None
    status_user_levels: tuple[str, ...] = _STATUS_USER_LEVELS


def _yearly(name: str, *, pending: bool = False, **changes: tuple[str, ...]) -> ApiVersion:
    return ApiVersion(
        name=name,
        sources=f"/{name}/sources",
        account_aggregations=f"/{name}/account-aggregations",
        task_status=f"/{name}/task-status",
        accounts=f"/{name}/accounts",
        pending_tasks=f"/{name}/task-status/pending-tasks" if pending else None,
        **changes,
    )


API_VERSIONS: dict[str, ApiVersion] = {
    "v1": ApiVersion("v1", "/sources/v1", "/account-aggregations/v1", "/task-status/v1", "/accounts/v1"),
    "v2026": _yearly("v2026"),
    "v2025": _yearly("v2025"),
    "v2024": _yearly("v2024", pending=True),
    "beta": _yearly("beta", pending=True, status_user_levels=(*_STATUS_USER_LEVELS, "DASHBOARD")),
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
