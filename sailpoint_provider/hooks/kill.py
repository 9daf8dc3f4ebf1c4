"""What a killed task still does: log that the load is running, and clear ISC's record of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sailpoint_provider.isc.kinds import LoadKind
    from sailpoint_provider.isc.tenant.config import Tenant

_KILL_SECONDS = 3.0
"""How long a killed task may wait for the response that its record is cleared."""


def log_kill(
    log: Any,
    tenant: Tenant | None,
    aggregation_id: str,
    *,
    source: str | None,
    clear_task: bool,
    kind: LoadKind,
) -> None:
    """
    Log at a kill that the aggregation is still running; clear ISC's record of it if asked to.

    Clearing the record (``PATCH`` of the task status) needs the scope ``idn:task-management:write`` and a
    personal access token. It sends one request, with the token in memory, and waits at most three seconds for
    the response; it never raises.

    :param log: logger to use.
    :param tenant: tenant of the aggregation; None if the connection was never read, which a kill must not do,
        because the interrupted code may hold the locks for it.
    :param aggregation_id: ID of the aggregation.
    :param source: its source, as shown to a person; None if it has none.
    :param clear_task: whether to mark the record as ended with an error.
    :param kind: the kind of load.
    """
    log.warning(
        "The task was killed. %s %s%s is still running in Identity Security Cloud, which has no API to "
        "cancel it.",
        kind.name.capitalize(),
        aggregation_id,
        "" if source is None else f" of source {source}",
    )
    if clear_task:
        try:
            log.warning("%s", _clear_task_record(tenant, aggregation_id))
        except Exception as error:
            log.warning("ISC's task record could not be marked as ended: %s.", type(error).__name__)


def _clear_task_record(tenant: Tenant | None, aggregation_id: str) -> str:
    """
    Mark ISC's record of an aggregation as ended with an error, and return what to log about it.

    :raises requests.RequestException: there was no response in time.
    """
    from sailpoint_provider.client.last_request import send_last_request
    from sailpoint_provider.isc.api.endpoints import clear_task_record

    if tenant is None:
        return "ISC's task record was not marked as ended: the connection was never read."
    call = clear_task_record(tenant.api_version, aggregation_id, now=datetime.now(tz=UTC))
    status = send_last_request(tenant, call, _KILL_SECONDS)
    if status is None:
        return "ISC's task record was not marked as ended: there is no token in memory."
    if status < 300:
        return "ISC's task record is now marked as ended with an error (on_kill_clear_task)."
    scope = f" The client needs the scope {call.scope}." if status in (401, 403) else ""
    return f"ISC's task record could not be marked as ended: HTTP {status}.{scope}"
