"""Which part of a connection is wrong, for the button that tests it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.isc.errors import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
)

if TYPE_CHECKING:
    from sailpoint_provider.isc.errors import SailPointError


def diagnose(error: SailPointError) -> str:
    """Return what is wrong with the connection that met this error at its test, with the part named first."""
    return f"{_part(error)}: {error}"


def _part(error: SailPointError) -> str:
    if isinstance(error, AuthenticationError):
        return "Credentials refused"
    if isinstance(error, AccessDeniedError):
        return "Scope or user level missing"
    if isinstance(error, RateLimitError):
        return "Rate limit reached"
    if isinstance(error, TenantUnavailableError):
        return "Host unreachable" if error.status is None else "Tenant in trouble"
    if isinstance(error, InvalidInputError) and error.status in (404, 410):
        return "Wrong host or API generation"
    if isinstance(error, ProtocolError):
        return "No Identity Security Cloud API at this host"
    return "Connection incomplete or wrong"
