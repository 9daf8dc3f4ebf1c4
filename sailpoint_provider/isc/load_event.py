"""What an asset event says about a load, whatever reported its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.source_uri import source_uri
from sailpoint_provider.results import LoadEvent

if TYPE_CHECKING:
    from sailpoint_provider.results import AggregationResult, CheckSummary

VERSION = 1


def load_event(
    result: AggregationResult, *, kind: str, host: str, check: CheckSummary | None = None
) -> LoadEvent:
    """
    Return what an asset event says about a load.

    :param result: its result.
    :param kind: name of the kind of load.
    :param host: the host of the tenant's API, as a connection spells it.
    :param check: the check of the file that was sent; None if there was none.
    """
    return LoadEvent(
        version=VERSION,
        aggregation_id=result["aggregation_id"],
        kind=kind,
        state=result["state"],
        source_id=result["source_id"],
        source_name=result["source_name"],
        source_uri=_uri(host, result["source_id"]),
        started=result["started"],
        completed=result["completed"],
        duration_seconds=result["duration_seconds"],
        accounts=result["accounts"],
        entitlements=result["entitlements"],
        deletions_skipped=result["deletions_skipped"],
        file=result["file"],
        check=check,
    )


def _uri(host: str, source_id: str | None) -> str | None:
    """Return the URI of the source; None for an ID that is not of ISC's form, which no asset can have."""
    try:
        return None if source_id is None else source_uri(host, source_id)
    except InvalidInputError:
        return None
