"""The control API's endpoints for the tenant: clock, clients, faults, shapes and limits."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import uuid4

from sailpoint_provider.simulator.api.paths import API_VERSIONS
from sailpoint_provider.simulator.control.endpoint import ControlCall, Endpoints
from sailpoint_provider.simulator.faults.script import Fault
from sailpoint_provider.simulator.model.clock import iso_time
from sailpoint_provider.simulator.model.shapes import Shapes
from sailpoint_provider.simulator.model.tokens import ALL_SCOPES, TOKEN_LIFETIME, ApiClient

ENDPOINTS = Endpoints()


@ENDPOINTS.add("GET", "/health")
def health(call: ControlCall) -> Any:
    """Report that the tenant is running, and its speed."""
    return {"status": "up", "speed": call.tenant.clock.speed, "sources": len(call.tenant.sources)}


@ENDPOINTS.add("POST", "/reset")
def reset(call: ControlCall) -> Any:
    """Start over with a fresh tenant; only the speed stays."""
    call.tenant.reset()
    call.faults.reset()
    return {"status": "fresh"}


@ENDPOINTS.add("GET", "/requests")
def list_requests(call: ControlCall) -> Any:
    """List the requests received, oldest first, without secrets."""
    return [received.as_json() for received in call.tenant.journal]


@ENDPOINTS.add("DELETE", "/requests")
def clear_requests(call: ControlCall) -> Any:
    """Clear the list of requests."""
    call.tenant.journal.clear()
    return {"requests": 0}


@ENDPOINTS.add("GET", "/faults")
def list_faults(call: ControlCall) -> Any:
    """List the faults, with how often each matched and struck."""
    return [fault.as_json() for fault in call.faults.faults]


@ENDPOINTS.add("POST", "/faults", "then method path api_version start nth skip times chance seed")
def add_fault(call: ControlCall) -> Any:
    """Add a fault: which requests it hits, and what happens to them."""
    fault = Fault.of_json(call.body)
    call.faults.add(fault)
    return fault.as_json()


@ENDPOINTS.add("DELETE", "/faults")
def clear_faults(call: ControlCall) -> Any:
    """Remove all faults."""
    call.faults.clear()
    return []


@ENDPOINTS.add("GET", "/shapes")
def show_shapes(call: ControlCall) -> Any:
    """Show which unusual answer shapes are on."""
    return asdict(call.tenant.shapes)


@ENDPOINTS.add("POST", "/shapes", " ".join(("all", *asdict(Shapes()))))
def switch_shapes(call: ControlCall) -> Any:
    """Switch unusual answer shapes on or off; all stands for those seen in the wild."""
    call.tenant.shapes.switch(call.body)
    return asdict(call.tenant.shapes)


@ENDPOINTS.add("GET", "/clock")
def show_clock(call: ControlCall) -> Any:
    """Show the tenant's time and its skew against this machine."""
    clock = call.tenant.clock
    return {"now": iso_time(clock.now()), "skew_seconds": clock.skew_seconds}


@ENDPOINTS.add("POST", "/clock", "skew_seconds")
def set_clock(call: ControlCall) -> Any:
    """Set the tenant's clock ahead of this machine, or behind it with a negative number."""
    call.tenant.clock.set_skew(float(call.body["skew_seconds"]))
    return show_clock(call)


@ENDPOINTS.add("POST", "/clients", "id secret user scopes token_lifetime")
def put_client(call: ControlCall) -> Any:
    """Add an API client or change one; fields left out keep their values."""
    body, tokens = call.body, call.tenant.tokens
    known = tokens.clients.get(body["id"])
    client = ApiClient(
        id=body["id"],
        secret=body.get("secret") or (known.secret if known else uuid4().hex),
        user=bool(body.get("user", known.user if known else True)),
        scopes=tuple(body.get("scopes", known.scopes if known else (ALL_SCOPES,))),
        token_lifetime=int(body.get("token_lifetime", known.token_lifetime if known else TOKEN_LIFETIME)),
    )
    tokens.register(client)
    return {"id": client.id, "user": client.user, "scopes": list(client.scopes)}


@ENDPOINTS.add("POST", "/tokens/revoke", "client_id")
def revoke_tokens(call: ControlCall) -> Any:
    """Revoke the tokens of one client, or of all."""
    return {"revoked": call.tenant.tokens.revoke(call.body.get("client_id"))}


@ENDPOINTS.add("GET", "/subscriptions")
def list_invocations(call: ControlCall) -> Any:
    """List the events that were posted to subscribers, oldest first, with the status of each answer."""
    return [asdict(one) for one in call.tenant.subscriptions.invocations]


@ENDPOINTS.add("POST", "/subscriptions", "url bearer_token")
def subscribe(call: ControlCall) -> Any:
    """Post the event idn:account-aggregation-completed to a URL of this machine from now on."""
    tenant, body = call.tenant, call.body
    subscription = tenant.subscriptions.subscribe(body["url"], body.get("bearer_token"))
    if len(tenant.subscriptions.active) == 1:
        # What ended before the first subscription is told to nobody.
        tenant.subscriptions.newly_ended(tenant.runs.values(), tenant.clock.steady())
    return {"id": subscription.id, "url": subscription.url}


@ENDPOINTS.add("DELETE", "/subscriptions")
def unsubscribe(call: ControlCall) -> Any:
    """Remove all subscriptions."""
    call.tenant.subscriptions.active.clear()
    return []


@ENDPOINTS.add("POST", "/rate-limit", "requests seconds")
def set_rate_limit(call: ControlCall) -> Any:
    """Change the rate limit and restart the count."""
    limit = call.tenant.rate_limit
    limit.change(
        int(call.body.get("requests", limit.requests)), float(call.body.get("seconds", limit.seconds))
    )
    return {"requests": limit.requests, "seconds": limit.seconds}


@ENDPOINTS.add("POST", "/api-versions", "api_version retired deprecated")
def set_api_version(call: ControlCall) -> Any:
    """Retire an API version (410) or deprecate it (X-Deprecated)."""
    api_version = call.body["api_version"]
    if api_version not in API_VERSIONS:
        raise ValueError(f"API version must be one of {', '.join(API_VERSIONS)}")
    for name, group in (("retired", call.tenant.retired), ("deprecated", call.tenant.deprecated)):
        if name in call.body:
            (group.add if call.body[name] else group.discard)(api_version)
    return {"retired": sorted(call.tenant.retired), "deprecated": sorted(call.tenant.deprecated)}
