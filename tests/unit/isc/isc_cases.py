"""What several tests of the pure part share: ids, a clock, answers, and a driver of procedures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.exchange import Response
from sailpoint_provider.isc.api.loads import start_load
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.flow import Gather, Sleep
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION
from sailpoint_provider.isc.tenant.config import Tenant

SOURCE = "2c918085000000000000000000000a03"
RUN = "af1b82086c194f89acce82e156ff6e61"
SECRET = "s3cret-of-the-client"
NOON = 1_700_000_000.0
V1 = API_VERSIONS["v1"]
SOURCE_CALL = endpoints.source(V1, SOURCE)
ISC_ERROR = {
    "detailCode": "400.1.3 Illegal value",
    "trackingId": "3f9a0a7d",
    "messages": [
        {"locale": "en-US", "localeOrigin": "DEFAULT", "text": 'Column: "[x]" is unknown'},
        {"locale": "de-DE", "text": 'Column: "[x]" is unknown'},
        {"text": "Something else"},
        {"text": None},
        "no object",
    ],
    "causes": [],
}


def tenant(**changes):
    fields = {"host": "acme", "login": "client", "password": SECRET}
    return Tenant.from_connection_fields(**(fields | changes))


def load_accounts(api_version, source_id, upload=None, *, disable_optimization=False):
    """Return the request that starts an account aggregation."""
    return start_load(
        api_version, ACCOUNT_AGGREGATION, source_id, upload, disable_optimization=disable_optimization
    )


def answer(document=None, status=200, *, body=None, received=NOON, **headers):
    content = json.dumps(document).encode() if body is None else body
    return Response(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, content, received
    )


def task_document(completion_status=None, **changes):
    """Return a task record as the OpenAPI documents show it."""
    return {
        "id": RUN,
        "type": "QUARTZ",
        "uniqueName": "Cloud Account Aggregation",
        "description": "Aggregates accounts",
        "launcher": "System",
        "created": "2024-05-01T12:00:00.000Z",
        "launched": "2024-05-01T12:00:01.000Z",
        "completed": None if completion_status is None else "2024-05-01T12:01:01.500Z",
        "completionStatus": completion_status,
        "messages": [],
        "returns": [{"name": "TASK_OUT_ACCOUNT_CORRELATION_TOTAL", "attributeName": "total"}],
        "attributes": {"eventId": 4311625, "appId": SOURCE, "total": 9},
        "progress": None,
        "percentComplete": 100 if completion_status else 40,
        "target": {"id": SOURCE, "type": "SOURCE", "name": "Directory [source]"},
    } | changes


@dataclass
class Clock:
    """A clock that the test advances."""

    now: float = NOON

    def __call__(self):
        return self.now


@dataclass
class Driver:
    """
    Carries a procedure out: a function answers its calls, its pauses move the clock.

    An answer that is an exception is thrown into the procedure; of calls that go together it is the answer.
    """

    respond: object
    clock: Clock = field(default_factory=Clock)
    calls: list = field(default_factory=list)
    pauses: list = field(default_factory=list)
    waves: list = field(default_factory=list)
    paused: float = 0.0
    is_gathering: bool = False

    def run(self, flow):
        try:
            effect = next(flow)
            while True:
                value = self._fulfil(effect)
                effect = flow.throw(value) if isinstance(value, Exception) else flow.send(value)
        except StopIteration as end:
            return end.value

    def _fulfil(self, effect):
        if isinstance(effect, Sleep):
            self.pauses.append(effect.seconds)
            self.clock.now += effect.seconds
            self.paused += effect.seconds
            assert self.paused < 50_000, "the flow does not end"
            return None
        if isinstance(effect, Gather):
            self.waves.append(len(effect.calls))
            self.is_gathering = True
            answers = [self._asked(call) for call in effect.calls]
            self.is_gathering = False
            return answers
        return self._asked(effect)

    def _asked(self, call):
        self.calls.append(call)
        return self.respond(call)
