"""The token endpoint, ``POST /oauth/token``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from sailpoint_provider.simulator.api.answers import Answer, error_answer, json_answer
from sailpoint_provider.simulator.api.forms import (
    MULTIPART,
    URL_ENCODED,
    UnreadableForm,
    media_type,
    read_form,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from sailpoint_provider.simulator.model.journal import ReceivedRequest
    from sailpoint_provider.simulator.model.tenant import Tenant

_CREDENTIALS = frozenset({"client_secret", "client_id", "grant_type"})


async def answer_token_request(tenant: Tenant, request: Request, received: ReceivedRequest) -> Answer:
    """Answer a token request, whose form may be URL-encoded or multipart."""
    kind = media_type(request.headers)
    if kind not in (MULTIPART, URL_ENCODED):
        return error_answer(415, f"Content-Type '{kind}' is not supported")
    try:
        fields = await read_form(request.headers, request.stream())
    except UnreadableForm as error:
        return _refusal(400, "invalid_request", str(error))
    form = {name: value for name, value in fields.items() if isinstance(value, str)}
    await fields.close()
    received.call, received.client_id, received.parts = "token", form.get("client_id"), tuple(form)
    return _issue(tenant, form, request.url.query)


def _issue(tenant: Tenant, form: Mapping[str, str], query: str) -> Answer:
    if _CREDENTIALS & parse_qs(query, keep_blank_values=True).keys():
        # Proxies and servers log query strings.
        return _refusal(
            400, "invalid_request", "Credentials belong in the form body, not in the query string"
        )
    if form.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "Unsupported grant type")
    client_id, client_secret = form.get("client_id"), form.get("client_secret")
    if not client_id or not client_secret:
        return _refusal(400, "invalid_request", "Missing client_id or client_secret")
    client = tenant.tokens.authenticate(client_id, client_secret)
    if client is None:
        return _refusal(401, "invalid_client", "Bad client credentials")
    grant = tenant.tokens.grant(client)
    return json_answer(grant, headers=(("cache-control", "no-store"),))


def _refusal(status: int, error: str, description: str) -> Answer:
    return json_answer({"error": error, "error_description": description}, status)
