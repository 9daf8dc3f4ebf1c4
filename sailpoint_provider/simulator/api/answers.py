"""Answers as plain values, and ISC's error bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    :param status: HTTP status.
    :param body: the bytes.
    :param content_type: media type.
    :param headers: further headers, names in lower case.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class ApiError(Exception):
    """Ends a call with an error answer.

    :param answer: what to answer.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Answer with JSON."""
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
    """Answer with an error body (ISC OpenAPI, ErrorResponseDto).

    :param text: what the one message says.
    :param detail_code: ISC's finer code; the usual one of the status by default.
    """
    body = {
        "detailCode": detail_code or _DETAIL_CODES.get(status, str(status)),
        "trackingId": uuid4().hex,
        "messages": [{"locale": "en-US", "localeOrigin": "DEFAULT", "text": text}],
        "causes": [],
    }
    return json_answer(body, status)


def illegal(text: str) -> ApiError:
    """Return the error for a request ISC cannot accept."""
    return ApiError(error_answer(400, text))


def unauthorized() -> Answer:
    """Answer a missing, unknown or expired token (ISC OpenAPI, 401): not the usual error body."""
    return json_answer({"error": "JWT validation failed: JWT is expired"}, 401)


def rate_limited(retry_after: str | None) -> Answer:
    """Answer a request over the limit (ISC OpenAPI, 429).

    :param retry_after: value of the ``Retry-After`` header, None for none.
    """
    headers = () if retry_after is None else (("retry-after", retry_after),)
    return json_answer({"message": " Rate Limit Exceeded "}, 429, headers)
