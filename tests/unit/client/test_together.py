"""Calls that may go side by side: values and errors in their order, each sent once."""

from __future__ import annotations

import time

import pytest

from sailpoint_provider.exceptions import (
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.exchange import Request
from sailpoint_provider.isc.api.models import Source
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.flow import Gather
from sailpoint_provider.isc.policy import RetryPolicy
from tests.unit.client.client_cases import HR, EventLoop, asked, tenant_at

V1 = API_VERSIONS["v1"]
GOOD = endpoints.source(V1, HR)
NONE = endpoints.source(V1, "0" * 32)
LIST = endpoints.running_tasks(V1, offset=0, types=("CLOUD_ACCOUNT_AGGREGATION",))
PATIENT = RetryPolicy(attempts=4, first_pause=0.01)


def together(*wanted):
    def flow():
        return (yield Gather(wanted))

    return flow()


def test_values_and_errors_come_in_the_order_of_the_calls(tenant, world):
    good, none, empty, again = world.run(tenant, together(GOOD, NONE, LIST, GOOD))
    assert isinstance(good, Source)
    assert good.id == again.id == HR
    assert isinstance(none, InvalidInputError)
    assert none.status == 404
    assert empty == []


def test_no_calls_are_no_answers(tenant, world):
    assert world.run(tenant, together()) == []


@pytest.mark.parametrize(
    ("kind", "settings", "error"),
    [
        ("answer", {"status": 503}, TenantUnavailableError),
        ("rate_limit", {"retry_after": 0}, RateLimitError),
        ("reset", {}, TenantUnavailableError),
        ("html", {}, ProtocolError),
    ],
)
def test_each_is_sent_once_and_its_error_is_a_value(tenant, control, world, kind, settings, error):
    control.fault(kind, path="task-status", **settings)
    source, failed = world.run(tenant, together(GOOD, LIST), policy=PATIENT)
    assert source.id == HR
    assert isinstance(failed, error)
    # aiohttp itself repeats a GET on a kept connection that turns out to be closed.
    most = 2 if kind == "reset" else 1
    assert 1 <= len([request for request in control.requests() if request["fault"]]) <= most


def test_a_call_alone_is_sent_again_where_one_of_many_is_not(tenant, control, world):
    control.fault("answer", path="task-status", status=503, times=1)
    assert world.send(tenant, LIST, policy=PATIENT) == []
    assert len(asked(control, "list_task_status")) == 2


def test_a_refused_token_is_renewed_once_for_all(tenant, control, world):
    world.send(tenant, GOOD)
    control.revoke_tokens()
    assert [source.id for source in world.run(tenant, together(*[GOOD] * 5))] == [HR] * 5
    assert len(asked(control, "token")) == 2


def test_a_wrong_secret_is_the_answer_to_each(sailpoint_simulator, world):
    wrong = tenant_at(sailpoint_simulator.url, password="of-yesterday")
    answers = world.run(wrong, together(GOOD, LIST))
    assert [type(answer) for answer in answers] == [AuthenticationError, AuthenticationError]
    assert not any("of-yesterday" in str(answer) for answer in answers)


def test_a_bug_in_reading_an_answer_is_not_hidden(tenant, world):
    def broken(answer):
        raise KeyError("a bug")

    call = Request(purpose="look", method="GET", path=GOOD.path, read=broken)
    with pytest.raises(KeyError):
        world.run(tenant, together(GOOD, call))


def test_on_an_event_loop_they_go_side_by_side(tenant, control):
    EventLoop.send(tenant, GOOD)
    control.fault("delay", path="sources", delay_seconds=0.4)
    began = time.monotonic()
    assert len(EventLoop.run(tenant, together(*[GOOD] * 5))) == 5
    assert time.monotonic() - began < 1.5


def test_they_keep_to_the_budget(sailpoint_simulator, control, world):
    tenant = tenant_at(sailpoint_simulator.url, extra={"requests_per_10s": 50})
    began = time.monotonic()
    assert len(world.run(tenant, together(*[GOOD] * 12))) == 12
    # Ten of a burst, one of them for the token, and three more at four a second.
    assert time.monotonic() - began > 0.6
