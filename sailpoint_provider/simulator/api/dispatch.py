"""From a request to ISC to its answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from email.utils import formatdate
from math import ceil
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from sailpoint_provider.simulator.api import access, accounts, identities, sources, tasks
from sailpoint_provider.simulator.api.answers import (
    Answer,
    ApiError,
    error_answer,
    rate_limited,
    unauthorized,
)
from sailpoint_provider.simulator.api.forms import media_type
from sailpoint_provider.simulator.api.loads import start_load
from sailpoint_provider.simulator.api.oauth import answer_token_request
from sailpoint_provider.simulator.model.csv_files import ReadingStopped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from sailpoint_provider.simulator.api.paths import Target
    from sailpoint_provider.simulator.model.journal import ReceivedRequest
    from sailpoint_provider.simulator.model.tenant import Tenant

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ApiRequest:
    """One request to ISC.

    :param tenant: the tenant that answers.
    :param request: the HTTP request.
    :param target: what its path means, None for an unknown path.
    :param query: its query parameters.
    :param received: its record, which answering completes.
    """

    tenant: Tenant
    request: Request
    target: Target | None
    query: Mapping[str, str]
    received: ReceivedRequest

    async def answer(self) -> Answer:
        """Answer it as ISC would; an unexpected failure is a 500, and is logged.

        :raises ClientDisconnect: if the client leaves before its whole request has arrived.
        :raises ReadingStopped: if the simulator stops while it reads a file.
        """
        try:
            return self._marked(await self._answer())
        except ApiError as error:
            return self._marked(error.answer)
        except (ClientDisconnect, ReadingStopped):
            raise
        except Exception:
            _log.exception("The simulator failed to answer %s %s", self.received.method, self.received.path)
            return self._marked(error_answer(500, "An unexpected error occurred."))

    def _marked(self, answer: Answer) -> Answer:
        """Add ``X-Deprecated`` where ISC does."""
        target = self.target
        if target is None or not (
            target.api_version in self.tenant.deprecated or self.received.call == "list_pending_tasks"
        ):
            return answer
        return replace(answer, headers=(*answer.headers, ("x-deprecated", "true")))

    async def _answer(self) -> Answer:
        if self.received.path == "/oauth/token":
            if self.received.method != "POST":
                return self._not_allowed("POST")
            return await answer_token_request(self.tenant, self.request, self.received)
        if self.target is None:
            return error_answer(404, f'Nothing is found at "{self.received.path}".')
        return self._refusal(self.target) or await self._call(self.target)

    def _refusal(self, target: Target) -> Answer | None:
        """Return the answer to a request that is refused before its call, else None."""
        tenant, call = self.tenant, self.received.call
        client = tenant.tokens.bearer(self.request.headers.get("authorization", ""))
        if client is None:
            return unauthorized()
        self.received.client_id = client.id
        wait = tenant.rate_limit.refusal(client.id, target.api_version, tenant.clock.steady())
        if wait is not None:
            return rate_limited(self._retry_after(wait))
        if target.api_version in tenant.retired:
            return error_answer(410, f'API version "{target.api_version}" is no longer available.')
        if call is None:
            return self._not_allowed(*target.calls)
        return access.refusal(client, call, target.api_version)

    def _not_allowed(self, *allowed: str) -> Answer:
        refusal = error_answer(405, f"Method {self.received.method} is not allowed here")
        return replace(refusal, headers=(("allow", ", ".join(allowed)),))

    def _retry_after(self, wait: float) -> str:
        if self.tenant.shapes.retry_after_date:
            return formatdate(ceil(self.tenant.clock.now() + wait), usegmt=True)
        return str(max(1, ceil(wait)))

    async def _call(self, target: Target) -> Answer:
        tenant, query = self.tenant, self.query
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
            case "list_accounts":
                return accounts.list_accounts(tenant, target, query)
            case "list_schemas":
                return sources.list_schemas(tenant, target, query)
            case "get_entitlement_schema":
                return sources.get_entitlement_schema(tenant, target, query)
            case "check_connection":
                return sources.check_connection(tenant, target)
            case "get_source_health":
                return sources.get_source_health(tenant, target)
            case "process_identities":
                return await identities.process_identities(tenant, self.request, self.received)
            case "process_identity_profile":
                return identities.process_identity_profile(tenant, self.received)
            case "get_account_schema":
                return sources.get_account_schema(tenant, target)
            case "update_task_status":
                body = await self.request.body()
                return tasks.update_task_status(tenant, target, media_type(self.request.headers), body)
        return await start_load(tenant, target, self.request, self.received)
