"""The table of API generations: where each keeps the calls of this provider."""

from __future__ import annotations

from dataclasses import dataclass

from sailpoint_provider.exceptions import InvalidInputError

DEFAULT_API_VERSION = "v1"

_TASK_FILTERS = ("id", "sourceId", "type", "completionStatus")
_STATUS_USER_LEVELS = ("ORG_ADMIN", "SOURCE_ADMIN", "SOURCE_SUBADMIN")


@dataclass(frozen=True)
class ApiVersion:
    """
    One generation of ISC's API.

    :param name: ``v1``, ``v2026``, ``v2025``, ``v2024`` or ``beta``.
    :param sources: path of the sources.
    :param account_aggregations: path of the aggregation statuses.
    :param task_status: path of the task records.
    :param pending_tasks: path of the list of running tasks, where the list at ``task_status`` holds ended
        tasks only (beta and v2024, as their OpenAPI documents say); None where that list holds all.
    :param task_filters: the fields that the list of task records can be filtered by.
    :param status_user_levels: the user levels that may read an aggregation status.
    """

    name: str
    sources: str
    account_aggregations: str
    task_status: str
    pending_tasks: str | None = None
    task_filters: tuple[str, ...] = _TASK_FILTERS
    status_user_levels: tuple[str, ...] = _STATUS_USER_LEVELS


def _yearly(name: str, *, pending: bool = False, **changes: tuple[str, ...]) -> ApiVersion:
    return ApiVersion(
        name=name,
        sources=f"/{name}/sources",
        account_aggregations=f"/{name}/account-aggregations",
        task_status=f"/{name}/task-status",
        pending_tasks=f"/{name}/task-status/pending-tasks" if pending else None,
        **changes,
    )


_WITH_LAUNCHER = (*_TASK_FILTERS, "launcher")

API_VERSIONS: dict[str, ApiVersion] = {
    "v1": ApiVersion(
        "v1", "/sources/v1", "/account-aggregations/v1", "/task-status/v1", task_filters=_WITH_LAUNCHER
    ),
    "v2026": _yearly("v2026", task_filters=_WITH_LAUNCHER),
    "v2025": _yearly("v2025"),
    "v2024": _yearly("v2024", pending=True),
    "beta": _yearly("beta", pending=True, status_user_levels=(*_STATUS_USER_LEVELS, "DASHBOARD")),
}


def generation(name: str) -> ApiVersion:
    """
    Return the generation of that name.

    :raises InvalidInputError: the name is not in the table.
    """
    try:
        return API_VERSIONS[name.strip().lower()]
    except KeyError:
        known = ", ".join(API_VERSIONS)
        why = (
            "v3 has neither the start of an account aggregation nor its status"
            if name.strip().lower() == "v3"
            else "there is no such generation"
        )
        raise InvalidInputError(f"api_version {name!r} cannot be used: {why}. Use one of {known}.") from None
