"""The body of an error response: what it says, and whether ISC sent it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import as_text

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Response

_WORDS_SHOWN = 500
_OTHER_TEXTS = ("error", "error_description", "message", "formatted_msg")
_EXPIRED = re.compile(r"\bjwt\b.*\bexpired\b", re.IGNORECASE | re.DOTALL)


class ErrorBody:
    """
    The body of an error response, read leniently.

    :param answer: the response.
    """

    def __init__(self, answer: Response) -> None:
        self._answer = answer
        self._document = _document(answer.body)
        self.detail_code = as_text(self._document.get("detailCode"))
        self.tracking_id = as_text(self._document.get("trackingId")) or answer.headers.get("slpt-request-id")
        self.texts = self._texts()

    @property
    def words(self) -> str:
        """The texts for the user, each once, shortened if they are long."""
        return shortened(" | ".join(self.texts))

    @property
    def is_from_isc(self) -> bool:
        """
        Whether there is evidence that ISC responded, and not a proxy, a gateway or another server.

        The evidence is ISC's request ID, or a body in one of ISC's shapes: detailCode, trackingId and
        messages; a text ``error`` (401, and the token endpoint); a text ``message`` (429).
        """
        document = self._document
        return bool(
            self.detail_code
            or self.tracking_id
            or isinstance(document.get("messages"), list)
            or as_text(document.get("error"))
            or (self._answer.status == 429 and as_text(document.get("message")))
        )

    @property
    def says_token_expired(self) -> bool:
        """
        Whether it says that the access token has expired.

        The OpenAPI documents of some calls describe the expired token under 400 as well as under 401.
        """
        texts = self.texts or (self._answer.body[:2000].decode(errors="replace"),)
        return any(_EXPIRED.search(text) for text in texts)

    @property
    def kind(self) -> str:
        """The kind of body, for the user."""
        if not self._answer.body:
            return "an empty body"
        kind = self._answer.headers.get("content-type", "").split(";")[0].strip()
        return kind or "a body without a content type"

    def _texts(self) -> tuple[str, ...]:
        entries: list[Any] = []
        for key in ("messages", "causes"):
            value = self._document.get(key)
            entries.extend(value if isinstance(value, list) else [])
        texts = [
            text for entry in entries if isinstance(entry, Mapping) and (text := as_text(entry.get("text")))
        ]
        if not texts:
            texts = [text for key in _OTHER_TEXTS if (text := as_text(self._document.get(key)))]
        return tuple(dict.fromkeys(texts))


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, Mapping) else {}


def shortened(words: str) -> str:
    """Return ISC's words at a length that fits an error."""
    return words if len(words) <= _WORDS_SHOWN else f"{words[:_WORDS_SHOWN]}…"
