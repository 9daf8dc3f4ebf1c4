"""No secret and no token leaves the process but in the requests that need them."""

from __future__ import annotations

import asyncio
import json
import traceback
from contextlib import suppress

import pytest

from sailpoint_provider.client.tenant_state import state_of
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from tests.unit.airflow_cases import DIRECTORY, HR, NEVER, POLL, FakeTaskInstance, end_of, events_of


@pytest.fixture
def secrets(tenant):
    """Return what must not be shown, the tokens issued so far among it."""

    def known():
        token = state_of(SailPointHook()._tenant).token()
        assert token is not None
        return [tenant.client_secret, token.value]

    return known


def assert_hidden(secrets, *places):
    for place in places:
        for secret in secrets:
            assert secret not in str(place)


def words_of(error):
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


@pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
@pytest.mark.parametrize("outcome", ["success", "error"])
def test_a_whole_run_shows_none(tenant, tmp_path, logged, capfd, secrets, deferrable, outcome):
    tenant.plan(HR, outcome)
    tenant.control.fault("answer", path="task-status", status=503, nth=2)
    file = tenant.csv(tmp_path)
    ti = FakeTaskInstance()
    made = []

    def make():
        made.append(
            SailPointAccountAggregationOperator(
                task_id="aggregate", source_id=HR, file=file, deferrable=deferrable, poll_interval=POLL
            )
        )
        return made[-1]

    end = end_of(make, ti)
    assert isinstance(end, dict) == (outcome == "success")
    triggers = [(deferred.trigger.serialize(), repr(deferred.trigger)) for deferred in ti.deferrals]
    lines = [
        (record.getMessage(), record.args, record.exc_text, vars(record).values())
        for record in logged.records
    ]
    assert any(record.levelname == "DEBUG" for record in logged.records)
    assert_hidden(
        secrets(),
        made,
        [(one.hook, vars(one.hook)) for one in made],
        end if isinstance(end, dict) else words_of(end),
        ti.pushed,
        ti.events,
        triggers,
        lines,
        logged.text,
        capfd.readouterr(),
        json.dumps(tenant.control.requests()),
    )
    assert len(triggers) == deferrable


def test_repr_of_hook_operator_sensor_and_trigger_show_none(tenant, secrets):
    hook = SailPointHook()
    hook.get_source(DIRECTORY)
    operator = SailPointAccountAggregationOperator(task_id="aggregate", source_id=HR)
    sensor = SailPointAccountAggregationSensor(task_id="wait", aggregation_id=HR)
    trigger = SailPointAccountAggregationTrigger(aggregation_id=HR)
    hook_parts = (hook, vars(hook), hook._tenant)
    assert_hidden(secrets(), *hook_parts, operator, vars(operator), sensor, vars(sensor), trigger)
    assert_hidden(secrets(), trigger.serialize(), vars(trigger))
    hook.close()


@pytest.mark.parametrize("world", ["blocking", "event loop"])
@pytest.mark.parametrize("wrong", [{"status": 400}, {"status": 401}, {"status": 403}, {"status": 500}])
@pytest.mark.parametrize("path", ["oauth/token", "sources"])
def test_a_tenant_that_sends_them_back_shows_none(tenant, logged, secrets, world, wrong, path):
    SailPointHook().get_source(DIRECTORY)
    # A request for a token holds only the secret, and a call that was refused is sent with another token.
    hidden = secrets()[:1] if path == "oauth/token" or wrong["status"] == 401 else secrets()
    echoed = {"messages": [{"text": " ".join(hidden)}], "detailCode": hidden[0], "error": hidden[-1]}
    if path == "oauth/token":
        tenant.control.revoke_tokens()
    tenant.control.fault("answer", path=path, body=echoed, **wrong)
    error = None
    try:
        if world == "blocking":
            SailPointHook().get_source(DIRECTORY)
        else:
            asyncio.run(SailPointHook().aget_source(DIRECTORY))
    except SailPointError as caught:
        error = caught
    assert error is not None
    assert_hidden(hidden, words_of(error), logged.text)


@pytest.mark.parametrize("wrong", [{"password": "wrong-secret-words"}, {"host": "http://127.0.0.1:1"}])
def test_a_refused_connection_shows_none(tenant, logged, wrong):
    tenant.connect(**wrong)
    good, words = SailPointHook().test_connection()
    assert not good
    (event,) = events_of(
        SailPointAccountAggregationTrigger(
            aggregation_id=HR, poll_interval=POLL, deadlines={"tolerate_outage": 0.1}
        )
    )
    assert_hidden([tenant.client_secret, "wrong-secret-words"], words, event, logged.text)


def test_a_proxys_password_is_not_shown(tenant, logged):
    tenant.connect(extra={"proxies": "http://user:proxy-secret-words@127.0.0.1:1"})
    good, words = SailPointHook().test_connection()
    assert not good
    (event,) = events_of(
        SailPointAccountAggregationTrigger(
            aggregation_id=HR, poll_interval=POLL, deadlines={"tolerate_outage": 0.1}
        )
    )
    assert_hidden(["proxy-secret-words"], words, event, logged.text, SailPointHook()._tenant)


def test_a_secret_in_the_wrong_place_is_not_repeated(tenant):
    tenant.connect(host="https://client:misplaced-secret@acme.api.identitynow.com")
    _, words = SailPointHook().test_connection()
    assert_hidden(["misplaced-secret"], words)


def test_of_a_foreign_error_only_the_kind_is_reported(tenant, monkeypatch):
    def explode(*_, **__):
        raise RuntimeError(f"with {tenant.client_secret} in its words")

    aggregation_id = tenant.started(seconds=NEVER)
    monkeypatch.setattr(SailPointHook, "_watch", explode)
    with suppress(RuntimeError):
        SailPointHook()._watch()
    (event,) = events_of(SailPointAccountAggregationTrigger(aggregation_id=aggregation_id))
    assert "RuntimeError" in event["error"]["message"]
    assert_hidden([tenant.client_secret], event)
