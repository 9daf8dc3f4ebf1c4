"""Whether sources are ready to be loaded: what is asked, and what the answers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sailpoint_provider.exceptions import AccessDeniedError, AuthenticationError, SailPointError
from sailpoint_provider.isc.api import source_health as api
from sailpoint_provider.isc.api.source_health import ConnectionCheck, SourceHealth
from sailpoint_provider.isc.flow import Flow, ask
from sailpoint_provider.results import SourceReadiness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.api.models import Source
    from sailpoint_provider.isc.api.versions import ApiVersion

_HEADINGS = ("Source", "Verdict", "Connection", "Health", "Reason")


def read_readiness(
    api_version: ApiVersion, sources: Sequence[Source], *, check_connection: bool, check_health: bool
) -> Flow[list[SourceReadiness]]:
    """
    Ask about every source, and judge the answers.

    A source about which ISC does not answer is not ready; refused credentials end the check.

    :param sources: the sources, as ISC returned them.
    :param check_connection: whether ISC tests the connections.
    :param check_health: whether the health is read.
    :raises AuthenticationError: ISC refuses the credentials.
    :raises AccessDeniedError: the client may not make a call.
    """
    checked = []
    for source in sources:
        connection: ConnectionCheck | SailPointError | None = None
        health: SourceHealth | SailPointError | None = None
        if check_connection and _has_connection(source):
            connection = yield from _tried(api.check_connection(api_version, source.id))
        if check_health:
            health = yield from _tried(api.source_health(api_version, source.id))
        checked.append(readiness(source, connection, health))
    return checked


def readiness(
    source: Source,
    connection: ConnectionCheck | SailPointError | None,
    health: SourceHealth | SailPointError | None,
) -> SourceReadiness:
    """
    Judge one source.

    :param connection: what the test of the connection found, or why there is no answer; None if it was not
        tested.
    :param health: the health, or why there is no answer; None if it was not read.
    """
    problems, notes = [], []
    verdicts: list[bool | None] = []
    if isinstance(connection, SailPointError):
        problems.append(f"the connection could not be checked: {connection}".rstrip("."))
    elif connection is not None:
        verdicts.append(connection.is_good)
        if not connection.is_good:
            problems.append("ISC cannot log in" + (f" ({connection.reason})" if connection.reason else ""))
    elif not _has_connection(source):
        notes.append("a delimited file has no connection")
    if isinstance(health, SailPointError):
        problems.append(f"the health could not be read: {health}".rstrip("."))
    elif health is not None:
        verdicts.append(health.is_good)
        if health.is_good is False:
            problems.append(f"ISC reports {health.status}")
        elif health.is_good is None:
            notes.append("ISC has not checked its health")
    verdict: Literal["ready", "not ready", "unknown"] = "not ready" if problems else "unknown"
    if not problems and True in verdicts:
        verdict = "ready"
    return SourceReadiness(
        source_id=source.id,
        source_name=source.name,
        verdict=verdict,
        connection=connection.status if isinstance(connection, ConnectionCheck) else None,
        health=health.status if isinstance(health, SourceHealth) else None,
        milliseconds=connection.milliseconds if isinstance(connection, ConnectionCheck) else None,
        reason="; ".join([*problems, *notes]),
    )


def as_table(checked: Sequence[SourceReadiness]) -> str:
    """Return the verdicts as a text table, what is not ready first."""
    ready = sum(one["verdict"] == "ready" for one in checked)
    order = {"not ready": 0, "unknown": 1, "ready": 2}
    rows = [_HEADINGS]
    for one in sorted(checked, key=lambda one: order[one["verdict"]]):
        connection = one["connection"] or "-"
        if one["milliseconds"] is not None:
            connection += f" ({one['milliseconds']:,} ms)"
        rows.append((one["source_name"], one["verdict"], connection, one["health"] or "-", one["reason"]))
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADINGS))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    are = "source is" if len(checked) == 1 else "sources are"
    return "\n".join([f"{ready} of {len(checked)} {are} ready to be loaded.", "", *lines])


def _has_connection(source: Source) -> bool:
    return not source.is_delimited_file or source.has_cluster


def _tried(call: Request[Any]) -> Flow[Any]:
    try:
        return (yield from ask(call))
    except (AuthenticationError, AccessDeniedError):
        raise
    except SailPointError as error:
        return error
