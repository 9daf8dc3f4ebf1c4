"""The paths of each API version and the calls behind them (ISC OpenAPI, paths)."""

from __future__ import annotations

from dataclasses import dataclass

API_VERSIONS = ("v1", "v2026", "v2025", "v2024", "beta")
_PREFIXED = frozenset(API_VERSIONS) - {"v1"}
_WITH_PENDING_TASKS = frozenset({"beta", "v2024", "v2025"})


@dataclass(frozen=True, slots=True)
class Target:
    """The calls behind a path.

    :param api_version: API version.
    :param calls: call name by HTTP method.
    :param id: source or task ID, empty for a collection.
    """

    api_version: str
    calls: dict[str, str]
    id: str = ""


def resolve(path: str) -> Target | None:
    """Return the calls behind a path, None if ISC has none there."""
    segments = path.split("/")[1:]
    if segments and segments[0] in _PREFIXED:
        api_version, rest = segments[0], segments[1:]
    elif len(segments) > 1 and segments[1] == "v1":
        api_version, rest = "v1", [segments[0], *segments[2:]]
    else:
        return None
    match rest:
        case ["sources"]:
            return Target(api_version, {"GET": "list_sources"})
        case ["sources", id] if id:
            return Target(api_version, {"GET": "get_source"}, id)
        case ["sources", id, "schemas"] if id:
            return Target(api_version, {"GET": "list_schemas"}, id)
        case ["sources", id, "schemas", "accounts"] if id:
            return Target(api_version, {"GET": "get_account_schema"}, id)
        case ["sources", id, "schemas", "entitlements"] if id:
            return Target(api_version, {"GET": "get_entitlement_schema"}, id)
        case ["sources", id, "load-accounts"] if id:
            return Target(api_version, {"POST": "load_accounts"}, id)
        case ["sources", id, "load-entitlements"] if id:
            return Target(api_version, {"POST": "load_entitlements"}, id)
        case ["sources", id, "load-uncorrelated-accounts"] if id:
            return Target(api_version, {"POST": "load_uncorrelated_accounts"}, id)
        case ["sources", id, "connector", "check-connection"] if id:
            return Target(api_version, {"POST": "check_connection"}, id)
        case ["sources", id, "source-health"] if id and api_version != "beta":
            return Target(api_version, {"GET": "get_source_health"}, id)
        case ["identities", "process"]:
            return Target(api_version, {"POST": "process_identities"})
        case ["identity-profiles", id, "process-identities"] if id:
            return Target(api_version, {"POST": "process_identity_profile"}, id)
        case ["accounts"]:
            return Target(api_version, {"GET": "list_accounts"})
        case ["account-aggregations", id, "status"] if id:
            return Target(api_version, {"GET": "get_aggregation_status"}, id)
        case ["task-status"]:
            return Target(api_version, {"GET": "list_task_status"})
        case ["task-status", "pending-tasks"] if api_version in _WITH_PENDING_TASKS:
            return Target(api_version, {"GET": "list_pending_tasks"})
        case ["task-status", id] if id:
            return Target(api_version, {"GET": "get_task_status", "PATCH": "update_task_status"}, id)
    return None
