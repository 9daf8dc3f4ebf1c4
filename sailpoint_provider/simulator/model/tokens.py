"""API clients and their tokens."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sailpoint_provider.simulator.model.clock import TenantClock

DEFAULT_CLIENT_ID = "simulator-client"
DEFAULT_CLIENT_SECRET = "simulator-secret"
ALL_SCOPES = "sp:scopes:all"
TOKEN_LIFETIME = 43200


@dataclass
class ApiClient:
    """A client that may request tokens.

    :param id: client ID.
    :param secret: client secret.
    :param user: whether it is a personal access token, which acts for a user.
    :param scopes: the scopes of its tokens.
    :param token_lifetime: lifetime of a token in real seconds.
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
class TokenIssuer:
    """Issues and checks tokens.

    :param clock: the tenant's clock, which sets the times in a token's claims. Lifetimes are counted in real
        seconds, whatever the clock is set to.
    """

    clock: TenantClock = field(default_factory=TenantClock)
    tenant_id: str = field(default_factory=lambda: uuid4().hex)
    clients: dict[str, ApiClient] = field(default_factory=dict)
    _tokens: dict[str, tuple[ApiClient, float]] = field(default_factory=dict, repr=False)

    def register(self, client: ApiClient) -> None:
        """Add a client or change one; its tokens stay valid."""
        known = self.clients.get(client.id)
        if known is None:
            self.clients[client.id] = client
            return
        known.secret, known.user, known.scopes = client.secret, client.user, client.scopes
        known.token_lifetime = client.token_lifetime

    def revoke(self, client_id: str | None = None) -> int:
        """Revoke the tokens of one client, or of all; return how many."""
        gone = [token for token, (client, _) in self._tokens.items() if client_id in (None, client.id)]
        for token in gone:
            del self._tokens[token]
        return len(gone)

    def bearer(self, authorization: str) -> ApiClient | None:
        """Return the client that an ``Authorization`` header authenticates, or None without a valid token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        client, expires = self._tokens.get(token, (None, 0.0))
        if client is None:
            return None
        if self.clock.steady() >= expires:
            del self._tokens[token]
            return None
        return client

    def authenticate(self, client_id: str, client_secret: str) -> ApiClient | None:
        """Return the client with these credentials, or None."""
        client = self.clients.get(client_id)
        if client is None or not secrets.compare_digest(client.secret.encode(), client_secret.encode()):
            return None
        return client

    def grant(self, client: ApiClient) -> dict[str, Any]:
        """Issue a token and return the body of the token response."""
        jti = secrets.token_urlsafe(20)
        issued = int(self.clock.now())
        token = _jwt(
            {
                "tenant_id": self.tenant_id,
                "org": "simulator",
                "client_id": client.id,
                "jti": jti,
                "iat": issued,
                "exp": issued + client.token_lifetime,
            }
        )
        self._tokens[token] = (client, self.clock.steady() + client.token_lifetime)
        grant: dict[str, Any] = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": client.token_lifetime,
            "scope": " ".join(client.scopes),
            "tenant_id": self.tenant_id,
            "pod": "simulator",
            "org": "simulator",
            "strong_auth_supported": True,
            "jti": jti,
        }
        if client.user:
            grant |= {"user_id": client.identity_id, "identity_id": client.identity_id}
        return grant


def _jwt(claims: dict[str, Any]) -> str:
    """Return a token in the form of a JWT; only the simulator can check it."""
    parts = (json.dumps({"alg": "none", "typ": "JWT"}).encode(), json.dumps(claims).encode())
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, secrets.token_urlsafe(32)])
