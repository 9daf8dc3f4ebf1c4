"""Posts an event to each subscriber when an account aggregation has ended."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from sailpoint_provider.simulator.api.event_records import aggregation_completed
from sailpoint_provider.simulator.model.subscriptions import Invocation, Subscription

if TYPE_CHECKING:
    from sailpoint_provider.simulator.model.tenant import Tenant

_SECONDS_BETWEEN_LOOKS = 0.05
_TIMEOUT = 5.0


class Webhooks:
    """Tells subscribers of ended runs, for as long as there are any.

    :param tenant: the tenant.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._telling: asyncio.Task[None] | None = None

    def run_if_needed(self) -> None:
        """Begin to tell, if there is a subscriber and nothing tells it yet."""
        is_running = self._telling is not None and not self._telling.done()
        if self._tenant.subscriptions.active and not is_running:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while (subscriptions := self._tenant.subscriptions).active:
            steady = self._tenant.clock.steady()
            for run in subscriptions.newly_ended(self._tenant.runs.values(), steady):
                event = aggregation_completed(run, run.state(steady))
                for subscription in list(subscriptions.active):
                    status = await asyncio.to_thread(_post, subscription, event)
                    subscriptions.invocations.append(Invocation(subscription.id, event, status))
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)


class _NoRedirects(HTTPRedirectHandler):
    """Follows none, because a redirect may lead to another machine."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(subscription: Subscription, event: dict[str, Any]) -> int | None:
    """Post an event once; return the HTTP status, None if there was no answer."""
    request = Request(subscription.url, data=json.dumps(event).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    if subscription.bearer_token is not None:
        request.add_header("Authorization", f"Bearer {subscription.bearer_token}")
    opener = build_opener(ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(request, timeout=_TIMEOUT) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
    except (URLError, OSError):
        return None
