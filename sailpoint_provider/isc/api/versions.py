"""The API versions of ISC, and the paths of each."""

from __future__ import annotations

from dataclasses import dataclass

from sailpoint_provider.exceptions import InvalidInputError

DEFAULT_API_VERSION = "v1"

_STATUS_USER_LEVELS = ("ORG_ADMIN", "SOURCE_ADMIN", "SOURCE_SUBADMIN")


@dataclass(frozen=True)
class ApiVersion:
    """
    One version of ISC's API.

    :param name: ``v1``, ``v2026``, ``v2025``, ``v2024`` or ``beta``.
    :param lists_ended_only: whether the list of task records holds ended tasks only (beta and v2024,
        according to their OpenAPI documents).
    :param status_user_levels: the user levels that may read an aggregation status.
    :param has_source_health: whether ISC reports the health of a source (all OpenAPI documents but beta's).
    """

    name: str
    lists_ended_only: bool = False
    status_user_levels: tuple[str, ...] = _STATUS_USER_LEVELS
    has_source_health: bool = True

    def path(self, resource: str) -> str:
        """Return the path of a resource, such as ``sources``; v1 has its name at the end."""
        return f"/{resource}/v1" if self.name == "v1" else f"/{self.name}/{resource}"

    @property
    def pending_tasks(self) -> str | None:
        """The path of the list of running tasks; None if the list of task records holds those too."""
        return f"{self.path('task-status')}/pending-tasks" if self.lists_ended_only else None


API_VERSIONS: dict[str, ApiVersion] = {
    one.name: one
    for one in (
        ApiVersion("v1"),
        ApiVersion("v2026"),
        ApiVersion("v2025"),
        ApiVersion("v2024", lists_ended_only=True),
        ApiVersion(
            "beta",
            lists_ended_only=True,
            status_user_levels=(*_STATUS_USER_LEVELS, "DASHBOARD"),
            has_source_health=False,
        ),
    )
}


def parse_api_version(name: str) -> ApiVersion:
    """
    Return the API version of that name, in any case.

    :raises InvalidInputError: there is none, or it has no account aggregations.
    """
    try:
        return API_VERSIONS[name.strip().lower()]
    except KeyError:
        known = ", ".join(API_VERSIONS)
        why = (
            "v3 can neither start an account aggregation nor return its status"
            if name.strip().lower() == "v3"
            else "there is no such API version"
        )
        raise InvalidInputError(f"api_version is {name!r}; {why}. Use one of {known}.") from None
