"""A list of tasks in memory, as the API versions serve it, for the tests of watchers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache

from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.isc.isc_cases import SOURCE, Driver, answer, task_document

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TYPE = "CLOUD_ACCOUNT_AGGREGATION"
MINUTE = timedelta(minutes=1)


@cache
def iso(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Run:
    """An aggregation that begins, and ends some time later."""

    id: str
    begins: datetime
    ends: datetime
    source_id: str = SOURCE
    status: str = "SUCCESS"
    name: str = "Cloud Account Aggregation"
    messages: tuple = ()

    def document(self, now):
        """Return its record as JSON."""
        is_over = self.ends <= now
        return _document(
            self.id,
            self.name,
            self.source_id,
            iso(self.begins),
            iso(self.ends) if is_over else None,
            self.status if is_over else None,
            json.dumps(self.messages),
        )


@cache
def _document(id, name, source_id, begins, ends, status, messages):
    return json.dumps(
        task_document(
            status,
            id=id,
            uniqueName=name,
            created=begins,
            launched=begins,
            completed=ends,
            messages=json.loads(messages),
            target={"id": source_id, "type": "SOURCE", "name": "HR [source]"},
        )
    )


@dataclass
class TaskList:
    """
    A tenant's tasks at one moment.

    :param passing: how much time passes with each request.
    :param date: the ``Date`` header of each response; None for the time.
    """

    runs: list
    now: datetime = NOON
    api_version: str = "v1"
    passing: timedelta = timedelta(0)
    date: str | None = None
    requests: list = field(default_factory=list)

    @property
    def api(self):
        return API_VERSIONS[self.api_version]

    def run(self, flow):
        return Driver(self._respond).run(flow)

    def _respond(self, call):
        query = dict(call.query)
        self.requests.append((call.path, query))
        found = self._chosen(call.path == self.api.pending_tasks, query.get("filters", ""))
        found.sort(key=lambda run: run.begins, reverse=query.get("sorters", "-created") == "-created")
        offset = int(query.get("offset", 0))
        page = [run.document(self.now) for run in found[offset : offset + int(query["limit"])]]
        date = self.date or format_datetime(self.now, usegmt=True)
        response = answer(body=f"[{','.join(page)}]".encode(), date=date)
        self.now += self.passing
        return call.read(response)

    def _chosen(self, is_pending, filters):
        begun = [run for run in self.runs if run.begins <= self.now]
        if is_pending:
            return [run for run in begun if run.ends > self.now]
        if self.api.pending_tasks is not None:
            begun = [run for run in begun if run.ends <= self.now]
            assert "isnull" not in filters
        if "isnull" in filters:
            begun = [run for run in begun if run.ends > self.now]
        for name, field_of in (("id", "id"), ("sourceId", "source_id")):
            if term := re.search(rf"(?:^| ){name} (?:eq|in) (\(.*?\)|\"[^\"]*\")", filters):
                wanted = re.findall(r'"([^"]*)"', term[1])
                begun = [run for run in begun if getattr(run, field_of) in wanted]
        if term := re.search(r"type (?:eq|in) (\(.*?\)|\"[^\"]*\")", filters):
            wanted = re.findall(r'"([^"]*)"', term[1])
            begun = [run for run in begun if run.name.upper().replace(" ", "_") in wanted]
        return begun
