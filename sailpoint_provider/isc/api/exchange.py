"""One HTTP exchange with ISC, as plain values: the request, and the response to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sailpoint_provider.exceptions import SailPointError
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.results import UploadedFile

T = TypeVar("T")

RECORD_BYTES = 8 * 1024 * 1024
"""Size limit, unpacked, of a response about one object."""

PAGE_BYTES = 32 * 1024 * 1024
"""Size limit of a page of up to 250 records: 128 KiB each."""

BIG = 1024 * 1024
"""Bytes from which parsing a body takes so long that an event loop leaves it to a thread."""


@dataclass(frozen=True)
class Request(Generic[T]):
    """
    A call to ISC: everything a client needs to send it, and how to read the response.

    :param purpose: what the call does, as the end of "Could not ...".
    :param method: HTTP method.
    :param path: path below the tenant's base URL; the full URL for a token request.
    :param read: turns a successful response into a value.
    :param scope: the OAuth scope that ISC requires.
    :param query: query parameters, in order.
    :param form: text fields of the body: multipart if ``multipart`` is set, else URL-encoded.
    :param multipart: whether the body is ``multipart/form-data``.
    :param content: the body itself, None for no body or one that consists of ``form`` and ``upload``.
    :param headers: extra header fields; ``content`` needs its ``Content-Type`` here.
    :param upload: the file in the body, None for no file.
    :param safe_to_repeat: whether sending it twice changes nothing, so that any transient failure is retried.
    :param is_token_request: whether it asks for a token, and so is sent without one.
    :param time_limit: seconds for one attempt: connect, send, headers and the whole body; with an upload,
        counted from the end of sending. None for twice the tenant's ``timeout``, or for twice its
        ``upload_timeout`` with an upload.
    :param most_bytes: size limit of a successful response, unpacked.
    :param denied_advice: what to do about a 403, empty if naming the scope is enough.
    :param not_found: the error for a 404.
    :param not_found_advice: what to do about a 404.
    :param effect_advice: what to check before repeating a call that may have taken effect without a usable
        response; not used if ``safe_to_repeat`` is set.
    """

    purpose: str
    method: str
    path: str
    read: Callable[[Response], T] = field(repr=False)
    scope: str = ""
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    multipart: bool = False
    content: bytes | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    upload: Upload | None = None
    safe_to_repeat: bool = True
    is_token_request: bool = False
    time_limit: float | None = None
    most_bytes: int = RECORD_BYTES
    denied_advice: str = ""
    not_found: type[SailPointError] = InvalidInputError
    not_found_advice: str = "Check that the tenant has this API version (api_version)."
    effect_advice: str = "The request may have taken effect anyway. Check before you repeat it."


@dataclass(frozen=True)
class Response:
    """
    The response to a request.

    :param status: HTTP status.
    :param headers: header fields, names in lower case.
    :param body: the whole body, unpacked.
    :param received: epoch seconds at which it arrived.
    :param sent: the file that was sent with the request, None if there was none.
    :param host: host and port that responded.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received: float
    sent: UploadedFile | None = None
    host: str = "the host"

    def json(self) -> Any:
        """
        Return the body, parsed as JSON.

        :raises ProtocolError: the body is not JSON, as when a proxy or a login page responds.
        """
        try:
            return _parsed_by_record(self.body) if len(self.body) > BIG else json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type")
            raise ProtocolError(
                f"HTTP {self.status} with {len(self.body)} bytes of {kind} that are not JSON: "
                "a proxy or a login page may have responded instead of ISC.",
                status=self.status,
            ) from None


def _parsed_by_record(body: bytes) -> Any:
    """
    Parse a big body, a list record by record.

    Parsing it in one step would hold Python's global lock, and so stall an event loop even from a thread.
    """
    import msgspec  # loaded only for a big page; most waits and starts never meet one

    try:
        records = msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.MsgspecError:
        return json.loads(body)
    return [json.loads(bytes(record)) for record in records]
