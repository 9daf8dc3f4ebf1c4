"""The trigger of the sensor for drops."""

from __future__ import annotations

import asyncio
import json
import time

from sailpoint_provider.drops.places import place_at
from sailpoint_provider.triggers.drops import SailPointFileDropTrigger

SCAN = 0.05
LONG = 20.0


def events_of(folder, seconds=LONG, refused=None):
    rules = folder.rules(scan_interval=SCAN)
    trigger = SailPointFileDropTrigger(folder=rules.to_json(), end=time.time() + seconds, refused=refused)
    path, kwargs = trigger.serialize()
    assert path.endswith(".SailPointFileDropTrigger")
    stored = SailPointFileDropTrigger(**json.loads(json.dumps(kwargs)))

    async def run():
        return [event.payload async for event in stored.run()]

    return asyncio.run(run())


def refused_for(seconds, folder, *names):
    entries = [place_at(folder.url).entry(name) for name in names]
    return {
        "drops": [
            {"name": entry.name, "size_bytes": entry.size_bytes, "change_marker": entry.marker}
            for entry in entries
        ],
        "pause": seconds,
    }


def test_it_yields_one_event(local_folder):
    local_folder.drop("hr.csv")
    (event,) = events_of(local_folder)
    assert event["drop"]["name"] == "hr.csv"
    assert event["refused"] is None


def test_it_ends_in_time_even_without_a_folder(local_folder):
    local_folder.url += "/none"
    (event,) = events_of(local_folder, 0.3)
    assert event["drop"] is None


def test_a_drop_that_the_task_could_not_take_is_reported_again_only_after_a_pause(local_folder):
    local_folder.drop("hr.csv")
    refused = refused_for(0.5, local_folder, "hr.csv")
    began = time.monotonic()
    (event,) = events_of(local_folder, refused=refused)
    assert time.monotonic() - began >= 0.5
    assert (event["drop"]["name"], event["refused"]) == ("hr.csv", refused)


def test_the_wait_can_end_during_the_pause(local_folder):
    local_folder.drop("hr.csv")
    (event,) = events_of(local_folder, 0.3, refused_for(LONG, local_folder, "hr.csv"))
    assert event["drop"] is None


def test_other_drops_and_a_new_content_are_reported_at_once(local_folder):
    local_folder.drop("hr.csv", "id\n1\n")
    refused = refused_for(LONG, local_folder, "hr.csv")
    local_folder.drop("hr.csv", "id\n1\n2\n")
    (event,) = events_of(local_folder, LONG / 2, refused)
    assert event["drop"]["name"] == "hr.csv"
