"""Carries scripted faults out on a connection."""

from __future__ import annotations

import json
from dataclasses import replace
from email.utils import formatdate
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from sailpoint_provider.simulator.api.answers import (
    Answer,
    error_answer,
    json_answer,
    rate_limited,
    unauthorized,
)
from sailpoint_provider.simulator.api.paging import MOST_PER_PAGE, number
from sailpoint_provider.simulator.faults import connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sailpoint_provider.simulator.faults.connection import Receive, Send
    from sailpoint_provider.simulator.faults.script import Trouble
    from sailpoint_provider.simulator.model.tenant import Tenant

_HTML = (
    b"<!DOCTYPE html><html><head><title>Proxy</title></head><body><h1>Sign in to continue</h1></body></html>"
)
_LONG_SECONDS = 60.0


async def send_answer(send: Send, answer: Answer, tenant: Tenant, skew_seconds: float = 0.0) -> None:
    """Send a whole answer."""
    await send(_head(answer, tenant, skew_seconds))
    await send({"type": "http.response.body", "body": answer.body})


def _head(answer: Answer, tenant: Tenant, skew_seconds: float = 0.0) -> dict[str, Any]:
    headers = [
        (b"date", tenant.clock.http_date(skew_seconds)),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    if answer.content_type:
        headers.append((b"content-type", answer.content_type.encode()))
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


def replacement(trouble: Trouble, tenant: Tenant) -> Answer | None:
    """Return the answer that stands in for the real one, None for troubles of the connection."""
    settings = trouble.settings
    match trouble.kind:
        case "answer":
            answer = _scripted(settings)
        case "rate_limit":
            answer = rate_limited(_retry_after(settings.get("retry_after", 1), tenant))
        case "expired_token":
            answer = unauthorized()
        case "html":
            answer = Answer(int(settings.get("status", 200)), _HTML, "text/html; charset=utf-8")
        case "not_json":
            body = str(settings.get("body", '{"success": tru')).encode()
            answer = Answer(int(settings.get("status", 200)), body)
        case "other_shape":
            answer = json_answer(
                settings.get("body", [{"unexpected": True}]), int(settings.get("status", 200))
            )
        case "redirect":
            place = str(settings.get("location", "https://login.example.invalid/"))
            answer = Answer(int(settings.get("status", 302)), headers=(("location", place),), content_type="")
        case _:
            return None
    extra = tuple((str(name).lower(), str(value)) for name, value in settings.get("headers", {}).items())
    return Answer(answer.status, answer.body, answer.content_type, answer.headers + extra)


def filled_page(answer: Answer, query: Mapping[str, str]) -> Answer:
    """Repeat a page's records until it is full, since a client takes a short page for the last one."""
    records = json.loads(answer.body) if answer.status == 200 else None
    if not isinstance(records, list) or not records:
        return answer
    full = islice(cycle(records), number(query, "limit", MOST_PER_PAGE, MOST_PER_PAGE))
    return replace(answer, body=json_answer(list(full)).body)


def _scripted(settings: dict[str, Any]) -> Answer:
    status = int(settings.get("status", 200))
    body = settings.get("body")
    content_type = str(settings.get("content_type", "application/json"))
    if body is None:
        if status >= 400:
            return error_answer(status, f"Answer {status} was scripted in the simulator.")
        return Answer(status, content_type="")
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, text.encode(), content_type)


def _retry_after(wanted: Any, tenant: Tenant) -> str | None:
    """Read the setting: seconds, None for no header, ``date`` or ``{"date": seconds}`` for an HTTP date."""
    if wanted is None:
        return None
    if wanted == "date":
        wanted = {"date": 1}
    if isinstance(wanted, dict):
        return formatdate(tenant.clock.now() + float(wanted["date"]), usegmt=True)
    return str(wanted)


async def strike_connection(trouble: Trouble, receive: Receive, tenant: Tenant) -> None:
    """Carry out a trouble after which no answer is sent."""
    if trouble.kind == "reset":
        await connection.reset(receive)
    elif trouble.kind == "disconnect":
        await connection.disconnect(receive)
    elif trouble.kind == "timeout":
        if not await connection.hold(receive, float(trouble.settings.get("delay_seconds", _LONG_SECONDS))):
            await connection.disconnect(receive)
    elif trouble.kind == "refuse":
        if tenant.refuse_connections is None:
            raise RuntimeError("refusing connections needs the simulator's own server")
        tenant.refuse_connections(float(trouble.settings.get("seconds", 1.0)))
        await connection.reset(receive)


async def strike_answer(
    trouble: Trouble, answer: Answer, receive: Receive, send: Send, tenant: Tenant
) -> None:
    """Send an answer late, in part, or with a wrong date."""
    settings = trouble.settings
    if trouble.kind == "clock_skew":
        await send_answer(send, answer, tenant, float(settings.get("seconds", 600)))
        return
    if trouble.kind == "delay":
        if not await connection.hold(receive, float(settings.get("delay_seconds", 1.0))):
            await send_answer(send, answer, tenant)
        return
    sent = int(settings.get("bytes", len(answer.body) // 2))
    await send(_head(answer, tenant))
    await send({"type": "http.response.body", "body": answer.body[:sent], "more_body": True})
    if trouble.kind == "cut_body":
        await connection.disconnect(receive)
    elif not await connection.hold(receive, float(settings.get("delay_seconds", _LONG_SECONDS))):
        await send({"type": "http.response.body", "body": answer.body[sent:]})
