"""The URL and the headers of a request, the same for both clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider import __version__

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.tenant.config import Tenant
    from sailpoint_provider.isc.tenant.oauth import Token


def address_of(tenant: Tenant, call: Request[Any]) -> str:
    """Return where a call goes: always the connection's host, or its token address for a token."""
    return tenant.token_url if call.is_token_request else f"{tenant.base_url}{call.path}"


def headers_of(call: Request[Any], token: Token | None, content_type: str | None = None) -> dict[str, str]:
    """
    Return the header fields of a request.

    Only packings that :mod:`~sailpoint_provider.client.response_body` can unpack are asked for.
    ``X-SailPoint-Experimental`` was required for these calls on v2024 and is harmless everywhere.
    """
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": f"airflow-provider-sailpoint/{__version__}",
        "X-SailPoint-Experimental": "true",
    }
    if token is not None:
        headers["Authorization"] = f"Bearer {token.value}"
    if content_type is not None:
        headers["Content-Type"] = content_type
    own = {name.lower(): value for name, value in call.headers}
    return {name: value for name, value in headers.items() if name.lower() not in own} | own


def host_of(tenant: Tenant, call: Request[Any]) -> str:
    """Return the host and port that a call goes to."""
    return address_of(tenant, call).split("/")[2]
