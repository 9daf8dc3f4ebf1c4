"""Calls that show whether a source is ready to be loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sailpoint_provider.coercion import as_int, as_text
from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.advice import CHECK_SOURCE_ID
from sailpoint_provider.isc.api.exchange import Request
from sailpoint_provider.isc.api.identifiers import id_for_path

if TYPE_CHECKING:
    from sailpoint_provider.isc.api.versions import ApiVersion

_HEALTHY = "SOURCE_STATE_HEALTHY"
_UNCHECKED = "SOURCE_STATE_UNCHECKED"
_LONGEST_REASON = 200


@dataclass(frozen=True)
class ConnectionCheck:
    """
    What ISC found when it tested the connection of a source.

    :param is_good: whether ISC could log in to the source.
    :param status: ISC's ``status``, ``SUCCESS`` or ``FAILURE``.
    :param milliseconds: how long the test took; None if ISC does not report it.
    :param reason: ISC's own words on a failure, shortened; empty if there are none.
    """

    is_good: bool
    status: str
    milliseconds: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class SourceHealth:
    """
    The state of a source as ISC last saw it.

    :param status: ISC's ``status``, such as ``SOURCE_STATE_HEALTHY``.
    """

    status: str

    @property
    def is_good(self) -> bool | None:
        """Whether the source is healthy; None if ISC has not checked it."""
        if self.status.startswith(_UNCHECKED):
            return None
        return self.status == _HEALTHY


def check_connection(api_version: ApiVersion, source_id: str) -> Request[ConnectionCheck]:
    """Let ISC log in to a source with the credentials that it has; nothing is loaded or changed."""
    source_id = id_for_path(source_id, "source_id")
    return Request(
        purpose=f"check the connection of source {source_id}",
        method="POST",
        path=f"{api_version.path('sources')}/{source_id}/connector/check-connection",
        read=lambda response: _read_check(response.json()),
        scope="idn:source-connector:manage",
        not_found_advice=CHECK_SOURCE_ID,
    )


def source_health(api_version: ApiVersion, source_id: str) -> Request[SourceHealth]:
    """
    Read the state of a source as ISC last saw it.

    :raises InvalidInputError: the API version has no such call.
    """
    if not api_version.has_source_health:
        raise InvalidInputError(
            f"api_version {api_version.name!r} has no call for the health of a source. Set a newer "
            "api_version in the connection's extra."
        )
    source_id = id_for_path(source_id, "source_id")
    return Request(
        purpose=f"read the health of source {source_id}",
        method="GET",
        path=f"{api_version.path('sources')}/{source_id}/source-health",
        read=lambda response: _read_health(response.json()),
        scope="idn:sources:read",
        not_found_advice=CHECK_SOURCE_ID,
    )


def _read_check(document: Any) -> ConnectionCheck:
    status = _status_of(document, "the check of a connection")
    is_good = status.upper() == "SUCCESS"
    return ConnectionCheck(
        is_good=is_good,
        status=status,
        milliseconds=as_int(document.get("elapsedMillis")),
        reason="" if is_good else _reason(document.get("details")),
    )


def _read_health(document: Any) -> SourceHealth:
    return SourceHealth(_status_of(document, "the health of a source").upper())


def _status_of(document: Any, what: str) -> str:
    status = as_text(document.get("status")) if isinstance(document, Mapping) else None
    if status is None:
        raise ProtocolError(f"ISC returned {what} without 'status'.")
    return status


def _reason(details: Any) -> str:
    """
    Return ISC's words on a failure.

    The details depend on the connector and are documented as an object; public reports show text too.
    Nothing but what is certainly a message is taken from an object.
    """
    if isinstance(details, Mapping):
        details = next(
            (details[name] for name in ("error", "message", "exception") if as_text(details.get(name))), None
        )
    text = as_text(details) or ""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
