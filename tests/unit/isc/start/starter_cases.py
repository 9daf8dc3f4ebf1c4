"""A tenant with one source, a file and a memory, all in small, for the tests of starts."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from sailpoint_provider.exceptions import (
    CheckpointError,
    InvalidInputError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.files.source import FileSource, FileState
from sailpoint_provider.isc.api.exchange import Response
from sailpoint_provider.isc.api.models import Source, StartResponse, TaskMessage, TaskStatus
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.start.checkpoint import Checkpoint, read_checkpoint
from sailpoint_provider.isc.start.request import StartRequest
from sailpoint_provider.isc.start.starter import Starter
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.results import UploadedFile
from tests.unit.isc.isc_cases import NOON, SOURCE, Driver

LOG = logging.getLogger("start")
DIRECTORY = Source(SOURCE, "Directory", "Active Directory - Direct")
BUSY_WORDS = TaskMessage(
    "ERROR",
    "This aggregation failed because the currently running aggregation must complete before the next one "
    "can start.",
)
PLACE = "/drop/accounts.csv"
STATE = FileState(120, "monday")
SENT = UploadedFile(name="accounts.csv", size_bytes=120, sha256="a" * 64, rows=None)
LOST = TenantUnavailableError("the connection broke", sent=True)
UNKNOWN = UnknownAggregationError("not found", status=404)
DAY = 86400.0


def an_id(number):
    return f"{number:032x}"


def at(seconds):
    """Return the moment so many seconds after the test began, as ISC writes it."""
    return datetime.fromtimestamp(NOON + seconds, tz=UTC)


def record(number, completion_status=None, seconds=-100.0, **changed):
    created = None if seconds is None else at(seconds)
    return TaskStatus(an_id(number), completion_status, created=created, **changed)


def document_of(record):
    """Return a record as ISC's list shows it."""
    created = None if record.created is None else record.created.isoformat()
    messages = [{"type": one.type, "localizedText": {"message": one.text}} for one in record.messages]
    return {
        "id": record.id,
        "completionStatus": record.completion_status,
        "created": created,
        "messages": messages,
    }


def refused(number, seconds=0.0):
    return record(number, "ERROR", seconds, messages=(BUSY_WORDS,))


@dataclass
class FakeFile(FileSource):
    """The CSV; ``state`` None means that it is gone."""

    state: FileState | None = STATE
    name: str = "accounts.csv"
    location: str = PLACE

    def stat(self):
        if self.state is None:
            raise InvalidInputError(f"Cannot find the file {PLACE}.", final=False)
        return self.state


@dataclass
class StartScenario:
    """
    One task at one source: what ISC has, what is remembered, and all that happened, in order.

    :param records: ISC's task records.
    :param replies: what ISC makes of each start: an error, a task, or a function; a good start after that.
    :param checkpoint: what an earlier try left.
    :param unwritable: states of a checkpoint that the store does not take.
    :param skew: seconds by which ISC's clock is ahead; ``record`` and ``at`` are of ISC's clock.
    :param date: ISC's ``Date`` header, None for the right one.
    """

    records: list = field(default_factory=list)
    replies: list = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    file: FakeFile | None = None
    order: dict = field(default_factory=dict)
    trouble: object = None
    unwritable: tuple = ()
    skew: float = 0.0
    date: str | None = None

    def __post_init__(self):
        self.driver = Driver(self.answer)
        self.happened = []
        self.observed = []
        self.kept = None if self.checkpoint is None else json.dumps(self.checkpoint.to_json())

    def begin(self, **changed):
        usual = {
            "source": DIRECTORY,
            "max_tries": 0,
            "deadline": NOON + DAY,
            "tolerate_outage": 1800.0,
            "file": self.file,
        }
        wanted = usual | self.order | changed
        deadlines = Deadlines(wanted.pop("deadline"), wanted.pop("tolerate_outage"), begun=NOON)
        order = StartRequest(**wanted, deadlines=deadlines)
        starter = Starter(
            order, API_VERSIONS["v1"], self, clock=self.tick, log=LOG, observe=self.observed.append
        )
        return self.driver.run(starter.begin())

    def tick(self):
        """Tell the time, of which a little passes between any two looks at a clock."""
        self.driver.clock.now += 1e-5
        return self.driver.clock.now

    @property
    def starts(self):
        return self.happened.count("start")

    @property
    def remembered(self):
        return None if self.kept is None else read_checkpoint(json.loads(self.kept))

    def load(self):
        return self.remembered

    def save(self, checkpoint, *, required=False):
        if checkpoint.state in self.unwritable:
            if required:
                raise CheckpointError("the store is down", final=checkpoint.state != "submitting")
            return
        self.kept = json.dumps(checkpoint.to_json())
        self.happened.append(checkpoint.state)

    def answer(self, call):
        trouble = self.trouble(call, self) if self.trouble is not None else None
        if trouble is not None:
            return trouble
        if call.method == "POST":
            self.happened.append("start")
            reply = self.replies.pop(0) if self.replies else good_start
            return reply(self) if callable(reply) else reply
        if "account-aggregations" in call.path:
            return UNKNOWN
        wanted = call.path.rpartition("/")[2]
        if len(wanted) == 32:
            self.happened.append("ask")
            return next((one for one in self.records if one.id == wanted), UNKNOWN)
        self.happened.append("look")
        long_ago = at(-1e9)
        listed = sorted(self.records, key=lambda one: one.created or long_ago, reverse=True)
        headers = {"date": self.date or format_datetime(at(self.elapsed + self.skew), usegmt=True)}
        body = json.dumps([document_of(one) for one in listed]).encode()
        return call.read(Response(200, headers, body, self.driver.clock.now))

    @property
    def elapsed(self):
        return self.driver.clock.now - NOON

    def arrive(self, number, completion_status=None, **changed):
        self.records.append(record(number, completion_status, self.elapsed, **changed))

    def end(self, number, completion_status="SUCCESS", **changed):
        self.records = [
            replace(one, completion_status=completion_status, **changed) if one.id == an_id(number) else one
            for one in self.records
        ]


def good_start(tenant, number=1):
    tenant.arrive(number)
    return StartResponse(an_id(number), file=SENT if tenant.file else None)


def unanswered(*numbers, error=LOST, completion_status=None, seconds=0.0):
    """A start that nobody answered, though these aggregations came."""

    def reply(tenant):
        tenant.driver.clock.now += seconds
        for number in numbers:
            tenant.arrive(number, completion_status)
        return error

    return reply


def busy_start(tenant, number=9):
    """A start that ISC refuses inside its 202, because another one began a moment ago."""
    tenant.arrive(number)
    tenant.records.append(refused(number + 100, tenant.elapsed))
    return StartResponse(an_id(number + 100), (BUSY_WORDS,))


def checkpoint(state="running", number=1, **changed):
    usual = {
        "state": state,
        "max_tries": 0,
        "source_id": SOURCE,
        "source_name": "Directory",
        "deadlines": Deadlines(NOON + 500, begun=NOON - 500),
        "aggregation_id": an_id(number) if state in ("running", "discarded", "returned") else None,
    }
    return Checkpoint(**usual | changed)


def checkpoint_of_file(state="running", **changed):
    sent = SENT if state in ("running", "discarded", "returned") else None
    return checkpoint(state, **{"file_location": PLACE, "file": STATE, "sent": sent} | changed)


def a_file(**order):
    return {"file": FakeFile(), "order": order}


def a_full_run(**order):
    return {"order": {"disable_optimization": True} | order}


OWN = pytest.mark.parametrize("own", [a_file, a_full_run])


def words(error):
    return str(error) or "no id"


def scenario(has_file=False, **changed):
    return StartScenario(file=FakeFile() if has_file else None, **changed)


def busy(**order):
    return scenario(records=[record(9, None, -20), record(8, "SUCCESS")], order=order)
