"""The ASGI application: ISC's API, its scripted faults, and the control API beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from sailpoint_provider.simulator.api.dispatch import ApiRequest
from sailpoint_provider.simulator.api.paths import resolve
from sailpoint_provider.simulator.control.api import control_application
from sailpoint_provider.simulator.faults import connection
from sailpoint_provider.simulator.faults.effects import (
    filled_page,
    replacement,
    strike_answer,
    strike_connection,
)
from sailpoint_provider.simulator.faults.script import FaultScript
from sailpoint_provider.simulator.model.csv_files import ReadingStopped
from sailpoint_provider.simulator.model.journal import ReceivedRequest, without_secrets
from sailpoint_provider.simulator.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from sailpoint_provider.simulator.api.answers import Answer
    from sailpoint_provider.simulator.faults.connection import Message, Receive, Send
    from sailpoint_provider.simulator.faults.script import Effect
    from sailpoint_provider.simulator.model.tenant import Tenant

CONTROL_PREFIX = "/_simulator"


class TenantApplication:
    """Serve ISC's API and the control API.

    ISC's calls are routed by hand: with thousands of polling clients, Starlette's routing would take most of
    the time of an answer.

    :param tenant: the tenant.
    :param faults: the faults that hit requests to ISC; none by default.
    """

    def __init__(self, tenant: Tenant, faults: FaultScript | None = None) -> None:
        self.tenant = tenant
        self.faults = FaultScript() if faults is None else faults
        self.refuse_connections: Callable[[float], None] | None = None
        """Closes the port for this many seconds; set by the server."""
        self._control = control_application(tenant, self.faults)
        self._webhooks = Webhooks(tenant)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/" or scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, receive, self._dated(send))
            self._webhooks.run_if_needed()
            return
        try:
            await _Exchange(self, scope, receive, send).serve()
        except (ClientDisconnect, ReadingStopped):
            return

    def _dated(self, send: Send) -> Send:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", self.tenant.clock.http_date())]
            await send(message)

        return send_dated


class _Exchange:
    """One request to ISC and its answer, or the fault that hits them."""

    def __init__(self, application: TenantApplication, scope: Message, receive: Receive, send: Send) -> None:
        self._application, self._receive, self._send = application, receive, send
        self._tenant, self._clock = application.tenant, application.tenant.clock
        self._request = Request(scope, self._receive_body)
        self._body_is_read = False
        self._query: str = scope["query_string"].decode("latin-1")
        method, path = str(scope["method"]), str(scope["path"])
        self._target = resolve(path)
        headers = self._request.headers
        self._received = ReceivedRequest(
            method=method,
            path=path,
            query=without_secrets(self._query),
            api_version=self._target.api_version if self._target else None,
            call=self._target.calls.get(method) if self._target else None,
            user_agent=headers.get("user-agent", ""),
            experimental=headers.get("x-sailpoint-experimental"),
        )

    async def serve(self) -> None:
        """Answer, unless a scripted fault hits this request."""
        faults, received = self._application.faults, self._received
        request = (received.method, received.path, received.api_version)
        effect = faults.pick(*request)
        if effect is not None and not effect.happens_after:
            received.fault = effect.kind
            await self._strike_before(effect)
            return
        query = self._parameters(effect)
        try:
            answer = await ApiRequest(self._tenant, self._request, self._target, query, received).answer()
            await self._read_to_end()
        except ClientDisconnect:
            self._note(None)
            raise
        if effect is None and received.start is not None:
            effect = faults.pick(*request, received.start)
        if effect is None:
            await self._send_answer(answer)
        else:
            received.fault = effect.kind
            await self._strike_after(effect, answer, query)

    def _parameters(self, effect: Effect | None) -> dict[str, str]:
        parameters = dict(parse_qsl(self._query, keep_blank_values=True)) if self._query else {}
        if effect is not None and effect.kind == "same_page":
            parameters.pop("offset", None)
        return parameters

    async def _receive_body(self) -> Message:
        message = await self._receive()
        self._body_is_read = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    async def _read_to_end(self) -> None:
        """Read the rest of the body: a client that is still sending must not find the connection closed."""
        if (
            self._received.method != "GET"
            and not self._body_is_read
            and await connection.drain(self._receive)
        ):
            raise ClientDisconnect

    def _note(self, answer: Answer | None) -> None:
        self._received.status = answer.status if answer else None
        self._tenant.journal.append(self._received)

    async def _send_answer(self, answer: Answer) -> None:
        self._note(answer)
        await connection.send_answer(self._send, answer, self._clock)

    async def _break_connection(self, effect: Effect) -> None:
        self._note(None)
        await strike_connection(effect, self._receive, self._application.refuse_connections)

    async def _strike_before(self, effect: Effect) -> None:
        answer = replacement(effect, self._clock)
        if answer is None:
            await self._break_connection(effect)
        elif await connection.drain(self._receive):
            self._note(None)
        else:
            await self._send_answer(answer)

    async def _strike_after(self, effect: Effect, answer: Answer, query: dict[str, str]) -> None:
        if effect.kind == "same_page":
            instead: Answer | None = filled_page(answer, query)
        else:
            instead = replacement(effect, self._clock)
        if instead is not None:
            await self._send_answer(instead)
        elif effect.kind in ("delay", "stall", "cut_body", "clock_skew"):
            self._note(answer)
            await strike_answer(effect, answer, self._receive, self._send, self._clock)
        else:
            await self._break_connection(effect)
