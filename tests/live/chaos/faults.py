"""Draws the fault that a call meets: anything that ISC, or a network in between, could do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.live.chaos.rivals import NEVER_ARRIVED, REFUSED_AND_LATE, REFUSED_AND_LOST, RIVAL_REFUSED_AND_LOST

if TYPE_CHECKING:
    from random import Random

    from sailpoint_provider.isc.api.exchange import Request

Json = dict[str, Any]

STARTS = ("/load-accounts", "/load-entitlements", "/load-uncorrelated-accounts")
"""The calls that start a load; faults and crashes know them by the name of the first one."""

STATUS_CALLS = ("task_status", "aggregation_status")
LIST_CALLS = ("list_tasks", "list_pending", "find_source", "source_facts")
CHANCES = {"load_accounts": 0.4, "token": 0.08}
USUAL_CHANCE = 0.1
# Real seconds after which a client gives up; faults that take that long are rare.
SILENCE_SECONDS = 1.0
LATE_SECONDS = 0.25
"""Most real seconds after its gateway's timeout at which a start takes effect: 10 s of the fast clock."""


def name_of(call: Request[Any]) -> str:
    """Return the name of a call."""
    if call.is_token_request:
        return "token"
    path = call.path
    if path.endswith(STARTS):
        return "load_accounts"
    if path.endswith("/pending-tasks"):
        return "list_pending"
    if "/account-aggregations/" in path:
        return "aggregation_status"
    if "/task-status" in path:
        return "list_tasks" if call.query else "task_status"
    if "/schemas" in path or path.rpartition("/accounts")[2] in ("", "/v1"):
        return "source_facts"
    return "find_source" if call.query else "get_source"


def draw_trouble(name: str, rng: Random, weather: float, secrets: list[str]) -> Json | None:
    """
    Decide whether a request meets a fault, and which.

    :param name: the call, as :func:`name_of` returns it.
    :param weather: factor on the usual probability.
    :param secrets: what a careless server may send back.
    :returns: a fault in the form of the simulator's control API, or of a kind that only chaos knows; None for
        none.
    """
    if rng.random() >= min(0.8, CHANCES.get(name, USUAL_CHANCE) * weather):
        return None
    menu = _menu(name, rng, secrets)
    return rng.choices([trouble for _, trouble in menu], [weight for weight, _ in menu])[0]


def late_start(rng: Random) -> Json:
    """Return the fault of a start that takes effect only after its gateway has timed out."""
    return {"kind": "late", "delay_seconds": rng.uniform(0.0, LATE_SECONDS)}


def trouble_beside_rival(kind: str, rng: Random) -> Json | None:
    """
    Return the fault that a start beside a rival of this kind meets.

    :param kind: one of :data:`tests.live.chaos.rivals.RIVAL_KINDS`.
    :returns: a fault; None if the response arrives.
    """
    if kind == REFUSED_AND_LATE:
        return late_start(rng)
    if kind in (REFUSED_AND_LOST, RIVAL_REFUSED_AND_LOST):
        return rng.choice(_lost("after"))
    return rng.choice(_lost("before")) if kind == NEVER_ARRIVED else None


def _lost(when: str) -> tuple[Json, ...]:
    """Return the faults after which a client cannot know whether a request took effect."""
    return (
        {"kind": "reset", "when": when},
        {"kind": "disconnect", "when": when},
        {"kind": "answer", "when": when, "status": 502},
        {"kind": "answer", "when": when, "status": 504},
        {"kind": "html", "when": when},
    )


def _menu(name: str, rng: Random, secrets: list[str]) -> list[tuple[float, Json]]:
    when = rng.choice(("before", "after"))
    menu: list[tuple[float, Json]] = [
        (2, {"kind": "refuse"}),
        (3, {"kind": "reset", "when": "before"}),
        (4, {"kind": "reset", "when": "after"}),
        (2, {"kind": "disconnect", "when": when}),
        (0.5, {"kind": "timeout", "when": "after"}),
        (0.2, {"kind": "timeout", "when": "before"}),
        (0.5, {"kind": "stall"}),
        (2, {"kind": "cut_body"}),
        (1, {"kind": "delay", "delay_seconds": rng.uniform(0.01, 0.2)}),
        (2, {"kind": "rate_limit", "when": "before", "retry_after": rng.randint(1, 20)}),
        (1, {"kind": "rate_limit", "when": "before", "retry_after": {"date": rng.randint(1, 20)}}),
        (1, {"kind": "rate_limit", "when": "before", "retry_after": None}),
        (0.1, {"kind": "rate_limit", "when": "before", "retry_after": 150}),
        (6, {"kind": "answer", "when": when, "status": rng.choice((500, 502, 503, 504))}),
        (1, {"kind": "answer", "when": when, "status": 503, "headers": {"Retry-After": "7"}}),
        (1, {"kind": "not_json", "when": when}),
        (1, {"kind": "html", "when": when}),
        (1, {"kind": "redirect", "when": when}),
        (2, {"kind": "clock_skew", "seconds": rng.choice((-600, 600))}),
        (1, {"kind": "other_shape", "when": when, "body": _other_shape(name, rng)}),
        (1, _careless(rng, secrets)),
    ]
    if name != "token":
        menu += [(2, {"kind": "expired_token", "when": "before"}), (1, {"kind": "revoke"})]
    if name == "load_accounts":
        menu.append((4, late_start(rng)))
    if name in STATUS_CALLS:
        menu.append((2, {"kind": "answer", "when": "before", "status": 404}))
    if name == "get_source":
        menu.append((0.3, {"kind": "answer", "when": "before", "status": 404}))
    return menu


def _other_shape(name: str, rng: Random) -> Any:
    if name == "load_accounts":
        return rng.choice(([], {}, {"success": True}, {"success": True, "task": None}, {"task": {}}))
    return {"unexpected": True} if name in LIST_CALLS else [{"unexpected": True}]


def _careless(rng: Random, secrets: list[str]) -> Json:
    said = f"cannot handle the request with {rng.choice(secrets)}" if secrets else "cannot handle the request"
    body = {"detailCode": "500.0 Internal fault", "messages": [{"text": said}], "error": said}
    return {"kind": "answer", "when": "before", "status": 500, "body": body}


def title_of(trouble: Json) -> str:
    """Return the name under which a fault is counted."""
    kind, status = trouble["kind"], trouble.get("status", "")
    if kind == "rate_limit":
        wait = trouble["retry_after"]
        if not wait:
            return "429 without Retry-After"
        return f"429 with Retry-After as {'a date' if isinstance(wait, dict) else 'seconds'}"
    if kind == "answer":
        kind = f"HTTP {status}" + (" that reveals a secret" if "body" in trouble else "")
    return f"{kind}, {trouble['when']} the request took effect" if "when" in trouble else str(kind)
