"""The asset of ended aggregations, and what a run learns from the events that started it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sailpoint_provider.assets.aggregations import ended_aggregations_asset, triggering_loads
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.triggers.ended_aggregations import SailPointEndedAggregationsTrigger

SOURCE = "2c918085000000000000000000000a01"


def test_the_asset_has_a_watcher_with_the_arguments():
    asset = ended_aggregations_asset(
        source_ids=SOURCE, states="succeeded", sailpoint_conn_id="acme", poll_interval=5, look_back=0
    )
    (watcher,) = asset.watchers
    assert isinstance(watcher.trigger, SailPointEndedAggregationsTrigger)
    assert watcher.trigger.serialize()[1] == {
        "sailpoint_conn_id": "acme",
        "source_ids": [SOURCE],
        "task_types": ["CLOUD_ACCOUNT_AGGREGATION"],
        "states": ["succeeded"],
        "poll_interval": 5.0,
        "look_back": 0.0,
    }


def test_the_same_aggregations_are_the_same_asset_in_every_dag():
    first, second = ended_aggregations_asset(), ended_aggregations_asset(poll_interval=5)
    assert (first.name, first.uri) == (second.name, second.uri)
    others = [
        ended_aggregations_asset(source_ids=SOURCE),
        ended_aggregations_asset(states="failed"),
        ended_aggregations_asset(sailpoint_conn_id="acme"),
        ended_aggregations_asset(task_types="CLOUD_GROUP_AGGREGATION"),
    ]
    assert len({asset.uri for asset in (first, *others)}) == len({a.name for a in (first, *others)}) == 5
    assert ended_aggregations_asset(name="ends").name == "ends"


def test_a_bad_argument_is_refused():
    with pytest.raises(InvalidInputError):
        ended_aggregations_asset(source_ids="HR")


def load(aggregation_id="a" * 32, **changes):
    return {"aggregation_id": aggregation_id, "source_id": SOURCE, "state": "succeeded"} | changes


def context(*extras):
    events = [SimpleNamespace(extra=extra) for extra in extras]
    return {"triggering_asset_events": {"one": events[:1], "other": events[1:]}}


def test_events_of_outlets_watchers_and_the_webhook_are_read_alike():
    outlet, watcher = load("a" * 32), load("b" * 32)
    webhook = load(None, completed="2026-05-01T12:00:00.000Z")
    loads = triggering_loads(
        context(outlet, {"from_trigger": True, "payload": watcher}, webhook | {"from_rest_api": True})
    )
    assert loads[:2] == [outlet, watcher]
    assert loads[2]["completed"] == webhook["completed"]


def test_an_event_of_a_watcher_with_several_loads_is_read():
    first, second = load("a" * 32), load("b" * 32)
    event = {"from_trigger": True, "payload": {"version": 1, "loads": [first, second]}}
    assert triggering_loads(context(second, event)) == [second, first]
    assert triggering_loads(context({"payload": {"loads": [None, {}]}})) == []


def test_a_load_that_is_reported_twice_is_in_the_list_once():
    one = load()
    assert triggering_loads(context(one, {"from_trigger": True, "payload": one}, dict(one))) == [one]
    ends = [load(None, completed=f"2026-05-01T12:00:0{second}.000Z") for second in (1, 2)]
    assert len(triggering_loads(context(*ends, ends[0]))) == 2


@pytest.mark.parametrize("extra", [None, {}, {"payload": {"url": "/data/hr.csv"}}, {"payload": None}, "text"])
def test_events_of_other_assets_are_left_out(extra):
    assert triggering_loads(context(extra)) == []


def test_a_run_without_events_has_no_loads():
    assert triggering_loads({}) == []
    assert triggering_loads({"triggering_asset_events": None}) == []
