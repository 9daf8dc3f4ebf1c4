"""The requests that the tenant received, without secrets and tokens."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from sailpoint_provider.simulator.model.clock import iso_time

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.csv_files import ReceivedFile

REQUESTS_KEPT = 20_000
"""How many requests a tenant remembers."""

_HIDDEN = frozenset({"client_secret", "access_token", "token", "password", "assertion", "refresh_token"})


@dataclass(slots=True)
class ReceivedRequest:
    """A received request.

    :param method: HTTP method.
    :param path: path as received.
    :param query: query string with masked secrets.
    :param api_version: API version, None if the path has none.
    :param call: name of the call, None if it is unknown.
    :param status: HTTP status of the answer, None if none was sent.
    :param client_id: the client's ID, None if it is unknown.
    :param parts: names of the multipart parts or form fields.
    :param disable_optimization: value of that part.
    :param object_type: value of the part ``objectType``.
    :param identities: number of identities in a request to process them.
    :param file: the uploaded file.
    :param task_id: ID of the task in the answer to a start, even a refused one.
    :param start: ``accepted`` or ``refused`` for a start answered with 202.
    :param fault: kind of the fault that hit it.
    :param user_agent: value of the ``User-Agent`` header.
    :param experimental: value of the ``X-SailPoint-Experimental`` header.
    :param received: epoch seconds at which its headers had arrived, by this machine's clock.
    """

    method: str
    path: str
    query: str = ""
    api_version: str | None = None
    call: str | None = None
    status: int | None = None
    client_id: str | None = None
    parts: tuple[str, ...] = ()
    disable_optimization: str | None = None
    object_type: str | None = None
    identities: int | None = None
    file: ReceivedFile | None = None
    task_id: str | None = None
    start: str | None = None
    fault: str | None = None
    user_agent: str = ""
    experimental: str | None = None
    received: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        """Return it in the control API's form."""
        return asdict(self) | {"parts": list(self.parts), "received": iso_time(self.received)}


def without_secrets(query: str) -> str:
    """Mask the values of secrets in a query string."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(name.lower() in _HIDDEN for name, _ in pairs):
        return query
    return urlencode([(name, "***" if name.lower() in _HIDDEN else value) for name, value in pairs])
