"""A connection that could not be made or broke, in words that say what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from sailpoint_provider.isc.errors import TenantUnavailableError
from sailpoint_provider.transport.requests_made import address_of

if TYPE_CHECKING:
    from sailpoint_provider.isc.calls import Call
    from sailpoint_provider.isc.tenant import Tenant


class NothingTakenError(TimeoutError):
    """
    The other side took nothing of a body for too long.

    :param seconds: how long.
    """

    def __init__(self, seconds: float | None) -> None:
        super().__init__(f"it took nothing of the upload for {seconds:g} s, see upload_timeout")


def unreachable(
    tenant: Tenant, call: Call[Any], error: BaseException, *, never_sent: bool
) -> TenantUnavailableError:
    """
    Return the error for a request without an answer.

    :param never_sent: True where it is certain that no connection was made.
    """
    host = address_of(tenant, call).split("/")[2]
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        return TenantUnavailableError(
            f"Could not {call.purpose}: the certificate of {host} is not trusted ({root.verify_message}). "
            "Set verify in the connection's extra to the file of the CA that signed it.",
            sent=False,
            final=True,
        )
    what = f"{type(root).__name__}: {root}" if str(root) else type(root).__name__
    what = what.replace(tenant.client_secret, "***")
    for _, proxy in tenant.proxies:
        what = what.replace(proxy, "***")
    if never_sent:
        advice = "Nothing was sent. Check the host, the name service, proxies and firewalls."
    elif call.safe_to_repeat:
        advice = "The connection broke or timed out."
    else:
        advice = (
            "The connection broke or timed out after sending, so the aggregation may have been started "
            "all the same: look at the source's aggregation activity before starting again."
        )
    return TenantUnavailableError(
        f"Could not {call.purpose}: no answer from {host} ({what}). {advice}", sent=not never_sent
    )


def _root(error: BaseException) -> BaseException:
    """Return the innermost error, since the outer ones only repeat it in worse words."""
    seen = {id(error)}
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        inner = inner or error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if inner is None or id(inner) in seen:
            return error
        seen.add(id(inner))
        error = inner
