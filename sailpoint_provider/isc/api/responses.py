"""From an HTTP response to the value of its call, or to an error."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    SailPointError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.api.columns import column_advice, without_first_row
from sailpoint_provider.isc.api.error_body import ErrorBody, shortened

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Request, Response

T = TypeVar("T")


def read_response(call: Request[T], response: Response) -> T:
    """
    Return the value of a call, or raise the error that its response means.

    :raises SailPointError: the subclass that fits the status.
    """
    if not 200 <= response.status < 300:
        raise error_of(call, response)
    try:
        return call.read(response)
    except ProtocolError as error:
        error.status = response.status
        error.tracking_id = response.headers.get("slpt-request-id")
        error.args = (f"Could not {call.purpose}: {error}",)
        raise


LONGEST_RETRY_AFTER = 3600.0
"""Seconds of ``Retry-After`` that are obeyed at most."""


def error_of(call: Request[Any], response: Response) -> SailPointError:
    """Return the error for a response with an error status."""
    body = ErrorBody(response)
    who = "ISC" if body.is_from_isc else response.host
    parts = [f"Could not {call.purpose}: {who} returned HTTP {response.status}"]
    if not body.is_from_isc:
        parts.append(f" with {body.kind}, which is not an ISC error")
    words = shortened(without_first_row(" | ".join(body.texts))) if call.multipart else body.words
    details = [body.detail_code, words, body.tracking_id and f"trackingId {body.tracking_id}"]
    parts.extend(f", {detail}" for detail in details if detail)
    parts.append(f". {_advice(call, response, body)}")
    kind = _kind(call, response.status) if body.is_from_isc else _kind_of_other(call, response.status)
    if _is_expired_token(call, response, body):
        kind = AuthenticationError
    return kind(
        "".join(parts),
        status=response.status,
        detail_code=body.detail_code,
        tracking_id=body.tracking_id,
        retry_after=retry_after(response),
        final=True if body.is_from_isc and _refuses_credentials(call, response.status) else None,
    )


def says_token_expired(response: Response) -> bool:
    """Return whether a 400 means an expired token, as some OpenAPI documents describe it."""
    return response.status == 400 and ErrorBody(response).says_token_expired


def retry_after(response: Response) -> float | None:
    """
    Return the seconds in ``Retry-After``, a number or an HTTP date; None if it is missing or malformed.

    At most an hour is obeyed. A gateway may send a date far ahead, or the moment instead of the seconds, and
    then nothing would be sent to the tenant for years.
    """
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = http_date(value)
        if moment is None:
            return None
        seconds = (moment - _now_of_the_server(response)).total_seconds()
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER) if math.isfinite(seconds) else None


def _now_of_the_server(response: Response) -> datetime:
    """Return ISC's own time if the response has it, so that a wrong clock here does not matter."""
    return http_date(response.headers.get("date", "")) or datetime.fromtimestamp(response.received, tz=UTC)


def seconds_ahead(response: Response) -> float | None:
    """
    Return how far ISC's clock is ahead of this machine's, by the ``Date`` header of a response.

    :returns: seconds, negative if it is behind; None if the header is missing or malformed.
    """
    moment = http_date(response.headers.get("date", ""))
    # The header has whole seconds: on average half a second has passed since.
    return None if moment is None else moment.timestamp() + 0.5 - response.received


def http_date(value: str) -> datetime | None:
    """Return the time in UTC that a header such as ``Date`` holds; None if it is missing or malformed."""
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _refuses_credentials(call: Request[Any], status: int) -> bool:
    return call.is_token_request and status in (400, 401, 403)


def _kind(call: Request[Any], status: int) -> type[SailPointError]:
    if _refuses_credentials(call, status):
        return AuthenticationError
    kinds: dict[int, type[SailPointError]] = {
        401: AuthenticationError,
        403: AccessDeniedError,
        404: call.not_found,
        408: TenantUnavailableError,
        429: RateLimitError,
    }
    if status in kinds:
        return kinds[status]
    if 300 <= status < 400:
        return ProtocolError
    return InvalidInputError if 400 <= status < 500 else TenantUnavailableError


def _kind_of_other(call: Request[Any], status: int) -> type[SailPointError]:
    """
    Return the error for a status that a proxy, a gateway or another server has sent.

    It says nothing about the tenant: neither that an aggregation is unknown, nor that a file, a client or a
    scope is wrong. So a retry, or a wait that goes on, may succeed. Only a file that is too large (413)
    stays so, whoever refuses it.
    """
    is_token_status = status == 401 and not call.is_token_request
    if 400 <= status < 500 and status not in (408, 413, 429) and not is_token_status:
        return ProtocolError
    return _kind(call, status)


def _is_expired_token(call: Request[Any], response: Response, body: ErrorBody) -> bool:
    return response.status == 400 and not call.is_token_request and body.says_token_expired


def _advice(call: Request[Any], response: Response, body: ErrorBody) -> str:
    status = response.status
    if 300 <= status < 400:
        host = urlsplit(response.headers.get("location", "")).netloc or "the same host"
        return (
            f"It redirects to {host!r}, but credentials are sent to the connection's host only. "
            "Enter the API's own address as host."
        )
    if not body.is_from_isc:
        return _advice_about_other_server(call, status)
    if _refuses_credentials(call, status):
        return _CREDENTIALS
    if status == 400 and call.multipart and (why := column_advice(" ".join(body.texts))):
        return f"{why} {_ADVICE[400]}"
    if _is_expired_token(call, response, body):
        return _ADVICE[401]
    if status == 403:
        return (
            call.denied_advice or f"The client needs the scope {call.scope} and a user level that allows it."
        )
    if status == 404:
        return call.not_found_advice
    return _ADVICE.get(status, "")


def _advice_about_other_server(call: Request[Any], status: int) -> str:
    """Return what to check, and what the status would mean if ISC had sent it after all."""
    what = "host and token_url" if call.is_token_request else "host"
    words = f"Check the connection's {what} and any proxy or gateway in between."
    if _refuses_credentials(call, status):
        return f"{_CREDENTIALS} {words}"
    if status == 404:
        return f"{call.not_found_advice} {words}"
    return f"{_ADVICE[status]} {words}" if status in (410, 413, 429) else words


_CREDENTIALS = "Check the connection's login (client ID) and password (client secret)."

_ADVICE = {
    400: "The same request would fail again. Correct what ISC reports.",
    401: "ISC rejects the token that it has just issued. Check whether the client was revoked.",
    410: "This API version is retired. Set a newer api_version in the connection's extra.",
    413: "The file is too large for ISC; SailPoint advises at most 400,000 lines. Do not load it in parts "
    "into one source: each part would delete what the others loaded.",
    429: "All users of this client ID share 100 requests per 10 s. Lower requests_per_10s.",
}
