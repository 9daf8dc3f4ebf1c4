"""The watcher's trigger: every end once, whoever started it, whatever the tenant does meanwhile."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from contextlib import aclosing
from datetime import datetime
from itertools import pairwise

import pytest

from sailpoint_provider._airflow import watcher_state
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.results import LoadEvent, LoadEvents
from sailpoint_provider.triggers import ended_aggregations
from sailpoint_provider.triggers.ended_aggregations import SailPointEndedAggregationsTrigger
from tests.unit.airflow_cases import API_VERSIONS, DIRECTORY, MAINFRAME, NEVER, reloaded

LISTS = ("list_task_status", "list_pending_tasks")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Wait only briefly where a watcher has time."""
    monkeypatch.setattr(ended_aggregations, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(watcher_state, "_TRANSFER_SECONDS", 0.05)
    monkeypatch.setattr(watcher_state, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def log(caplog, monkeypatch):
    """Record what the trigger logs."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(SailPointEndedAggregationsTrigger, "log", logging.getLogger("tests.watcher"))
    return caplog


def watcher(**changed):
    return reloaded(SailPointEndedAggregationsTrigger(**{"poll_interval": 0.1} | changed))


class Store:
    """An asset state store that takes JSON only."""

    def __init__(self):
        self.kept, self.fails, self.writes = {}, 0, 0

    async def aget(self, key, default=None):
        if self.fails > 0:
            self.fails -= 1
            raise RuntimeError("no answer")
        return json.loads(self.kept[key]) if key in self.kept else default

    async def aset(self, key, value):
        self.kept[key] = json.dumps(value)
        self.writes += 1


def watched(*steps, trigger=None, store=None, seconds=15):
    """
    Run a watcher, carry out the steps one after the other, and return the events that follow each.

    :param steps: functions that return how many events to wait for.
    """
    trigger = trigger or watcher()
    trigger.asset_state_store = store
    found = []

    async def run():
        events = []

        async def collect():
            async with aclosing(trigger.run()) as stream:
                async for event in stream:
                    events.append(json.loads(json.dumps(event.payload)))

        collecting = asyncio.create_task(collect())
        try:
            async with asyncio.timeout(seconds):
                for step in steps:
                    wanted = await asyncio.to_thread(step)
                    while len(events) < wanted and not collecting.done():  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
                    await asyncio.sleep(0.4)
                    if collecting.done():
                        collecting.result()
                        raise AssertionError("the watcher has ended")
                    found.append(events[:])
                    events.clear()
        finally:
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
            await asyncio.sleep(0)

    asyncio.run(run())
    return found


def ended(tenant, source_id=DIRECTORY, outcome=None):
    """Return a step that lets an aggregation begin and end, started by ISC's own schedule."""

    def step():
        tenant.plan(source_id, seconds=NEVER)
        run = tenant.control.start(source_id)
        tenant.control.finish(run["id"], outcome)
        return 1

    return step


def once(condition):
    """Return a step that waits until something has happened, and for no events."""

    def step():
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)
        return 0

    return step


def begun(tenant, source_id=DIRECTORY):
    def step():
        tenant.plan(source_id, seconds=1e7)
        tenant.control.start(source_id)
        return 0

    return step


def test_the_arguments_survive_the_database_and_are_those_of_the_signature():
    trigger = SailPointEndedAggregationsTrigger(source_ids=[MAINFRAME, DIRECTORY.upper()], states="failed")
    path, kwargs = trigger.serialize()
    assert path == f"{ended_aggregations.__name__}.SailPointEndedAggregationsTrigger"
    assert set(kwargs) == set(inspect.signature(SailPointEndedAggregationsTrigger).parameters)
    assert kwargs["source_ids"] == [DIRECTORY, MAINFRAME]
    assert reloaded(trigger).serialize() == (path, kwargs)
    assert reloaded(SailPointEndedAggregationsTrigger()).serialize()[1]["source_ids"] is None


@pytest.mark.parametrize(
    "changed",
    [
        {"source_ids": "HR"},
        {"source_ids": []},
        {"task_types": []},
        {"states": ["good"]},
        {"poll_interval": 0},
        {"look_back": -1},
    ],
)
def test_a_bad_argument_is_refused_when_the_dag_is_parsed(changed):
    with pytest.raises(InvalidInputError):
        SailPointEndedAggregationsTrigger(**changed)


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_an_aggregation_that_isc_started_itself_is_reported_once(tenant, api_version):
    tenant.connect(extra={"api_version": api_version})
    (first, second) = watched(ended(tenant), ended(tenant, MAINFRAME))
    (event,), (other,) = first, second
    (run, _) = tenant.runs()
    assert list(event) == list(LoadEvent.__annotations__)
    assert event["aggregation_id"] == run["id"]
    assert event["kind"] == "account aggregation"
    assert event["state"] == "succeeded"
    assert event["source_uri"] == f"sailpoint://{tenant.server.url.partition('//')[2]}/sources/{DIRECTORY}"
    assert event["source_name"] == run["source_name"]
    assert event["accounts"]["scanned"] == run["counts"]["total"]
    assert (event["file"], event["check"]) == (None, None)
    assert other["source_id"] == MAINFRAME


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_one_that_runs_for_long_is_reported_at_its_end(tenant, api_version):
    tenant.connect(extra={"api_version": api_version})

    def finished():
        (run,) = tenant.control.runs(DIRECTORY)
        tenant.control.finish(run["id"], "warning")
        return 1

    nothing, others, (event,) = watched(begun(tenant), ended(tenant, MAINFRAME), finished)
    assert nothing == []
    assert len(others) == 1
    assert (event["source_id"], event["state"]) == (DIRECTORY, "succeeded_with_warnings")


def test_failures_are_reported_unless_states_are_named(tenant):
    failed, good = ended(tenant, outcome="error"), ended(tenant)
    ((event,),) = watched(failed)
    assert event["state"] == "failed"
    tenant.control.reset()
    tenant.client(scopes=["sp:scopes:all"])
    nothing, (event,) = watched(
        lambda: failed() and 0, good, trigger=watcher(states=["succeeded"], look_back=0)
    )
    assert nothing == []
    assert event["state"] == "succeeded"


def test_loads_that_end_between_two_looks_come_in_one_event(tenant):
    # Airflow passes only the first of several quick events to the run that it starts.
    outcomes = [(DIRECTORY, None), (MAINFRAME, "error"), (DIRECTORY, "warning")]

    def all_end():
        for source_id, outcome in outcomes:
            ended(tenant, source_id, outcome)()
        return 1

    nothing, (event,) = watched(
        lambda: 0, all_end, trigger=watcher(poll_interval=3, states=["succeeded", "succeeded_with_warnings"])
    )
    assert nothing == []
    assert list(event) == list(LoadEvents.__annotations__)
    good = [run["id"] for run in tenant.runs() if run["source_id"] == DIRECTORY]
    assert sorted(load["aggregation_id"] for load in event["loads"]) == sorted(good)
    assert [load["state"] for load in event["loads"]] == ["succeeded", "succeeded_with_warnings"]


def test_other_sources_are_not_reported(tenant):
    nothing, (event,) = watched(
        lambda: ended(tenant, MAINFRAME)() and 0, ended(tenant), trigger=watcher(source_ids=DIRECTORY)
    )
    assert nothing == []
    assert event["source_id"] == DIRECTORY


def test_an_interval_takes_one_request(tenant):
    def quiet():
        tenant.control.clear_requests()
        return 0

    def some_scans():
        while len(tenant.control.requests()) < 6:
            time.sleep(0.05)
        return 0

    watched(ended(tenant), quiet, some_scans, trigger=watcher(poll_interval=0.3))
    requests = tenant.control.requests()
    assert {request["call"] for request in requests} <= set(LISTS)
    times = [datetime.fromisoformat(request["received"]).timestamp() for request in requests]
    # A second request of each scan would follow at once; a busy machine may bring two scans together, too.
    assert sum(later - earlier < 0.1 for earlier, later in pairwise(times)) <= 1


def test_an_outage_is_logged_once_and_loses_nothing(tenant, log):
    def outage():
        tenant.control.fault("answer", path="task-status", status=503)
        return 0

    def during():
        ended(tenant)()
        return 0

    def over():
        tenant.control.clear_faults()
        return 1

    noticed = once(lambda: "Cannot list ended aggregations" in log.text)
    *_, events = watched(lambda: ended(tenant, MAINFRAME)(), outage, during, noticed, over)
    assert [event["source_id"] for event in events] == [DIRECTORY]
    texts = [record.getMessage() for record in log.records if record.name == "tests.watcher"]
    assert len([text for text in texts if "Cannot list ended aggregations" in text]) == 1
    assert "works again" in texts[-1]


def test_credentials_that_become_valid_again_end_the_trouble(tenant, log):
    def wrong():
        tenant.client(secret="another", scopes=["sp:scopes:all"])
        tenant.control.revoke_tokens()
        return 0

    def right():
        tenant.client(scopes=["sp:scopes:all"])
        ended(tenant)()
        return 1

    noticed = once(lambda: "AuthenticationError" in log.text)
    *_, events = watched(lambda: ended(tenant, MAINFRAME)(), wrong, noticed, right)
    assert [event["source_id"] for event in events] == [DIRECTORY]
    (text,) = {record.getMessage() for record in log.records if "AuthenticationError" in record.getMessage()}
    assert "sailpoint_default" in text
    assert tenant.client_secret not in log.text


def test_a_missing_scope_is_named_and_outlived(tenant, log):
    tenant.client(scopes=["idn:sources:read"])

    def granted():
        tenant.client(scopes=["sp:scopes:all"])
        tenant.control.revoke_tokens()
        ended(tenant)()
        return 1

    _, events = watched(once(lambda: "idn:task-management:read" in log.text), granted)
    assert len(events) == 1


def test_a_missing_connection_is_named_and_outlived(tenant, log, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_SAILPOINT_DEFAULT")
    watched(once(lambda: "no Airflow connection 'sailpoint_default'" in log.text))


def test_with_a_position_a_new_life_continues_where_the_last_one_ended(tenant):
    store = Store()
    watched(ended(tenant), begun(tenant, MAINFRAME), store=store)
    # Nobody watches while one begins and ends, and another one ends.
    ended(tenant)()
    (running,) = tenant.control.runs(MAINFRAME)
    tenant.control.finish(running["id"])
    ((event,), nothing) = watched(lambda: 1, lambda: 0, store=store, trigger=watcher(look_back=0))
    assert sorted(load["source_id"] for load in event["loads"]) == [DIRECTORY, MAINFRAME]
    assert nothing == []
    assert watched(lambda: 0, store=store) == [[]]


def test_a_position_is_stored_only_if_it_changes(tenant):
    store, writes = Store(), []

    def quiet():
        writes.append(store.writes)
        return 0

    watched(ended(tenant), quiet, quiet, store=store)
    assert writes[0] == writes[1] == store.writes > 0


def test_without_a_position_a_new_life_looks_back_and_repeats(tenant):
    watched(ended(tenant))
    ((event,),) = watched(lambda: 1)
    assert event["aggregation_id"] == tenant.runs()[0]["id"]


def test_a_store_that_is_away_for_a_moment_is_waited_for(tenant, log):
    store = Store()
    watched(ended(tenant), store=store)
    store.fails = 2
    assert watched(lambda: 0, store=store) == [[]]
    assert "Could not read the watcher's position" in log.text


def test_a_strange_position_is_replaced_by_the_look_back(tenant, log):
    store = Store()
    watched(ended(tenant), store=store)
    store.kept = dict.fromkeys(store.kept, '{"version": 9}')
    ((event,),) = watched(lambda: 1, store=store)
    assert event["aggregation_id"]
    assert "Ignoring the position" in log.text


def test_several_assets_of_one_trigger_leave_it_without_a_position(tenant, log):
    class Several(Store):
        async def aget(self, key, default=None):
            raise ValueError("Task has 2 concrete inlets and outlets")

    store = Several()
    ((event,),) = watched(ended(tenant), store=store)
    assert event["aggregation_id"]
    assert store.writes == 0
    assert "several assets" in log.text


def test_the_clock_of_this_machine_is_not_compared_with_that_of_isc(tenant):
    tenant.control.clock(skew_seconds=-7 * 86400)
    ((event,),) = watched(ended(tenant), trigger=watcher(look_back=60))
    assert event["completed"] < tenant.control.clock()["now"]


def test_an_argument_of_a_newer_version_fails_the_trigger_and_not_the_triggerer():
    """A triggerer survives only a TypeError of a constructor."""
    with pytest.raises(TypeError) as caught:
        SailPointEndedAggregationsTrigger(states=["evaporated"])
    assert isinstance(caught.value, InvalidInputError)


def test_a_night_of_loads_comes_in_events_of_limited_size(tenant, monkeypatch):
    assert ended_aggregations._MOST_LOADS == 500
    monkeypatch.setattr(ended_aggregations, "_MOST_LOADS", 2)

    def several():
        for _ in range(5):
            ended(tenant)()
        return 0

    (events,) = watched(lambda: several() or 3, trigger=watcher(look_back=600))
    sizes = [len(event.get("loads", [event])) for event in events]
    assert max(sizes) == 2
    assert sum(sizes) == 5


def test_a_record_that_cannot_be_described_does_not_hold_up_the_others(tenant, monkeypatch, log):
    real = ended_aggregations._event_of
    odd = []

    def described(record, host):
        if record.id in odd:
            raise RuntimeError("a record of the future")
        return real(record, host)

    monkeypatch.setattr(ended_aggregations, "_event_of", described)

    def two():
        tenant.plan(DIRECTORY, seconds=NEVER)
        run = tenant.control.start(DIRECTORY)
        odd.append(run["id"])
        tenant.control.finish(run["id"])
        return ended(tenant, MAINFRAME)()

    (events,) = watched(two, trigger=watcher(look_back=600))
    assert [event["source_id"] for event in events] == [MAINFRAME]
    assert any("cannot be described" in line and odd[0] in line for line in log.messages)
