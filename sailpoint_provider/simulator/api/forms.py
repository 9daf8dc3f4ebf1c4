"""Forms as clients send them: URL-encoded or multipart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.datastructures import FormData, Headers

MULTIPART = "multipart/form-data"
URL_ENCODED = "application/x-www-form-urlencoded"


class UnreadableForm(Exception):
    """The body does not match its media type."""


def media_type(headers: Headers) -> str:
    """Return the media type in lower case, without parameters; empty if the header is missing."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_form(headers: Headers, body: AsyncGenerator[bytes, None]) -> FormData:
    """Read a form to its end; the caller closes it.

    :param headers: headers with the media type :data:`MULTIPART` or :data:`URL_ENCODED`.
    :param body: chunks of the body.
    :raises UnreadableForm: if the body is not such a form.
    """
    parser = (MultiPartParser if media_type(headers) == MULTIPART else FormParser)(headers, body)
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise UnreadableForm(error.message) from error
    except FormParserError as error:
        raise UnreadableForm("The body is not a form") from error
