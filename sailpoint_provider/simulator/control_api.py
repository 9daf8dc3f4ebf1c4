"""The control API under ``/_simulator``: decisions about the tenant, and the truth about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from sailpoint_provider.simulator import control_records
from sailpoint_provider.simulator.aggregations import Outcome, RunMessage
from sailpoint_provider.simulator.faults import Fault
from sailpoint_provider.simulator.oauth import ALL_SCOPES, TOKEN_LIFETIME, ApiClient
from sailpoint_provider.simulator.paths import GENERATIONS
from sailpoint_provider.simulator.sources import NextRun, Source, SourceKind

if TYPE_CHECKING:
    from starlette.requests import Request

    from sailpoint_provider.simulator.aggregations import Run
    from sailpoint_provider.simulator.tenant import Tenant

Json = dict[str, Any]


class _Control:
    """The handlers; each reads a JSON body and answers JSON."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def _source(self, request: Request) -> Source:
        source = self.tenant.sources.get(request.path_params["id"])
        if source is None:
            raise HTTPException(404, "no such source")
        source.settle(self.tenant.clock.steady())
        return source

    def _run(self, request: Request) -> Run:
        run = self.tenant.runs.get(request.path_params["id"])
        if run is None:
            raise HTTPException(404, "no such run")
        return run

    async def health(self, request: Request) -> Any:
        """Say that it is up, and how fast time runs."""
        return {"status": "up", "speed": self.tenant.clock.speed, "sources": len(self.tenant.sources)}

    async def reset(self, request: Request) -> Any:
        """Become a fresh tenant."""
        self.tenant.reset()
        return {"status": "fresh"}

    async def list_sources(self, request: Request) -> Any:
        """List the sources as they are."""
        steady = self.tenant.clock.steady()
        return [control_records.source_truth(source, steady) for source in self.tenant.sources.values()]

    async def create_source(self, request: Request) -> Any:
        """Create a source."""
        body = await _body(
            request,
            {
                "name",
                "type",
                "header",
                "identity_attribute",
                "delete_threshold",
                "accounts",
                "upstream",
                "collect_seconds",
                "process_seconds",
                "id",
            },
        )
        header = tuple(body.get("header") or ("id", "name", "e-mail"))
        source = Source(
            id=body.get("id") or uuid4().hex,
            name=body["name"],
            kind=SourceKind(body.get("type", "delimited")),
            header=header,
            identity_attribute=body.get("identity_attribute") or header[0],
            delete_threshold=int(body.get("delete_threshold", 0)),
            number=10001 + len(self.tenant.sources),
            collect_seconds=body.get("collect_seconds"),
            process_seconds=body.get("process_seconds"),
        )
        source.held = source.accounts(body.get("accounts") or 0)
        source.upstream = source.accounts(body.get("upstream", body.get("accounts")) or 0)
        self.tenant.add_source(source)
        return control_records.source_truth(source, self.tenant.clock.steady())

    async def list_accounts(self, request: Request) -> Any:
        """List the accounts a source holds now."""
        query = request.query_params
        return control_records.accounts_truth(
            self._source(request), int(query.get("limit", 1000)), int(query.get("offset", 0))
        )

    async def next_run(self, request: Request) -> Any:
        """Decide about a source's next run; several calls decide about several runs, in order."""
        source = self._source(request)
        body = await _body(
            request,
            {"outcome", "messages", "collect_seconds", "process_seconds", "fail_at", "accounts"},
        )
        fail_at = float(body.get("fail_at", 0.5))
        if not 0 <= fail_at <= 1:
            raise ValueError(f"fail_at is a fraction from 0 to 1, not {fail_at}")
        accounts = body.get("accounts")
        source.next_runs.append(
            NextRun(
                outcome=Outcome(body["outcome"]) if body.get("outcome") else None,
                messages=tuple(_message(message) for message in body.get("messages", ())),
                collect_seconds=body.get("collect_seconds"),
                process_seconds=body.get("process_seconds"),
                fail_at=fail_at,
                accounts=None if accounts is None else source.accounts(accounts),
            )
        )
        return {"scripted": len(source.next_runs)}

    async def list_runs(self, request: Request) -> Any:
        """List every run and every refused start, oldest first."""
        wanted = request.query_params.get("source_id")
        runs = [
            run
            for source in self.tenant.sources.values()
            if wanted in (None, source.id)
            for run in source.runs
        ]
        steady = self.tenant.clock.steady()
        return [control_records.run_truth(run, steady) for run in sorted(runs, key=lambda run: run.number)]

    async def advance_run(self, request: Request) -> Any:
        """Move a run on by some seconds."""
        run = self._run(request)
        run.advance(float((await _body(request, {"seconds"}))["seconds"]))
        return control_records.run_truth(run, self.tenant.clock.steady())

    async def finish_run(self, request: Request) -> Any:
        """End a run now."""
        run = self._run(request)
        outcome = (await _body(request, {"outcome"})).get("outcome")
        run.finish(self.tenant.clock.steady(), Outcome(outcome) if outcome else None)
        return control_records.run_truth(run, self.tenant.clock.steady())

    async def list_requests(self, request: Request) -> Any:
        """List the requests received, oldest first."""
        return [received.as_json() for received in self.tenant.journal.requests]

    async def clear_requests(self, request: Request) -> Any:
        """Forget the requests received."""
        self.tenant.journal.clear()
        return {"requests": 0}

    async def list_faults(self, request: Request) -> Any:
        """List the faults in force."""
        return [fault.as_json() for fault in self.tenant.faults.faults]

    async def add_fault(self, request: Request) -> Any:
        """Put a fault in force."""
        fault = Fault.of_json(await _body(request))
        self.tenant.faults.add(fault)
        return fault.as_json()

    async def clear_faults(self, request: Request) -> Any:
        """Lift all faults."""
        self.tenant.faults.clear()
        return []

    async def show_shapes(self, request: Request) -> Any:
        """Show the shapes."""
        return asdict(self.tenant.shapes)

    async def switch_shapes(self, request: Request) -> Any:
        """Turn shapes on and off."""
        self.tenant.shapes.switch(await _body(request))
        return asdict(self.tenant.shapes)

    async def set_clock(self, request: Request) -> Any:
        """Set the tenant's clock ahead or behind."""
        self.tenant.clock.skew_seconds = float((await _body(request, {"skew_seconds"}))["skew_seconds"])
        return {"skew_seconds": self.tenant.clock.skew_seconds}

    async def put_client(self, request: Request) -> Any:
        """Add a client or change one; what is not said of a known client stays."""
        body = await _body(request, {"id", "secret", "user", "scopes", "token_lifetime"})
        known = self.tenant.tokens.clients.get(body["id"])
        client = ApiClient(
            id=body["id"],
            secret=body.get("secret") or (known.secret if known else uuid4().hex),
            user=bool(body.get("user", known.user if known else True)),
            scopes=tuple(body.get("scopes", known.scopes if known else (ALL_SCOPES,))),
            token_lifetime=int(body.get("token_lifetime", known.token_lifetime if known else TOKEN_LIFETIME)),
        )
        self.tenant.tokens.register(client)
        return {"id": client.id, "user": client.user, "scopes": list(client.scopes)}

    async def revoke_tokens(self, request: Request) -> Any:
        """Make tokens invalid, of one client or of all."""
        client_id = (await _body(request, {"client_id"})).get("client_id")
        return {"revoked": self.tenant.tokens.revoke(client_id)}

    async def set_rate_limit(self, request: Request) -> Any:
        """Set another rate limit."""
        body = await _body(request, {"requests", "seconds"})
        limit = self.tenant.rate_limit
        limit.change(int(body.get("requests", limit.requests)), float(body.get("seconds", limit.seconds)))
        return {"requests": limit.requests, "seconds": limit.seconds}

    async def set_generation(self, request: Request) -> Any:
        """Retire an API generation, or mark it deprecated."""
        body = await _body(request, {"generation", "retired", "deprecated"})
        generation = body["generation"]
        if generation not in GENERATIONS:
            raise ValueError(f"generation is one of {', '.join(GENERATIONS)}")
        for name, group in (("retired", self.tenant.retired), ("deprecated", self.tenant.deprecated)):
            if name in body:
                (group.add if body[name] else group.discard)(generation)
        return {"retired": sorted(self.tenant.retired), "deprecated": sorted(self.tenant.deprecated)}


def _message(message: Json | str) -> RunMessage:
    if isinstance(message, str):
        return RunMessage("INFO", message)
    return RunMessage(message.get("type", "INFO"), message["text"])


async def _body(request: Request, known: set[str] | None = None) -> Json:
    raw = await request.body()
    body = await request.json() if raw else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    if known is not None and (unknown := body.keys() - known):
        raise ValueError(f"unknown field: {', '.join(sorted(unknown))}")
    return body


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    text = f"missing field: {error.args[0]}" if isinstance(error, KeyError) else str(error)
    return JSONResponse({"error": text}, 400)


def control_application(tenant: Tenant) -> Starlette:
    """Build the control API of a tenant."""
    control = _Control(tenant)
    endpoints = [
        ("GET", "/health", control.health),
        ("POST", "/reset", control.reset),
        ("GET", "/sources", control.list_sources),
        ("POST", "/sources", control.create_source),
        ("GET", "/sources/{id}/accounts", control.list_accounts),
        ("POST", "/sources/{id}/next-run", control.next_run),
        ("GET", "/runs", control.list_runs),
        ("POST", "/runs/{id}/advance", control.advance_run),
        ("POST", "/runs/{id}/finish", control.finish_run),
        ("GET", "/requests", control.list_requests),
        ("DELETE", "/requests", control.clear_requests),
        ("GET", "/faults", control.list_faults),
        ("POST", "/faults", control.add_fault),
        ("DELETE", "/faults", control.clear_faults),
        ("GET", "/shapes", control.show_shapes),
        ("POST", "/shapes", control.switch_shapes),
        ("POST", "/clock", control.set_clock),
        ("POST", "/clients", control.put_client),
        ("POST", "/tokens/revoke", control.revoke_tokens),
        ("POST", "/rate-limit", control.set_rate_limit),
        ("POST", "/generations", control.set_generation),
    ]
    refusals = dict.fromkeys((HTTPException, KeyError, ValueError, TypeError), _refuse)
    return Starlette(
        routes=[
            Route(f"/_simulator{path}", _json(handler), methods=[verb]) for verb, path, handler in endpoints
        ],
        exception_handlers=refusals,
    )


def _json(handler: Any) -> Any:
    async def answer(request: Request) -> JSONResponse:
        return JSONResponse(await handler(request))

    return answer
