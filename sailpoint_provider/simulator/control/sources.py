"""The control API's endpoints for sources and runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from sailpoint_provider.simulator.control.endpoint import ControlCall, Endpoints, Json
from sailpoint_provider.simulator.control.records import accounts_record, run_record, source_record
from sailpoint_provider.simulator.model.accounts import AccountSet
from sailpoint_provider.simulator.model.aggregations import Outcome, RunMessage
from sailpoint_provider.simulator.model.kinds import RunKind
from sailpoint_provider.simulator.model.sources import DEFAULT_TYPE, NextRun, Source, SourceKind

ENDPOINTS = Endpoints()


@ENDPOINTS.add("GET", "/sources")
def list_sources(call: ControlCall) -> Any:
    """List the sources: type, columns, number of accounts, and whether an aggregation is running."""
    steady = call.tenant.clock.steady()
    return [source_record(source, steady) for source in call.tenant.sources.values()]


@ENDPOINTS.add(
    "POST",
    "/sources",
    "id name type header identity_attribute delete_threshold merge_rows accounts upstream"
    " entitlement_types upstream_entitlements collect_seconds process_seconds",
)
def create_source(call: ControlCall) -> Any:
    """Create a source, of type delimited, direct or cluster."""
    body, tenant = call.body, call.tenant
    header = tuple(body.get("header") or ("id", "name", "e-mail"))
    source = Source(
        id=body.get("id") or uuid4().hex,
        name=body["name"],
        kind=SourceKind(body.get("type", "delimited")),
        header=header,
        identity_attribute=body.get("identity_attribute") or header[0],
        delete_threshold=int(body.get("delete_threshold", 0)),
        merges_rows=bool(body.get("merge_rows", False)),
        number=10001 + len(tenant.sources),
        collect_seconds=_seconds(body, "collect_seconds"),
        process_seconds=_seconds(body, "process_seconds"),
        created=tenant.clock.now(),
    )
    source.held = source.accounts(body.get("accounts") or 0)
    source.upstream = source.accounts(body.get("upstream", body.get("accounts")) or 0)
    types = body.get("entitlement_types") or [DEFAULT_TYPE]
    source.entitlements = {name: AccountSet() for name in types}
    found = int(body.get("upstream_entitlements") or 0)
    source.upstream_entitlements = {name: source.numbered_entitlements(found) for name in types}
    tenant.add_source(source)
    return source_record(source, tenant.clock.steady())


@ENDPOINTS.add("GET", "/sources/{id}/accounts", parameters="limit offset")
def list_accounts(call: ControlCall) -> Any:
    """List the accounts that a source holds."""
    limit, offset = int(call.query.get("limit", 1000)), int(call.query.get("offset", 0))
    return accounts_record(call.source(), limit, offset)


@ENDPOINTS.add(
    "POST",
    "/sources/{id}/next-run",
    "outcome messages collect_seconds process_seconds fail_at accounts kind",
)
def script_next_run(call: ControlCall) -> Any:
    """Script a source's next run; call it again to script the one after that."""
    source, body = call.source(), call.body
    accounts = body.get("accounts")
    script = _script(body, RunKind(body.get("kind") or RunKind.ACCOUNTS))
    if accounts is not None:
        script = replace(script, accounts=source.accounts(accounts))
    source.next_runs.append(script)
    return {"scripted": len(source.next_runs)}


@ENDPOINTS.add("POST", "/refreshes/next-run", "outcome messages collect_seconds process_seconds fail_at")
def script_next_refresh(call: ControlCall) -> Any:
    """Script the next identity refresh; call it again to script the one after that."""
    call.tenant.next_refreshes.append(_script(call.body, RunKind.REFRESH))
    return {"scripted": len(call.tenant.next_refreshes)}


@ENDPOINTS.add("POST", "/sources/{id}/start", "kind")
def start_run(call: ControlCall) -> Any:
    """Start an aggregation as ISC's own schedule would; a delimited source keeps what it holds."""
    source, tenant = call.source(), call.tenant
    kind = RunKind(call.body.get("kind") or RunKind.ACCOUNTS)
    keeps = source.kind is SourceKind.DELIMITED
    if kind not in (RunKind.ACCOUNTS, RunKind.ENTITLEMENTS):
        raise ValueError(f"ISC has no schedule for {kind}")
    if source.is_busy(tenant.clock.steady(), kind):
        run = tenant.refuse_start(source, True, None, kind)
    elif kind is RunKind.ENTITLEMENTS:
        run = tenant.start_entitlements(
            source, source.entitlements.get(DEFAULT_TYPE) if keeps else None, None, None
        )
    else:
        run = tenant.start(source, source.held if keeps else None, True, None)
    return run_record(run, tenant.clock.steady())


@ENDPOINTS.add("POST", "/sources/{id}/state", "connection health")
def set_state(call: ControlCall) -> Any:
    """Set whether ISC can log in to a source (SUCCESS, or an error text), and its health."""
    source = call.source()
    source.connection = str(call.body.get("connection", source.connection))
    source.health = str(call.body.get("health", source.health))
    return source_record(source, call.tenant.clock.steady())


@ENDPOINTS.add("GET", "/runs", parameters="source_id")
def list_runs(call: ControlCall) -> Any:
    """List every run and every refused start, oldest first."""
    source_id = call.query.get("source_id")
    sources = [source for source in call.tenant.sources.values() if source_id in (None, source.id)]
    runs = [run for source in sources for run in source.runs]
    runs += call.tenant.refreshes if source_id is None else []
    steady = call.tenant.clock.steady()
    return [run_record(run, steady) for run in sorted(runs, key=lambda run: run.event_id)]


@ENDPOINTS.add("POST", "/runs/{id}/advance", "seconds")
def advance_run(call: ControlCall) -> Any:
    """Move a run forward by this many seconds at speed 1."""
    run = call.run()
    run.advance(float(call.body["seconds"]))
    return run_record(run, call.tenant.clock.steady())


@ENDPOINTS.add("POST", "/runs/{id}/finish", "outcome")
def finish_run(call: ControlCall) -> Any:
    """End a run now, with the given outcome or as planned."""
    run, outcome = call.run(), call.body.get("outcome")
    run.finish(call.tenant.clock.steady(), Outcome(outcome) if outcome else None)
    return run_record(run, call.tenant.clock.steady())


def _script(body: Json, kind: RunKind) -> NextRun:
    fail_at = float(body.get("fail_at", 0.5))
    if not 0 <= fail_at <= 1:
        raise ValueError(f"fail_at must be from 0 to 1, not {fail_at}")
    return NextRun(
        outcome=Outcome(body["outcome"]) if body.get("outcome") else None,
        messages=tuple(_message(message) for message in body.get("messages", ())),
        collect_seconds=_seconds(body, "collect_seconds"),
        process_seconds=_seconds(body, "process_seconds"),
        fail_at=fail_at,
        kind=kind,
    )


def _seconds(body: Json, name: str) -> float | None:
    value = body.get(name)
    return None if value is None else float(value)


def _message(message: Json | str) -> RunMessage:
    if isinstance(message, str):
        return RunMessage("INFO", message)
    return RunMessage(dict(message).get("type", "INFO"), message["text"])
