"""The trigger: one event whatever happens, an event loop that never stands still, arguments for ever."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import logging
import time
from contextlib import suppress

import pytest

from sailpoint_provider.exceptions import AggregationTimeoutError, InvalidInputError, SailPointError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.wait.events import read_event
from sailpoint_provider.triggers import aggregation
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from tests.unit.airflow_cases import API_VERSIONS, DIRECTORY, NEVER, NOBODY, POLL, events_of, reloaded

LONGEST_STALL = 0.25


def trigger(aggregation_id=NOBODY, **changed):
    usual = {"deadline": time.time() + 30, "tolerate_outage": 0.12} | changed
    names = ("deadline", "tolerate_outage", "begun", "execution_deadline")
    deadlines = {name: usual.pop(name) for name in names if name in usual}
    return SailPointAccountAggregationTrigger(
        **{"aggregation_id": aggregation_id, "poll_interval": POLL, "deadlines": deadlines} | usual
    )


def error_of(events):
    """Return the error that the only event tells."""
    (event,) = events
    with pytest.raises(SailPointError) as caught:
        read_event(event).ended_aggregation()
    return caught.value


def test_the_arguments_are_ids_and_numbers_and_survive_the_database():
    path, kwargs = trigger(begun=1.5).serialize()
    assert path == "sailpoint_provider.triggers.aggregation.SailPointAccountAggregationTrigger"
    assert set(kwargs) == {
        "aggregation_id",
        "sailpoint_conn_id",
        "poll_interval",
        "deadlines",
        "source_id",
        "is_ours",
        "clear_task_on_kill",
        "usual_seconds",
        "carried",
    }
    assert all(value is None or isinstance(value, str | float | int | dict) for value in kwargs.values())
    # The kind is left out where an earlier version would not know it and does not need it.
    known = set(inspect.signature(SailPointAccountAggregationTrigger).parameters)
    assert set(kwargs) == known - {"kind"}
    assert set(trigger(kind="identity_refresh").serialize()[1]) == known
    again = reloaded(trigger(begun=1.5, deadline=9.0))
    assert again.serialize() == trigger(begun=1.5, deadline=9.0).serialize()


def test_a_trigger_stored_with_the_id_alone_still_waits(tenant):
    path, _ = trigger().serialize()
    old = SailPointAccountAggregationTrigger(**json.loads(json.dumps({"aggregation_id": tenant.started()})))
    assert old.serialize() == (
        path,
        {
            "aggregation_id": old.aggregation_id,
            "sailpoint_conn_id": "sailpoint_default",
            "poll_interval": 30.0,
            "deadlines": None,
            "source_id": None,
            "is_ours": True,
            "clear_task_on_kill": False,
            "usual_seconds": None,
            "carried": None,
        },
    )
    (event,) = events_of(old)
    assert read_event(event).state == "succeeded"


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_it_shows_the_end_and_no_more_in_every_api_version(tenant, api_version):
    tenant.connect(extra={"api_version": api_version})
    aggregation_id = tenant.started()
    assert events_of(trigger(aggregation_id)) == [
        {
            "version": 1,
            "status": "success",
            "aggregation_id": aggregation_id,
            "state": "succeeded",
            "carried": {},
        }
    ]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("warning", "succeeded_with_warnings"),
        ("error", "failed"),
        ("cancelled", "cancelled"),
        ("terminated", "terminated"),
        ("temperror", "failed"),
        ("retried", "succeeded"),
    ],
)
def test_it_shows_every_end_and_judges_none(tenant, outcome, state):
    (event,) = events_of(trigger(tenant.started(outcome=outcome)))
    assert read_event(event).state == state
    assert event["status"] == ("success" if state.startswith("succeeded") else "failed")


@pytest.mark.parametrize("wrong", [None, 7, "", "a/b", "ä" * 32, "x" * 65])
def test_a_bad_id_becomes_an_event(tenant, wrong):
    error = error_of(events_of(trigger(wrong)))
    assert isinstance(error, InvalidInputError)
    assert error.final
    assert tenant.calls() == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"deadline": "soon"}, "deadline must be a number"),
        ({"poll_interval": "often"}, "failed with TypeError"),
        ({"tolerate_outage": None}, "tolerate_outage must be a number"),
        ({"deadlines": [1]}, "JSON object"),
    ],
)
def test_arguments_that_cannot_work_become_an_event_without_their_values(tenant, wrong, named):
    tenant.control.fault("answer", path="task-status", status=503)
    error = error_of(events_of(trigger(tenant.started(seconds=NEVER), **wrong)))
    assert named in str(error)
    assert "soon" not in str(error)


def test_a_broken_host_becomes_an_event(tenant):
    tenant.connect(host="http://127.0.0.1:1")
    assert "tolerate_outage" in str(error_of(events_of(trigger())))


@pytest.mark.parametrize(
    "kind", ["html", "not_json", "other_shape", "redirect", "reset", "disconnect", "cut_body"]
)
def test_garbage_for_longer_than_tolerated_becomes_an_event(tenant, kind):
    aggregation_id = tenant.started(seconds=NEVER)
    tenant.control.fault(kind, path="task-status|account-aggregations")
    error = error_of(events_of(trigger(aggregation_id)))
    assert "tolerate_outage" in str(error)
    assert not error.final


@pytest.mark.parametrize("kind", ["html", "not_json", "other_shape", "reset", "expired_token", "rate_limit"])
def test_garbage_now_and_then_is_sat_out(tenant, kind):
    aggregation_id = tenant.started(seconds=0.2)
    settings = {"retry_after": 0} if kind == "rate_limit" else {}
    tenant.control.fault(kind, path="task-status|account-aggregations", nth=[1, 2, 4, 7], **settings)
    (event,) = events_of(trigger(aggregation_id, tolerate_outage=20))
    assert read_event(event).state == "succeeded"


def test_the_deadline_becomes_an_event_that_says_that_it_goes_on(tenant):
    aggregation_id = tenant.started(seconds=NEVER)
    error = error_of(events_of(trigger(aggregation_id, deadline=time.time() + 0.3)))
    assert isinstance(error, AggregationTimeoutError)
    assert aggregation_id in str(error)
    assert "still running in ISC" in str(error)


def test_a_trigger_that_starts_after_its_deadline_looks_once(tenant):
    aggregation_id = tenant.started(seconds=0)
    (event,) = events_of(trigger(aggregation_id, deadline=time.time() - 3600))
    assert read_event(event).state == "succeeded"


@pytest.mark.parametrize("kind", ["stall", "timeout"])
def test_a_wait_ends_in_time_though_the_tenant_stalls(tenant, monkeypatch, kind):
    monkeypatch.setattr(aggregation, "_LEAST_SECONDS", 0.1)
    aggregation_id = tenant.started(seconds=NEVER)
    tenant.control.fault(kind, path="task-status", delay_seconds=60, bytes=10)
    began = time.monotonic()
    error = error_of(events_of(trigger(aggregation_id, deadline=time.time() + 0.5, tolerate_outage=600)))
    assert isinstance(error, AggregationTimeoutError)
    assert time.monotonic() - began < 3


def test_a_cancelled_wait_leaves_nothing_running(tenant):
    aggregation_id = tenant.started(seconds=NEVER)

    async def cancelled():
        waiting = asyncio.ensure_future(anext(trigger(aggregation_id).run()))
        await asyncio.sleep(0.2)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        return waiting.cancelled(), asyncio.all_tasks() - {asyncio.current_task()}

    was_cancelled, left = asyncio.run(cancelled())
    assert was_cancelled
    assert not left


def test_slow_answers_do_not_hold_up_the_event_loop(tenant):
    aggregation_id = tenant.started(seconds=0.5)
    tenant.control.fault("delay", delay_seconds=0.3)

    async def longest_stall():
        async def tick():
            longest, before = 0.0, time.perf_counter()
            while not waiting.done():
                await asyncio.sleep(0.005)
                now = time.perf_counter()
                longest, before = max(longest, now - before), now
            return longest

        waiting = asyncio.ensure_future(anext(trigger(aggregation_id).run()))
        stall = await tick()
        return (await waiting).payload, stall

    # A full garbage collection of all that a test session keeps would take longer than the trigger.
    gc.collect()
    gc.freeze()
    try:
        event, stall = asyncio.run(longest_stall())
    finally:
        gc.unfreeze()
    assert read_event(event).state == "succeeded"
    assert stall < LONGEST_STALL


def test_many_waits_on_one_loop_share_a_token(tenant):
    ids = [tenant.started(source, seconds=0.2) for source in (DIRECTORY, "2c918085000000000000000000000a04")]
    tenant.control.revoke_tokens()

    async def together():
        return [
            event.payload
            for event in await asyncio.gather(*(anext(trigger(one).run()) for one in ids for _ in range(5)))
        ]

    states = {read_event(event).state for event in asyncio.run(together())}
    assert states == {"succeeded"}
    assert tenant.calls().count("token") == 1


def test_progress_reaches_the_triggers_log(tenant, logged):
    aggregation_id = tenant.started(seconds=0.4, process_seconds=60)
    events_of(trigger(aggregation_id, begun=time.time() - 3700))
    lines = [
        record.getMessage()
        for record in logged.records
        if record.name.endswith("SailPointAccountAggregationTrigger") and record.levelno == logging.INFO
    ]
    assert lines[0].startswith("STARTED")
    assert any("/250 accounts" in line for line in lines)
    assert all("elapsed 1:01:" in line for line in lines)


def test_an_unforeseen_error_is_logged_with_its_trace(tenant, logged):
    tenant.control.fault("answer", path="task-status", status=503)
    events_of(trigger(tenant.started(seconds=NEVER), poll_interval="often"))
    (record,) = [record for record in logged.records if record.exc_info and "failed." in record.getMessage()]
    assert record.exc_info[0] is TypeError


def test_an_argument_of_a_newer_worker_fails_the_trigger_and_not_the_triggerer():
    """A triggerer survives only a TypeError of a constructor."""
    with pytest.raises(TypeError, match="kind") as caught:
        trigger(kind="load_of_the_future")
    assert isinstance(caught.value, InvalidInputError)


def test_a_wait_outlives_a_time_in_which_airflow_cannot_return_the_connection(tenant, monkeypatch, caplog):
    monkeypatch.setattr(aggregation, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(SailPointAccountAggregationTrigger, "log", logging.getLogger("tests.trigger"))
    read, failures = SailPointHook._read_tenant, [RuntimeError("API server is restarting")] * 3

    async def unreliable(hook):
        if failures:
            raise failures.pop()
        return await read(hook)

    monkeypatch.setattr(SailPointHook, "_read_tenant", unreliable)
    (event,) = events_of(trigger(tenant.started()))
    assert event["status"] == "success"
    assert sum("Cannot read the connection; trying again" in line for line in caplog.messages) == 1


def test_a_connection_that_stays_unreadable_ends_the_wait_with_an_error_that_can_be_retried(
    tenant, monkeypatch
):
    assert aggregation._CONNECTION_SECONDS == 300.0
    monkeypatch.setattr(aggregation, "_CONNECTION_SECONDS", 0.2)
    monkeypatch.setattr(aggregation, "_FIRST_PAUSE", 0.05)
    aggregation_id = tenant.started()
    monkeypatch.delenv("AIRFLOW_CONN_SAILPOINT_DEFAULT")
    error = error_of(events_of(trigger(aggregation_id)))
    assert isinstance(error, InvalidInputError)
    assert "There is no Airflow connection 'sailpoint_default', or Airflow could not read it" in str(error)
    assert not error.final
