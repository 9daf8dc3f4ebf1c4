"""What can still be done about an aggregation whose task is killed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sailpoint_provider.isc.tenant.config import Tenant

_LAST_WORD_SECONDS = 3.0


def clear_record(tenant: Tenant | None, aggregation_id: str) -> str:
    """
    Baseline ISC's record of an aggregation as ended with an error, and say what came of it.

    :param tenant: the tenant, None where the connection was never read.
    :param aggregation_id: the aggregation.
    :raises requests.RequestException: nobody answered in time.
    """
    from sailpoint_provider import isc
    from sailpoint_provider.client.blocking import send_last_word

    if tenant is None:
        return "ISC's record of it is not cleared: the connection was never read."
    call = isc.endpoints.clear_task_record(tenant.generation, aggregation_id, now=datetime.now(tz=UTC))
    answer = send_last_word(tenant, call, _LAST_WORD_SECONDS)
    if answer is None:
        return "ISC's record of it is not cleared: there is no token in memory."
    if answer.status < 300:
        return "ISC's record of it is now marked as ended with an error (on_kill_clear_task)."
    return f"ISC's record of it could not be cleared: HTTP {answer.status}. The client needs {call.scope}."
