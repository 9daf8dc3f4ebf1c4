"""From an HTTP answer to a value or to the error that it means."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sailpoint_provider.isc.errors import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    SailPointError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.lenient import as_text

if TYPE_CHECKING:
    from sailpoint_provider.isc.calls import Call
    from sailpoint_provider.isc.upload import SentFile

T = TypeVar("T")

_WORDS_SHOWN = 500


@dataclass(frozen=True)
class Answer:
    """
    What came back over HTTP.

    :param status: HTTP status.
    :param headers: header fields, names in lower case.
    :param body: the whole body, unpacked.
    :param received: epoch seconds at which the answer came.
    :param sent: the file that went with the request, None where none did.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received: float
    sent: SentFile | None = None

    def json(self) -> Any:
        """
        Return the body as JSON.

        :raises ProtocolError: it is none, as when a proxy or a login page answers.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type")
            raise ProtocolError(
                f"HTTP {self.status} with {len(self.body)} bytes of {kind} that are no JSON: "
                "a proxy or a login page may have answered instead of ISC.",
                status=self.status,
            ) from None


def read_answer(call: Call[T], answer: Answer) -> T:
    """
    Return what the call wanted to know, or raise what the answer means.

    :raises SailPointError: the kind below it that fits the status; see the README's table.
    """
    if not 200 <= answer.status < 300:
        raise error_of(call, answer)
    try:
        return call.read(answer)
    except ProtocolError as error:
        error.status = answer.status
        error.tracking_id = answer.headers.get("slpt-request-id")
        error.args = (f"Could not {call.purpose}: {error}",)
        raise


def error_of(call: Call[Any], answer: Answer) -> SailPointError:
    """Return the error that a refusing answer means."""
    document = _document(answer)
    detail_code = as_text(document.get("detailCode"))
    tracking_id = as_text(document.get("trackingId")) or answer.headers.get("slpt-request-id")
    words = [f"Could not {call.purpose}: ISC answered HTTP {answer.status}"]
    details = [detail_code, _words(document), tracking_id and f"trackingId {tracking_id}"]
    words.extend(f", {detail}" for detail in details if detail)
    words.append(f". {_advice(call, answer)}")
    kind, final = _kind(call, answer.status)
    return kind(
        "".join(words),
        status=answer.status,
        detail_code=detail_code,
        tracking_id=tracking_id,
        retry_after=retry_after(answer),
        final=final,
    )


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, a number or an HTTP date; None for no wish."""
    value = answer.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = _http_date(value)
        return None if moment is None else max(0.0, (moment - _now_of_the_server(answer)).total_seconds())
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _now_of_the_server(answer: Answer) -> datetime:
    """ISC's own clock where the answer tells it, so that a wrong clock here does not matter."""
    return _http_date(answer.headers.get("date", "")) or datetime.fromtimestamp(answer.received, tz=UTC)


def seconds_ahead(answer: Answer) -> float | None:
    """
    Return how far ISC's clock is ahead of this machine's, by the answer's ``Date`` header.

    :returns: seconds, negative where it is behind; None where the header is missing or malformed.
    """
    moment = _http_date(answer.headers.get("date", ""))
    # The header has whole seconds: on average half a second has passed since.
    return None if moment is None else moment.timestamp() + 0.5 - answer.received


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _kind(call: Call[Any], status: int) -> tuple[type[SailPointError], bool | None]:
    if call.is_token_request and status in (400, 401, 403):
        return AuthenticationError, True
    if status in (408, 500, 502, 503, 504):
        return TenantUnavailableError, None
    kinds: dict[int, type[SailPointError]] = {
        400: InvalidInputError,
        401: AuthenticationError,
        403: AccessDeniedError,
        404: call.not_found,
        410: InvalidInputError,
        429: RateLimitError,
    }
    if status in kinds:
        return kinds[status], None
    if 300 <= status < 400:
        return ProtocolError, None
    return (InvalidInputError, None) if 400 <= status < 500 else (TenantUnavailableError, None)


def _advice(call: Call[Any], answer: Answer) -> str:
    status = answer.status
    if call.is_token_request and status in (400, 401, 403):
        return "Check the connection's login (client id) and password (client secret)."
    if 300 <= status < 400:
        host = urlsplit(answer.headers.get("location", "")).netloc or "the same host"
        return (
            f"It redirects to {host!r}; credentials are sent to the connection's host only. "
            "Enter the API's own address as host."
        )
    if status == 403:
        return f"The client needs the scope {call.scope} and a user level that allows it."
    if status == 404:
        return call.not_found_advice
    if status == 410:
        return "This API generation is retired: set a newer api_version in the connection's extra."
    return _ADVICE.get(status, "")


_ADVICE = {
    400: "The same request fails again: correct what ISC names.",
    401: "ISC rejects the token that it has just issued: was the client revoked?",
    413: "The file is too large for ISC: split it, as SailPoint advises above 400,000 lines.",
    429: "All that share this client id share 100 requests in 10 s: lower requests_per_10s.",
}


def _document(answer: Answer) -> Mapping[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, Mapping) else {}


def _words(document: Mapping[str, Any]) -> str:
    messages = document.get("messages")
    texts = []
    if isinstance(messages, list):
        texts = [
            text for entry in messages if isinstance(entry, Mapping) and (text := as_text(entry.get("text")))
        ]
    if not texts:
        keys = ("error", "error_description", "message", "formatted_msg")
        texts = [text for key in keys if (text := as_text(document.get(key)))]
    words = " | ".join(dict.fromkeys(texts))
    return words if len(words) <= _WORDS_SHOWN else f"{words[:_WORDS_SHOWN]}…"
