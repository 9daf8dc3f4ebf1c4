"""Calls that only read are sent again after what passes, and only then."""

from __future__ import annotations

import logging
import time
from datetime import datetime

import pytest
import requests_mock

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.policy import RetryPolicy
from tests.unit.client.client_cases import FAST, HR, ONCE, Blocking, asked, tenant_at
from tests.unit.client.recording_servers import closed_port

V1 = API_VERSIONS["v1"]
CALL = endpoints.source(V1, HR)
PASSING = [
    ("answer", {"status": 408}),
    ("answer", {"status": 500}),
    ("answer", {"status": 502}),
    ("answer", {"status": 503}),
    ("answer", {"status": 504}),
    ("answer", {"status": 599}),
    ("rate_limit", {"retry_after": 0}),
    ("rate_limit", {"retry_after": None}),
    ("html", {"status": 502}),
    ("reset", {}),
    ("reset", {"when": "after"}),
    ("disconnect", {}),
    ("cut_body", {}),
]
LASTING = [
    ("answer", {"status": 400}, InvalidInputError),
    ("answer", {"status": 403}, AccessDeniedError),
    ("answer", {"status": 404}, InvalidInputError),
    ("answer", {"status": 409}, InvalidInputError),
    ("answer", {"status": 410}, InvalidInputError),
    ("html", {}, ProtocolError),
    ("not_json", {}, ProtocolError),
    ("other_shape", {}, ProtocolError),
    ("redirect", {}, ProtocolError),
]


def moments(requests):
    return [datetime.fromisoformat(request["received"]).timestamp() for request in requests]


@pytest.mark.parametrize(("kind", "settings"), PASSING)
def test_what_passes_is_asked_again(world, tenant, control, kind, settings):
    control.fault(kind, path=f"sources/v1/{HR}", times=2, **settings)
    assert world.send(tenant, CALL).id == HR
    assert len(asked(control, "get_source")) == 3


@pytest.mark.parametrize(("kind", "settings", "error"), LASTING)
def test_what_lasts_is_not_asked_again(world, tenant, control, kind, settings, error):
    control.fault(kind, path=f"sources/v1/{HR}", **settings)
    with pytest.raises(error):
        world.send(tenant, CALL)
    assert len(asked(control, "get_source")) == 1


def test_a_call_is_given_up_after_its_attempts(world, tenant, control):
    control.fault("answer", path="sources", status=503)
    with pytest.raises(TenantUnavailableError, match="HTTP 503") as failure:
        world.send(tenant, CALL)
    assert len(asked(control, "get_source")) == FAST.attempts
    assert failure.value.exhausted
    assert failure.value.tracking_id


def test_silence_is_not_waited_for_endlessly(world, sailpoint_simulator, control):
    control.fault("timeout", path="sources", times=1)
    tenant = tenant_at(sailpoint_simulator.url, extra={"timeout": 0.2})
    assert world.send(tenant, CALL).id == HR
    assert len(asked(control, "get_source")) == 2


def test_a_stalled_body_is_given_up_too(world, sailpoint_simulator, control):
    control.fault("stall", path="sources", times=1, bytes=5)
    tenant = tenant_at(sailpoint_simulator.url, extra={"timeout": 0.2})
    assert world.send(tenant, CALL).id == HR


def test_a_host_that_nobody_listens_at_is_reported(world):
    port = closed_port()
    with pytest.raises(TenantUnavailableError, match=f"no response from 127.0.0.1:{port}") as failure:
        world.send(tenant_at(f"http://127.0.0.1:{port}"), CALL)
    assert not failure.value.sent
    assert "Nothing was sent" in str(failure.value)


def test_a_host_that_no_name_service_knows_is_reported(world):
    with pytest.raises(TenantUnavailableError, match="Nothing was sent"):
        world.send(tenant_at("https://isc.invalid"), CALL, ONCE)


def test_a_server_that_goes_away_and_comes_back_is_met_again(world, tenant, control):
    patient = RetryPolicy(attempts=20, first_pause=0.1, longest_pause=0.1)
    control.fault("refuse", path="sources", times=1, seconds=0.3)
    assert world.send(tenant, CALL, patient).id == HR


def test_the_token_request_is_repeated_after_what_passes(world, tenant, control):
    control.fault("answer", path="oauth", times=2, status=503)
    assert world.send(tenant, CALL).id == HR
    assert len(asked(control, "get_source")) == 1


def test_a_token_that_cannot_be_had_is_not_asked_for_over_and_over(world, tenant, control):
    control.fault("answer", path="oauth", status=503)
    with pytest.raises(TenantUnavailableError, match="get a token") as failure:
        world.send(tenant, CALL)
    assert len(control.requests()) == FAST.attempts
    assert failure.value.exhausted
    assert not failure.value.sent


def test_retry_after_in_seconds_is_obeyed(world, tenant, control):
    control.fault("rate_limit", path="sources", times=1, retry_after="0.4")
    world.send(tenant, CALL)
    first, second = moments(asked(control, "get_source"))
    assert 0.4 <= second - first < 2


def test_retry_after_as_a_date_is_obeyed_by_the_clock_of_the_server(world, tenant, control):
    control.clock(7200)
    control.fault("rate_limit", path="sources", times=1, retry_after={"date": 1.5})
    begun = time.monotonic()
    world.send(tenant, CALL)
    assert 0.9 <= time.monotonic() - begun < 4
    assert len(asked(control, "get_source")) == 2


def test_retry_after_of_an_outage_is_obeyed(world, tenant, control):
    control.fault("answer", path="sources", times=1, status=503, headers={"Retry-After": "0.4"})
    world.send(tenant, CALL)
    first, second = moments(asked(control, "get_source"))
    assert 0.4 <= second - first < 2


def test_a_pause_that_isc_asks_of_one_client_holds_for_all(world, tenant, control):
    control.fault("rate_limit", path="sources", times=1, retry_after="0.5")
    with pytest.raises(RateLimitError) as failure:
        world.send(tenant, CALL, ONCE)
    assert failure.value.retry_after == 0.5
    world.send(tenant, endpoints.sources(V1))
    first, second = moments(asked(control, "get_source") + asked(control, "list_sources"))
    assert second - first >= 0.5


def test_a_pause_that_is_too_long_is_not_waited_for_but_reported(world, tenant, control):
    control.fault("rate_limit", path="sources", times=1, retry_after=300)
    with pytest.raises(RateLimitError) as failure:
        world.send(tenant, CALL)
    assert failure.value.retry_after == 300
    count = len(control.requests())
    with pytest.raises(RateLimitError, match="nothing was sent") as failure:
        world.send(tenant, CALL)
    assert 290 < failure.value.retry_after <= 300
    assert len(control.requests()) == count


def test_another_api_version_has_a_budget_of_its_own(world, sailpoint_simulator, control):
    tenant = tenant_at(sailpoint_simulator.url)
    control.fault("rate_limit", api_version="v1", times=1, retry_after=300)
    with pytest.raises(RateLimitError):
        world.send(tenant, CALL)
    beta = tenant_at(sailpoint_simulator.url, api_version="beta")
    assert world.send(beta, endpoints.source(API_VERSIONS["beta"], HR)).id == HR


def test_the_budget_of_the_connection_is_kept_and_meets_no_429(world, sailpoint_simulator, control):
    tenant = tenant_at(sailpoint_simulator.url, extra={"requests_per_10s": 50})
    begun = time.monotonic()
    assert len(world.send_at_once(tenant, CALL, 12)) == 12
    assert time.monotonic() - begun >= 0.7
    assert {request["status"] for request in asked(control, "get_source")} == {200}


def test_each_new_attempt_is_reported_in_the_log(world, tenant, control, caplog):
    caplog.set_level(logging.INFO, "sailpoint_provider")
    control.fault("answer", path="sources", times=2, status=503)
    world.send(tenant, CALL)
    told = [message for message in caplog.messages if message.startswith("Retrying in")]
    assert len(told) == 2
    assert all("HTTP 503" in message for message in told)


@pytest.mark.parametrize("status", [400, 500])
def test_an_answer_without_a_body_is_reported_by_its_status(status):
    with requests_mock.Mocker() as mocker:
        mocker.post(
            "https://acme.api.identitynow.com/oauth/token", json={"access_token": "x", "expires_in": 60}
        )
        mocker.get(requests_mock.ANY, status_code=status, headers={"SLPT-Request-ID": "from-the-header"})
        with pytest.raises((InvalidInputError, TenantUnavailableError), match=f"HTTP {status}") as failure:
            Blocking.send(tenant_at("acme"), CALL, ONCE)
    assert failure.value.tracking_id == "from-the-header"
