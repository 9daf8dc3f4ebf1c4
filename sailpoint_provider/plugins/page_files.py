"""Serves the files of the page; what they show, the browser asks Airflow's REST API for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INDEX = "index.html"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # After an upgrade, all files must be those of one version.
    "Cache-Control": "no-cache",
}


class PageFiles:
    """
    An ASGI application with the files of the page, and nothing else.

    It needs no web framework, so that processes that serve no pages import none for it. The files are the
    same for everybody and hold nothing of the tenant, so they need no login.
    """

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"Only GET and HEAD are allowed.\n", {"Allow": "GET, HEAD"})
            return
        # The prefix under which Airflow has mounted this, and its own, do not matter: there are no folders.
        name = str(scope["path"]).rpartition("/")[2] or _INDEX
        content = page_files().get(name)
        if content is None:
            await _answer(send, 404, b"The page has no such file.\n", {})
            return
        headers = {"Content-Type": _TYPES[name[name.rindex(".") :]], **_HEADERS}
        await _answer(send, 200, content, headers, with_body=scope["method"] == "GET")


@cache
def page_files() -> dict[str, bytes]:
    """Return the content of every file of the page by its name, read once."""
    folder = files(__package__) / "page"
    return {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.name[entry.name.rindex(".") :] in _TYPES
    }


async def _answer(
    send: Callable[[Message], Awaitable[None]],
    status: int,
    content: bytes,
    headers: dict[str, str],
    *,
    with_body: bool = True,
) -> None:
    described = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(content)), **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in described.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content if with_body else b""})
