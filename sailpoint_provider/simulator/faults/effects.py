"""Carry out what a scripted fault does to a request."""

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
from sailpoint_provider.simulator.api.paging import MAX_LIMIT, number
from sailpoint_provider.simulator.faults import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sailpoint_provider.simulator.faults.connection import Receive, Send
    from sailpoint_provider.simulator.faults.script import Effect
    from sailpoint_provider.simulator.model.clock import TenantClock

_HTML = (
    b"<!DOCTYPE html><html><head><title>Proxy</title></head><body><h1>Sign in to continue</h1></body></html>"
)
_LONG_SECONDS = 60.0


def replacement(effect: Effect, clock: TenantClock) -> Answer | None:
    """Return the answer that replaces the real one, None if the effect replaces none."""
    settings = effect.settings
    match effect.kind:
        case "answer":
            answer = _scripted(settings)
        case "rate_limit":
            answer = rate_limited(_retry_after(settings.get("retry_after", 1), clock))
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
    """Repeat a page's records until the page is full: clients take a short page as the last one."""
    records = json.loads(answer.body) if answer.status == 200 else None
    if not isinstance(records, list) or not records:
        return answer
    full = islice(cycle(records), number(query, "limit", MAX_LIMIT, MAX_LIMIT))
    return replace(answer, body=json_answer(list(full)).body)


def _scripted(settings: dict[str, Any]) -> Answer:
    status = int(settings.get("status", 200))
    body = settings.get("body")
    content_type = str(settings.get("content_type", "application/json"))
    if body is None:
        if status >= 400:
            return error_answer(status, f"Scripted fault: status {status}.")
        return Answer(status, content_type="")
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, text.encode(), content_type)


def _retry_after(wanted: Any, clock: TenantClock) -> str | None:
    """Return the ``Retry-After`` header.

    :param wanted: seconds, None for no header, ``date`` or ``{"date": seconds}`` for an HTTP date.
    """
    if wanted is None:
        return None
    if wanted == "date":
        wanted = {"date": 1}
    if isinstance(wanted, dict):
        return formatdate(clock.now() + float(wanted["date"]), usegmt=True)
    return str(wanted)


async def strike_connection(
    effect: Effect, receive: Receive, refuse_connections: Callable[[float], None] | None
) -> None:
    """Carry out an effect that sends no answer.

    :param refuse_connections: closes the port for this many seconds.
    """
    if effect.kind == "reset":
        await connection.reset(receive)
    elif effect.kind == "disconnect":
        await connection.disconnect(receive)
    elif effect.kind == "timeout":
        if not await connection.hold(receive, float(effect.settings.get("delay_seconds", _LONG_SECONDS))):
            await connection.disconnect(receive)
    elif effect.kind == "refuse":
        if refuse_connections is None:
            raise RuntimeError("the fault 'refuse' needs SimulatorServer")
        refuse_connections(float(effect.settings.get("seconds", 1.0)))
        await connection.reset(receive)


async def strike_answer(
    effect: Effect, answer: Answer, receive: Receive, send: Send, clock: TenantClock
) -> None:
    """Send the real answer late, in part, or with a wrong date."""
    settings = effect.settings
    if effect.kind == "clock_skew":
        await connection.send_answer(send, answer, clock, float(settings.get("seconds", 600)))
        return
    if effect.kind == "delay":
        if not await connection.hold(receive, float(settings.get("delay_seconds", 1.0))):
            await connection.send_answer(send, answer, clock)
        return
    sent = int(settings.get("bytes", len(answer.body) // 2))
    await send(connection.answer_head(answer, clock))
    await send({"type": "http.response.body", "body": answer.body[:sent], "more_body": True})
    if effect.kind == "cut_body":
        await connection.disconnect(receive)
    elif not await connection.hold(receive, float(settings.get("delay_seconds", _LONG_SECONDS))):
        await send({"type": "http.response.body", "body": answer.body[sent:]})
