"""A start is sent again only where it had no effect for certain."""

import pytest

from sailpoint_provider.exceptions import (
    AuthenticationError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    SailPointError,
    TenantUnavailableError,
)
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.isc.start.load import start
from tests.unit.client.client_cases import DIRECTORY, HR, asked, tenant_at, write_csv
from tests.unit.client.recording_servers import RecordingServer, json_answer
from tests.unit.isc.isc_cases import load_accounts

V1 = API_VERSIONS["v1"]
PATH = "load-accounts"


@pytest.fixture(params=["direct", "file"])
def flow(request, tmp_path):
    """Start a direct source, or one with a file."""
    if request.param == "direct":
        return start(V1, DIRECTORY)
    return start(V1, HR, find_csv(write_csv(tmp_path, rows=5)))


def runs(control):
    return [run for run in control.runs() if not run["refused"]]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("reset", {}),
        ("disconnect", {}),
        ("cut_body", {}),
        ("timeout", {}),
        ("answer", {"status": 408}),
        ("answer", {"status": 500}),
        ("answer", {"status": 502}),
        ("answer", {"status": 503}),
        ("answer", {"status": 504}),
        ("answer", {"status": 503, "headers": {"Retry-After": "0"}}),
        ("html", {"status": 504}),
    ],
)
def test_a_start_that_may_have_had_an_effect_is_not_repeated(
    world, sailpoint_simulator, control, flow, kind, settings
):
    after = {} if kind == "cut_body" else {"when": "after"}
    control.fault(kind, path=PATH, **after, **settings)
    tenant = tenant_at(sailpoint_simulator.url, extra={"timeout": 0.3, "upload_timeout": 0.3})
    with pytest.raises(TenantUnavailableError) as failure:
        world.run(tenant, flow)
    assert failure.value.sent
    assert failure.value.exhausted
    assert len(runs(control)) == 1
    assert len(asked(control, "load_accounts")) == 1
    if failure.value.status is None:
        assert "may have been started anyway" in str(failure.value)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_start_without_effect_is_not_repeated_where_nobody_can_tell(world, tenant, control, flow, status):
    control.fault("answer", path=PATH, status=status)
    with pytest.raises(TenantUnavailableError):
        world.run(tenant, flow)
    assert runs(control) == []
    assert len(asked(control, "load_accounts")) == 1


@pytest.mark.parametrize("kind", ["html", "not_json", "other_shape"])
def test_a_start_with_an_unreadable_answer_is_not_repeated(world, tenant, control, flow, kind):
    control.fault(kind, path=PATH, when="after", status=202)
    with pytest.raises(ProtocolError):
        world.run(tenant, flow)
    assert len(runs(control)) == 1


@pytest.mark.parametrize("retry_after", ["0.1", None, {"date": 0}])
def test_a_start_is_repeated_after_a_429(world, tenant, control, flow, retry_after):
    control.fault("rate_limit", path=PATH, times=2, retry_after=retry_after)
    task = world.run(tenant, flow)
    assert [run["id"] for run in runs(control)] == [task.id]
    assert len(asked(control, "load_accounts")) == 3


def test_a_start_is_not_repeated_where_the_retry_after_is_too_long(world, tenant, control, flow):
    control.fault("rate_limit", path=PATH, retry_after=3600)
    with pytest.raises(RateLimitError) as failure:
        world.run(tenant, flow)
    assert failure.value.retry_after == 3600
    assert runs(control) == []


def test_a_start_is_repeated_while_no_connection_can_be_made(world, tenant, control, flow):
    world.send(tenant, endpoints.sources(V1))
    control.fault("refuse", path="sources/v1$", times=1, seconds=0.3)
    with pytest.raises(TenantUnavailableError):
        world.send(tenant, endpoints.sources(V1), RetryPolicy(attempts=1))
    task = world.run(tenant, flow, RetryPolicy(attempts=30, first_pause=0.1, longest_pause=0.1))
    assert [run["id"] for run in runs(control)] == [task.id]
    assert len(asked(control, "load_accounts")) == 1


def test_a_start_is_repeated_after_a_401_with_one_new_token(world, tenant, control, flow):
    world.send(tenant, endpoints.sources(V1))
    control.fault("expired_token", path=PATH, times=1)
    task = world.run(tenant, flow)
    assert [run["id"] for run in runs(control)] == [task.id]
    assert [request["status"] for request in asked(control, "load_accounts")] == [401, 202]
    assert len(asked(control, "token")) == 2


def test_a_start_that_meets_401_again_is_given_up(world, tenant, control, flow):
    control.fault("expired_token", path=PATH)
    with pytest.raises(AuthenticationError, match="rejects the token that it has just issued") as failure:
        world.run(tenant, flow)
    assert not failure.value.final
    assert len(asked(control, "load_accounts")) == 2
    assert len(asked(control, "token")) == 2
    assert runs(control) == []


@pytest.mark.parametrize("status", [400, 403, 404, 410, 413])
def test_a_start_that_isc_refuses_is_not_repeated(world, tenant, control, flow, status):
    control.fault("answer", path=PATH, status=status)
    with pytest.raises(Exception, match=f"HTTP {status}") as failure:
        world.run(tenant, flow)
    assert failure.value.final
    assert len(asked(control, "load_accounts")) == 1


def test_an_unknown_source_is_reported(world, tenant):
    with pytest.raises(InvalidInputError, match="source ID is correct and belongs to this tenant"):
        world.run(tenant, start(V1, "0" * 32))


def test_a_start_goes_over_a_connection_of_its_own(world):
    """A kept one may be dead, and then nobody can tell whether the start arrived."""
    documents = {"oauth": {"access_token": "t"}, "load-accounts": {"task": {"id": "0" * 32}}}

    def respond(request):
        found = [document for part, document in documents.items() if part in request.target]
        return json_answer(found[0] if found else {"id": HR})

    reading, starting = endpoints.source(V1, HR), load_accounts(V1, DIRECTORY)
    with RecordingServer(respond, keeps_connections=True) as server:
        world.send_all(tenant_at(server.url), [reading, starting, reading, starting])
    token, *ports = [request.client_port for request in server.received]
    assert ports[0] == ports[2] == token
    assert len({ports[0], ports[1], ports[3]}) == 3


@pytest.mark.parametrize("kind", ["not_json", "html", "other_shape", "redirect", "reset"])
def test_a_start_whose_token_request_fails_was_never_sent(world, sailpoint_simulator, control, flow, kind):
    control.fault(kind, path="oauth")
    with pytest.raises(SailPointError) as failure:
        world.run(tenant_at(sailpoint_simulator.url), flow)
    assert not failure.value.sent
    assert runs(control) == []
