"""Errors for connections that failed, with advice on what to do."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any

from sailpoint_provider.client.request_head import host_of
from sailpoint_provider.client.response_body import effect_advice, unusable_response
from sailpoint_provider.exceptions import SailPointError, TenantUnavailableError

if TYPE_CHECKING:
    from sailpoint_provider.client.attempt import Attempt
    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.tenant.config import Tenant


class NothingTakenError(TimeoutError):
    """
    The server accepted no byte of an upload for too long.

    :param seconds: how long.
    """

    def __init__(self, seconds: float | None) -> None:
        super().__init__(f"it accepted none of the upload for {seconds:g} s, see upload_timeout")


MAX_HEADER_BYTES = 256 * 1024
"""Size limit of the header of a response, interim responses included."""


class HeadTooLongError(Exception):
    """The header of a response exceeds the limit."""

    def __init__(self) -> None:
        super().__init__(f"its header is larger than {MAX_HEADER_BYTES // 1024} KiB")


def failure_of(
    tenant: Tenant,
    call: Request[Any],
    attempt: Attempt,
    error: Exception,
    *,
    never_sent: bool,
    status: int | None = None,
) -> SailPointError:
    """
    Return the error for an attempt that was cut off.

    :param never_sent: True if it is certain that no connection was made.
    :param status: HTTP status of the response, None if its header had not arrived.
    """
    if isinstance(error.__cause__, SailPointError):
        return error.__cause__  # a problem with the file cut the request off
    if attempt.is_over:
        return out_of_time(tenant, call, attempt, status=status)
    root = root_of(error)
    if isinstance(root, HeadTooLongError):
        return unusable_response(call, str(root))
    if any(sign in repr(root) for sign in _ENDLESS_HEADS):
        return unusable_response(call, "its header has too many lines, or lines that are too long")
    return unreachable(tenant, call, error, never_sent=never_sent)


def out_of_time(
    tenant: Tenant, call: Request[Any], attempt: Attempt, *, status: int | None = None
) -> SailPointError:
    """
    Return the error for an attempt that ran out of time.

    :param status: HTTP status of the response, None if its header had not arrived.
    """
    if attempt.is_past_deadline:
        return attempt.passed(call)
    limit = f"{attempt.limit:g} s, the time limit of this call"
    if attempt.is_answering:
        return unusable_response(call, f"it was incomplete after {limit}", status=status, advice=_SLOW)
    message = f"Could not {call.purpose}: no response from {host_of(tenant, call)} within {limit}."
    message += effect_advice(call) if attempt.is_sent else " Nothing was sent."
    return TenantUnavailableError(message, sent=attempt.is_sent)


_SLOW = (
    "Check the connection's host, the network and any proxy in between; if they are slow, raise timeout in "
    "the connection's extra."
)

# http.client and aiohttp have no exception types for some of these.
_ENDLESS_HEADS = ("LineTooLong", "got more than", "Too many headers", "Too many trailers")


# A password may contain slashes and at signs. The libraries show the URLs of proxies, in their own spelling.
_CREDENTIALS = re.compile(r"//\S*@")


def unreachable(
    tenant: Tenant, call: Request[Any], error: BaseException, *, never_sent: bool
) -> TenantUnavailableError:
    """
    Return the error for a request without a response.

    :param never_sent: True if it is certain that no connection was made.
    """
    host = host_of(tenant, call)
    root = root_of(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        return TenantUnavailableError(
            f"Could not {call.purpose}: the certificate of {host} is not trusted ({root.verify_message}). "
            "Set verify in the connection's extra to the file of the CA that signed it.",
            sent=False,
            final=True,
        )
    text = _CREDENTIALS.sub("//***@", str(root))
    what = f"{type(root).__name__}: {text}" if text else type(root).__name__
    if never_sent:
        advice = "Nothing was sent. Check the host, DNS, proxies and firewalls."
    elif call.safe_to_repeat:
        advice = "The connection was lost or timed out."
    else:
        advice = f"The connection was lost or timed out after sending.{effect_advice(call)}"
    return TenantUnavailableError(
        f"Could not {call.purpose}: no response from {host} ({what}). {advice}", sent=not never_sent
    )


def root_of(error: BaseException) -> BaseException:
    """Return the innermost error; the outer ones repeat it less clearly."""
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
