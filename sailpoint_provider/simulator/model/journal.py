"""What the tenant received, without any secret or token."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from sailpoint_provider.simulator.model.clock import iso_time

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.csv_files import ReceivedFile

REQUESTS_KEPT = 20_000
_HIDDEN = frozenset({"client_secret", "access_token", "token", "password", "assertion", "refresh_token"})


@dataclass(slots=True)
class ReceivedRequest:
    """One request.

    :param method: HTTP method.
    :param path: path as received.
    :param query: query string, with secrets struck out.
    :param generation: API generation, None outside of them.
    :param call: name of the call, None for an unknown path.
    :param status: status answered, None if no answer was sent.
    :param client_id: who asked, as far as known.
    :param parts: names of the multipart parts or form fields.
    :param disable_optimization: what that part said.
    :param file: the uploaded file.
    :param task_id: the task id answered, a refused one too.
    :param start: ``accepted`` or ``refused`` for a start that ISC answers with 202.
    :param fault: kind of the scripted fault that met it.
    :param user_agent: the ``User-Agent`` header.
    :param experimental: the ``X-SailPoint-Experimental`` header.
    :param received: epoch seconds at which its head had arrived, by this machine's clock.
    """

    method: str
    path: str
    query: str = ""
    generation: str | None = None
    call: str | None = None
    status: int | None = None
    client_id: str | None = None
    parts: tuple[str, ...] = ()
    disable_optimization: str | None = None
    file: ReceivedFile | None = None
    task_id: str | None = None
    start: str | None = None
    fault: str | None = None
    user_agent: str = ""
    experimental: str | None = None
    received: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API."""
        return asdict(self) | {"parts": list(self.parts), "received": iso_time(self.received)}


@dataclass
class Journal:
    """The last requests, oldest first."""

    requests: deque[ReceivedRequest] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    total: int = 0

    def note(self, request: ReceivedRequest) -> None:
        """Take a request in, when its answer is about to leave."""
        self.requests.append(request)
        self.total += 1

    def clear(self) -> None:
        """Forget everything."""
        self.requests.clear()
        self.total = 0


def without_secrets(query: str) -> str:
    """Strike the values of secret-looking parameters out of a query string."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(name.lower() in _HIDDEN for name, _ in pairs):
        return query
    return urlencode([(name, "***" if name.lower() in _HIDDEN else value) for name, value in pairs])
