"""Clients, tokens and the answers of ``/oauth/token``."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import uuid4

from sailpoint_provider.simulator.api.answers import Answer, json_answer
from sailpoint_provider.simulator.model.clock import TenantClock

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CLIENT_ID = "simulator-client"
DEFAULT_CLIENT_SECRET = "simulator-secret"
ALL_SCOPES = "sp:scopes:all"
TOKEN_LIFETIME = 43200


@dataclass
class ApiClient:
    """A client that may ask for tokens.

    :param id: client id.
    :param secret: client secret.
    :param user: whether it is a personal access token, which stands for a user.
    :param scopes: what its tokens may do.
    :param token_lifetime: real seconds a token lives.
    """

    id: str
    secret: str = field(repr=False)
    user: bool = True
    scopes: tuple[str, ...] = (ALL_SCOPES,)
    token_lifetime: int = TOKEN_LIFETIME
    identity_id: str = field(default_factory=lambda: uuid4().hex)

    def may(self, *scopes: str) -> bool:
        """Whether it holds one of these scopes."""
        return ALL_SCOPES in self.scopes or any(scope in self.scopes for scope in scopes)


@dataclass
class TokenDesk:
    """Issues and checks tokens.

    :param clock: the tenant's clock, for the times that a token names. How long a token lives is counted in
        real seconds, whatever the clock is set to.
    :param org: the tenant's name.
    """

    clock: TenantClock = field(default_factory=TenantClock)
    org: str = "simulator"
    tenant_id: str = field(default_factory=lambda: uuid4().hex)
    clients: dict[str, ApiClient] = field(default_factory=dict)
    _tokens: dict[str, tuple[ApiClient, float]] = field(default_factory=dict, repr=False)

    def register(self, client: ApiClient) -> None:
        """Add a client, or change one; its tokens stay valid."""
        known = self.clients.get(client.id)
        if known is None:
            self.clients[client.id] = client
            return
        known.secret, known.user, known.scopes = client.secret, client.user, client.scopes
        known.token_lifetime = client.token_lifetime

    def revoke(self, client_id: str | None = None) -> int:
        """Make tokens invalid, of one client or of all; return how many."""
        gone = [token for token, (client, _) in self._tokens.items() if client_id in (None, client.id)]
        for token in gone:
            del self._tokens[token]
        return len(gone)

    def bearer(self, authorization: str, steady: float) -> ApiClient | None:
        """Return the client behind an ``Authorization`` header, None without a valid token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        client, expires = self._tokens.get(token, (None, 0.0))
        if client is None:
            return None
        if steady >= expires:
            del self._tokens[token]
            return None
        return client

    def issue(self, form: Mapping[str, str], query: str, steady: float) -> Answer:
        """Answer a token request.

        :param form: the form fields of the body.
        :param query: the raw query string, which must hold no credentials: every log on the way would keep
            them.
        """
        if {"client_secret", "client_id", "grant_type"} & parse_qs(query, keep_blank_values=True).keys():
            return token_refusal(
                400, "invalid_request", "Credentials belong in the form body, not in the query string"
            )
        if form.get("grant_type") != "client_credentials":
            return token_refusal(400, "unsupported_grant_type", "Unsupported grant type")
        if not form.get("client_id") or not form.get("client_secret"):
            return token_refusal(400, "invalid_request", "Missing client_id or client_secret")
        client = self.clients.get(form["client_id"])
        if client is None or not secrets.compare_digest(
            client.secret.encode(), form["client_secret"].encode()
        ):
            return token_refusal(401, "invalid_client", "Bad client credentials")
        return json_answer(self._grant(client, steady), headers=(("cache-control", "no-store"),))

    def _grant(self, client: ApiClient, steady: float) -> dict[str, Any]:
        jti = secrets.token_urlsafe(20)
        issued = int(self.clock.now())
        token = _jwt(
            {
                "tenant_id": self.tenant_id,
                "org": self.org,
                "client_id": client.id,
                "jti": jti,
                "iat": issued,
                "exp": issued + client.token_lifetime,
            }
        )
        self._tokens[token] = (client, steady + client.token_lifetime)
        grant: dict[str, Any] = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": client.token_lifetime,
            "scope": " ".join(client.scopes),
            "tenant_id": self.tenant_id,
            "pod": "simulator",
            "org": self.org,
            "strong_auth_supported": True,
            "jti": jti,
        }
        if client.user:
            grant |= {"user_id": client.identity_id, "identity_id": client.identity_id}
        return grant


def token_refusal(status: int, error: str, description: str) -> Answer:
    """Answer a token request that gets no token."""
    return json_answer({"error": error, "error_description": description}, status)


def _jwt(claims: dict[str, Any]) -> str:
    """Return something of a JWT's form; nobody but the simulator is meant to check it."""
    parts = (json.dumps({"alg": "none", "typ": "JWT"}).encode(), json.dumps(claims).encode())
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, secrets.token_urlsafe(32)])
