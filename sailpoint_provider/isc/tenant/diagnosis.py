"""Names the part of a connection that is wrong, for the *Test* button."""

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
    """Return what is wrong with a connection whose test met this error, the part at fault first."""
    return f"{_part(error)}: {error}"


def _part(error: SailPointError) -> str:
    if isinstance(error, AuthenticationError):
        return "Credentials refused"
    if isinstance(error, AccessDeniedError):
        return "Scope or user level missing"
    if isinstance(error, RateLimitError):
        return "Rate limit reached"
    if isinstance(error, TenantUnavailableError):
        return "Host unreachable" if error.status is None else "Tenant unavailable"
    if isinstance(error, InvalidInputError) and error.status in (404, 410):
        return "Wrong host or API generation"
    if isinstance(error, ProtocolError):
        return "No Identity Security Cloud API at this host"
    return "Connection incomplete or wrong"
