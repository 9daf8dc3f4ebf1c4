"""HTTP answers as plain values, and ISC's error bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    :param status: HTTP status.
    :param body: bytes of the body.
    :param content_type: media type.
    :param headers: further headers, names in lower case.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class ApiError(Exception):
    """Ends a call with an error answer.

    :param answer: the error answer.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, json.dumps(value, separators=(",", ":")).encode(), headers=headers)


_DETAIL_CODES = {
    400: "400.1.3 Illegal value",
    403: "403 Forbidden",
    404: "404 Not found",
    405: "405 Method not allowed",
    410: "410 Gone",
    415: "415 Unsupported media type",
    500: "500.0 Internal Fault",
    501: "501 Not implemented",
    502: "502 Bad gateway",
    503: "503 Service unavailable",
    504: "504 Gateway timeout",
}


def error_answer(status: int, text: str, detail_code: str | None = None) -> Answer:
    """Return an answer with ISC's error body (ISC OpenAPI, ErrorResponseDto).

    :param status: HTTP status.
    :param text: text of its only message.
    :param detail_code: ISC's more precise code; by default the usual one for the status.
    """
    body = {
        "detailCode": detail_code or _DETAIL_CODES.get(status, str(status)),
        "trackingId": uuid4().hex,
        "messages": [{"locale": "en-US", "localeOrigin": "DEFAULT", "text": text}],
        "causes": [],
    }
    return json_answer(body, status)


def illegal(text: str) -> ApiError:
    """Return the 400 for a request that ISC does not accept."""
    return ApiError(error_answer(400, text))


def unauthorized() -> Answer:
    """Return the 401 for a missing, unknown or expired token; it lacks the usual error body (ISC OpenAPI)."""
    return json_answer({"error": "JWT validation failed: JWT is expired"}, 401)


def rate_limited(retry_after: str | None) -> Answer:
    """Return the 429 for a request above the rate limit (ISC OpenAPI).

    :param retry_after: value of the ``Retry-After`` header, None to omit it.
    """
    headers = () if retry_after is None else (("retry-after", retry_after),)
    return json_answer({"message": " Rate Limit Exceeded "}, 429, headers)
