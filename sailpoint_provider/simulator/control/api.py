"""The control API under ``/_simulator``: scripts the tenant, and reports what really happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sailpoint_provider.simulator.api.paths import API_VERSIONS
from sailpoint_provider.simulator.control.airflow_connection import airflow_connection
from sailpoint_provider.simulator.control.endpoint import ControlCall
from sailpoint_provider.simulator.control.sources import ENDPOINTS as SOURCE_ENDPOINTS
from sailpoint_provider.simulator.control.tenant import ENDPOINTS as TENANT_ENDPOINTS
from sailpoint_provider.simulator.model.tokens import DEFAULT_CLIENT_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from sailpoint_provider.simulator.control.endpoint import Endpoint, Json
    from sailpoint_provider.simulator.faults.script import FaultScript
    from sailpoint_provider.simulator.model.tenant import Tenant

ENDPOINTS = (*TENANT_ENDPOINTS, *SOURCE_ENDPOINTS)
_REFUSED = (HTTPException, KeyError, ValueError, TypeError, OverflowError, RecursionError)


def control_application(tenant: Tenant, faults: FaultScript) -> Starlette:
    """Build the control API of a tenant, with an index of its endpoints at ``/`` and ``/_simulator``."""

    async def index(request: Request) -> Response:
        text = json.dumps(_index(tenant, str(request.base_url).rstrip("/")), indent=2)
        return Response(f"{text}\n", media_type="application/json")

    return Starlette(
        routes=[
            Route("/", index),
            Route("/_simulator", index),
            *(
                Route(
                    f"/_simulator{endpoint.path}",
                    _handler(endpoint, tenant, faults),
                    methods=[endpoint.method],
                )
                for endpoint in ENDPOINTS
            ),
        ],
        exception_handlers=dict.fromkeys(_REFUSED, _refuse),
    )


def _index(tenant: Tenant, url: str) -> Json:
    client = tenant.tokens.clients[DEFAULT_CLIENT_ID]
    return {
        "this_is": "A simulated SailPoint Identity Security Cloud tenant, only reachable from this machine.",
        "api": {
            "token": f"{url}/oauth/token",
            "api_versions": list(API_VERSIONS),
            "try": f"{url}/sources/v1",
        },
        "airflow_connection": airflow_connection(url, client.id, client.secret),
        "control_api": {endpoint.name: endpoint.summary for endpoint in ENDPOINTS},
    }


def _handler(
    endpoint: Endpoint, tenant: Tenant, faults: FaultScript
) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        raw = await request.body()
        call = ControlCall(
            tenant=tenant,
            faults=faults,
            id=request.path_params.get("id", ""),
            query=request.query_params,
            body=endpoint.check(json.loads(raw) if raw else {}),
        )
        return JSONResponse(endpoint.answer(call))

    return handle


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    text = f"missing field: {error.args[0]}" if isinstance(error, KeyError) else str(error)
    return JSONResponse({"error": text}, 400)
