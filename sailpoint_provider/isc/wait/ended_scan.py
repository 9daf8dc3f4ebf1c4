"""Reads the task records that watchers of ended loads need, with as few requests as possible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sailpoint_provider.isc.api.paging import TaskPages, all_records
from sailpoint_provider.isc.api.responses import http_date
from sailpoint_provider.isc.api.task_query import TaskQuery
from sailpoint_provider.isc.flow import Flow, ask
from sailpoint_provider.isc.wait.ended import Scan, ScanRequest

if TYPE_CHECKING:
    from datetime import datetime

    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.models import TaskStatus
    from sailpoint_provider.isc.api.versions import ApiVersion

_IDS_PER_REQUEST = 100


def scan_ended(api_version: ApiVersion, request: ScanRequest) -> Flow[Scan]:
    """
    Read the records that a request names.

    That is one page, the newest 250 records, as long as nothing older is needed. Before a first look, what
    runs is read too. In the API versions whose list holds ended tasks only, it is read every time, and before
    that list: so a load that ends in between is in one of the two.
    """
    clock = _Clock()
    records: list[TaskStatus] = []
    query = TaskQuery(types=request.types, source_ids=request.source_ids)
    if api_version.lists_ended_only or request.look_back is not None:
        running = TaskPages(api_version, replace(query, running=True), observe=clock.observe)
        records += yield from all_records(running)
    if api_version.lists_ended_only:
        query = replace(query, running=False)
    pages = TaskPages(api_version, query, observe=clock.observe)
    while (call := pages.next_call()) is not None:
        page = list(pages.take((yield from ask(call))))
        records += page
        oldest = request.oldest_needed(clock.now)
        if oldest is not None and any(one.created is not None and one.created < oldest for one in page):
            break
    wanted = sorted(request.ids - {record.id for record in records})
    for at in range(0, len(wanted), _IDS_PER_REQUEST):
        chosen = TaskQuery(task_ids=tuple(wanted[at : at + _IDS_PER_REQUEST]), running=query.running)
        records += yield from all_records(TaskPages(api_version, chosen, observe=clock.observe))
    absent = request.ids - {record.id for record in records}
    return Scan(request.types, records, clock.now, absent)


class _Clock:
    """ISC's clock, as the first response of a scan shows it."""

    def __init__(self) -> None:
        self.now: datetime | None = None

    def observe(self, response: Response) -> None:
        self.now = self.now or http_date(response.headers.get("date", ""))
