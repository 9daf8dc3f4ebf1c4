"""Names the wrong part of a connection, for its test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
)

if TYPE_CHECKING:
    from sailpoint_provider.exceptions import SailPointError


def diagnose(error: SailPointError) -> str:
    """Return the message for a connection test that met this error: the wrong part, then the error."""
    return f"{_part(error)}: {error}"


def _part(error: SailPointError) -> str:
    if isinstance(error, AuthenticationError):
        return "Credentials refused"
    if isinstance(error, AccessDeniedError):
        return "Scope or user level missing"
    if isinstance(error, RateLimitError):
        return "Rate limit exceeded"
    if isinstance(error, TenantUnavailableError):
        return "Host unreachable" if error.status is None else "Tenant unavailable"
    if isinstance(error, InvalidInputError) and error.status in (404, 410):
        return "Wrong host or API version"
    if isinstance(error, ProtocolError):
        return "No Identity Security Cloud API at this host"
    return "Connection incomplete or invalid"
