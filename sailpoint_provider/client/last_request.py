"""The one request that a killed task may still send."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sailpoint_provider.client.attempt import Attempt, Deadline
from sailpoint_provider.client.network import proxy_for
from sailpoint_provider.client.request_head import address_of, headers_of
from sailpoint_provider.client.requests_session import bounded_session
from sailpoint_provider.client.tenant_state import token_in_memory

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.tenant.config import Tenant


def send_last_request(tenant: Tenant, call: Request[Any], seconds: float) -> int | None:
    """
    Send one request from a signal handler, with the token in memory.

    It takes no lock and ignores the budget, because the interrupted code may hold their locks.

    :param seconds: time limit for everything.
    :returns: HTTP status of the response, None if there is no token in memory.
    :raises requests.RequestException: there was no response in time.
    :raises HeadTooLongError: the header of the response is too large.
    """
    token = token_in_memory(tenant)
    if token is None:
        return None
    url = address_of(tenant, call)
    proxy = proxy_for(tenant, url)
    attempt = Attempt(tenant, replace(call, time_limit=seconds), Deadline())
    with bounded_session(tenant) as session, attempt.current():
        response = session.request(
            call.method,
            url,
            data=call.content,
            headers=headers_of(call, token),
            timeout=seconds,
            allow_redirects=False,
            stream=True,  # only the status matters, and a body may arrive byte by byte
            proxies={"all": proxy} if proxy else None,
        )
        response.close()
        return response.status_code
