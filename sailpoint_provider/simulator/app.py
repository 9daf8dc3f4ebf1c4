"""The tenant as an ASGI application: one request from head to answer."""

from __future__ import annotations

import logging
from dataclasses import replace
from email.utils import formatdate
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from sailpoint_provider.simulator.api import access, sources, tasks
from sailpoint_provider.simulator.api.answers import (
    Answer,
    ApiError,
    error_answer,
    illegal,
    rate_limited,
    unauthorized,
)
from sailpoint_provider.simulator.api.forms import (
    MULTIPART,
    URL_ENCODED,
    UnreadableForm,
    media_type,
    read_form,
)
from sailpoint_provider.simulator.api.load_accounts import load_accounts
from sailpoint_provider.simulator.api.oauth import token_refusal
from sailpoint_provider.simulator.api.paths import Target, resolve
from sailpoint_provider.simulator.control.api import control_application
from sailpoint_provider.simulator.faults import connection
from sailpoint_provider.simulator.faults.effects import (
    filled_page,
    replacement,
    send_answer,
    strike_answer,
    strike_connection,
)
from sailpoint_provider.simulator.model.csv_files import ReadingStopped
from sailpoint_provider.simulator.model.journal import ReceivedRequest, without_secrets

if TYPE_CHECKING:
    from sailpoint_provider.simulator.api.oauth import ApiClient
    from sailpoint_provider.simulator.faults.connection import Message, Receive, Send
    from sailpoint_provider.simulator.faults.script import Trouble
    from sailpoint_provider.simulator.model.tenant import Tenant

CONTROL_PREFIX = "/_simulator"
_log = logging.getLogger(__name__)


class TenantApplication:
    """Answers ISC's calls, and the control API beside them.

    The calls are routed by hand and not by Starlette, which would weigh most of an answer when thousands
    poll.

    :param tenant: the state it answers from.
    """

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._control = control_application(tenant)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/" or scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, receive, self._dated(send))
            return
        try:
            await _Exchange(self.tenant, scope, receive, send).serve()
        except (ClientDisconnect, ReadingStopped):
            return

    def _dated(self, send: Send) -> Send:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", self.tenant.clock.http_date())]
            await send(message)

        return send_dated


class _Exchange:
    """One request to ISC and its answer."""

    def __init__(self, tenant: Tenant, scope: Message, receive: Receive, send: Send) -> None:
        self.tenant, self.receive, self.send = tenant, receive, send
        self.request = Request(scope, self._receive)
        self._body_is_read = False
        self._trouble: Trouble | None = None
        self.method, self.path = str(scope["method"]), str(scope["path"])
        self.query: str = scope["query_string"].decode("latin-1")
        self.target: Target | None = resolve(self.path)
        headers = self.request.headers
        self.received = ReceivedRequest(
            method=self.method,
            path=self.path,
            query=without_secrets(self.query),
            generation=self.target.generation if self.target else None,
            call=self.target.calls.get(self.method) if self.target else None,
            user_agent=headers.get("user-agent", ""),
            experimental=headers.get("x-sailpoint-experimental"),
        )

    async def serve(self) -> None:
        """Answer, unless a fault was scripted for this request."""
        faults, generation = self.tenant.faults, self.received.generation
        trouble = self._trouble = faults.pick(self.method, self.path, generation)
        if trouble is not None and not trouble.happens_after:
            self.received.fault = trouble.kind
            await self._strike_before(trouble)
            return
        try:
            answer = await self._answer()
        except ClientDisconnect:
            self._note(None)
            raise
        if trouble is None and self.received.start is not None:
            trouble = faults.pick_start(self.method, self.path, generation, self.received.start)
        if trouble is None:
            self._note(answer)
            await send_answer(self.send, answer, self.tenant)
        else:
            self.received.fault = trouble.kind
            await self._strike_after(trouble, answer)

    def _note(self, answer: Answer | None) -> None:
        self.received.status = answer.status if answer else None
        self.tenant.journal.note(self.received)

    async def _strike_before(self, trouble: Trouble) -> None:
        answer = replacement(trouble, self.tenant)
        if answer is None:
            self._note(None)
            await strike_connection(trouble, self.receive, self.tenant)
            return
        if await connection.drain(self.receive):
            self._note(None)
            return
        self._note(answer)
        await send_answer(self.send, answer, self.tenant)

    async def _strike_after(self, trouble: Trouble, answer: Answer) -> None:
        if trouble.kind == "same_page":
            instead: Answer | None = filled_page(answer, self._parameters())
        else:
            instead = replacement(trouble, self.tenant)
        if instead is not None:
            self._note(instead)
            await send_answer(self.send, instead, self.tenant)
        elif trouble.kind in ("delay", "stall", "cut_body", "clock_skew"):
            self._note(answer)
            await strike_answer(trouble, answer, self.receive, self.send, self.tenant)
        else:
            self._note(None)
            await strike_connection(trouble, self.receive, self.tenant)

    async def _answer(self) -> Answer:
        try:
            if self.path == "/oauth/token":
                answer = await self._token()
            else:
                answer = self._refusal() or await self._call()
        except ApiError as error:
            answer = error.answer
        except (ClientDisconnect, ReadingStopped):
            raise
        except Exception:
            _log.exception("The simulator failed at %s %s", self.method, self.path)
            answer = error_answer(500, "An unexpected error occurred.")
        await self._read_to_end()
        if self._is_deprecated():
            answer = replace(answer, headers=(*answer.headers, ("x-deprecated", "true")))
        return answer

    async def _receive(self) -> Message:
        message = await self.receive()
        self._body_is_read = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    async def _read_to_end(self) -> None:
        """Take in the rest of a body, lest the client finds the connection closed while it writes."""
        if self.method != "GET" and not self._body_is_read and await connection.drain(self.receive):
            raise ClientDisconnect

    def _is_deprecated(self) -> bool:
        target = self.target
        return target is not None and (
            target.generation in self.tenant.deprecated or self.received.call == "list_pending_tasks"
        )

    async def _token(self) -> Answer:
        if self.method != "POST":
            return self._not_allowed("POST")
        kind = media_type(self.request.headers)
        if kind not in (MULTIPART, URL_ENCODED):
            return error_answer(415, f"Content-Type '{kind}' is not supported")
        try:
            fields = await read_form(self.request.headers, self.request.stream())
        except UnreadableForm as error:
            return token_refusal(400, "invalid_request", str(error))
        form = {name: value for name, value in fields.items() if isinstance(value, str)}
        await fields.close()
        self.received.client_id = form.get("client_id")
        self.received.call = "token"
        self.received.parts = tuple(form)
        return self.tenant.tokens.issue(form, self.query, self.tenant.clock.steady())

    def _refusal(self) -> Answer | None:
        """Return the answer to a request that does not get as far as its call."""
        tenant, target = self.tenant, self.target
        if target is None:
            return error_answer(404, f'Nothing is found at "{self.path}".')
        client = tenant.tokens.bearer(self.request.headers.get("authorization", ""), tenant.clock.steady())
        if client is None:
            return unauthorized()
        self.received.client_id = client.id
        wait = tenant.rate_limit.refusal(client.id, target.generation, tenant.clock.steady())
        if wait is not None:
            return rate_limited(self._retry_after(wait))
        if target.generation in tenant.retired:
            return error_answer(410, f'API version "{target.generation}" is no longer available.')
        return self._call_refusal(client, target)

    def _call_refusal(self, client: ApiClient, target: Target) -> Answer | None:
        call = self.received.call
        if call is None:
            return self._not_allowed(*target.calls)
        return access.refusal(client, call, target.generation)

    def _not_allowed(self, *allowed: str) -> Answer:
        refusal = error_answer(405, f"Method {self.method} is not allowed here")
        return replace(refusal, headers=(("allow", ", ".join(allowed)),))

    def _retry_after(self, wait: float) -> str:
        if self.tenant.shapes.retry_after_date:
            return formatdate(ceil(self.tenant.clock.now() + wait), usegmt=True)
        return str(max(1, ceil(wait)))

    async def _call(self) -> Answer:
        tenant, target = self.tenant, self.target
        if target is None:
            raise illegal("no call")
        query = self._parameters()
        match self.received.call:
            case "get_aggregation_status":
                return tasks.get_aggregation_status(tenant, target)
            case "get_task_status":
                return tasks.get_task_status(tenant, target)
            case "list_task_status":
                return tasks.list_task_status(tenant, target, query)
            case "list_pending_tasks":
                return tasks.list_pending_tasks(tenant, query)
            case "list_sources":
                return sources.list_sources(tenant, query)
            case "get_source":
                return sources.get_source(tenant, target)
            case "get_account_schema":
                return sources.get_account_schema(tenant, target)
            case "update_task_status":
                body = await self.request.body()
                return tasks.update_task_status(tenant, target, media_type(self.request.headers), body)
        return await load_accounts(tenant, target, self.request, self.received)

    def _parameters(self) -> dict[str, Any]:
        parameters = dict(parse_qsl(self.query, keep_blank_values=True)) if self.query else {}
        if self._trouble is not None and self._trouble.kind == "same_page":
            parameters.pop("offset", None)
        return parameters
