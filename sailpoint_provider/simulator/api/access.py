"""Scopes and users that each call requires (ISC OpenAPI, security)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sailpoint_provider.simulator.api.answers import Answer, error_answer
from sailpoint_provider.simulator.api.paths import API_VERSIONS

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.tokens import ApiClient

_EVERYWHERE = frozenset(API_VERSIONS)
_BETA = frozenset({"beta"})


@dataclass(frozen=True)
class Rule:
    """What a call requires.

    :param scopes: scopes of which a client needs one; empty if any token will do.
    :param user_only: API versions that refuse clients without a user.
    """

    scopes: tuple[str, ...] = ()
    user_only: frozenset[str] = frozenset()


_SOURCES = ("idn:sources:read", "idn:sources:manage")
_SCHEMAS = ("idn:source-schema:read", "idn:source-schema:manage")
_TASKS = ("idn:task-management:read", "idn:task-management:write")
RULES = {
    "list_sources": Rule(_SOURCES, _BETA),
    "get_source": Rule(_SOURCES),
    "list_schemas": Rule(_SCHEMAS, _EVERYWHERE),
    "get_account_schema": Rule(_SCHEMAS, _EVERYWHERE),
    "list_accounts": Rule(("idn:accounts:read", "idn:accounts:manage")),
    "get_entitlement_schema": Rule(_SCHEMAS, _EVERYWHERE),
    "load_accounts": Rule(("idn:sources:manage",), _BETA),
    "load_entitlements": Rule(("idn:entitlement:manage",), _EVERYWHERE),
    "load_uncorrelated_accounts": Rule(("idn:sources:manage",), _BETA),
    "process_identities": Rule(("idn:identity:process", "idn:identity:manage")),
    "process_identity_profile": Rule(("idn:identity-profile:manage",)),
    "check_connection": Rule(("idn:source-connector:manage",)),
    "get_source_health": Rule(_SOURCES),
    "get_aggregation_status": Rule((), _EVERYWHERE),
    "list_task_status": Rule(_TASKS),
    "list_pending_tasks": Rule(_TASKS),
    "get_task_status": Rule(_TASKS),
    "update_task_status": Rule(("idn:task-management:write",), _EVERYWHERE),
}


def refusal(client: ApiClient, call: str, api_version: str) -> Answer | None:
    """Return the 403 if the client may not make the call, else None."""
    rule = RULES[call]
    if rule.scopes and not client.may(*rule.scopes):
        return _forbidden()
    if api_version in rule.user_only and not client.user:
        return _forbidden()
    return None


def _forbidden() -> Answer:
    return error_answer(403, "The client is not allowed to make this call.")
