"""The sensor for drops in its three modes."""

from __future__ import annotations

import json
import time

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

from sailpoint_provider.drops.places import place_at
from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.sensors.drops import SailPointFileDropSensor
from tests.unit.drops.drop_cases import context, watched


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_sensor_that_pokes_returns_a_taken_drop(local_folder, mode):
    local_folder.drop("1.csv")
    sensor = SailPointFileDropSensor(
        task_id="wait", folder=watched(local_folder), mode=mode, deferrable=False
    )
    poked = sensor.poke(context())
    assert poked.is_done
    assert poked.xcom_value["name"] == "1.csv"
    assert not sensor.poke(context("run 2")).is_done


def test_a_sensor_that_pokes_waits_for_a_folder_that_is_not_there(local_folder):
    sensor = SailPointFileDropSensor(task_id="wait", folder=watched(local_folder), deferrable=False)
    assert not sensor.poke(context()).is_done


def test_a_deferrable_sensor_returns_at_once_what_is_there(local_folder):
    local_folder.drop("1.csv")
    sensor = SailPointFileDropSensor(task_id="wait", folder=watched(local_folder), deferrable=True)
    assert sensor.execute(context())["name"] == "1.csv"


def test_a_deferrable_sensor_takes_what_its_trigger_saw(local_folder, monkeypatch):
    folder = watched(local_folder, complete="quiet")
    local_folder.drop("1.csv")
    sensor = SailPointFileDropSensor(task_id="wait", folder=folder, deferrable=True, timeout=100)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context())
    _, kwargs = deferred.value.trigger.serialize()
    assert kwargs["end"] == pytest.approx(time.time() + 100, abs=10)
    assert json.loads(json.dumps(kwargs)) == kwargs
    entry = place_at(local_folder.url).entry("1.csv")
    seen = {"name": "1.csv", "size_bytes": entry.size_bytes, "change_marker": entry.marker}
    assert sensor.execute_complete(context(), {"drop": seen, "end": kwargs["end"]})["name"] == "1.csv"


def test_a_deferrable_sensor_whose_drop_another_run_took_waits_on_until_the_same_end(local_folder):
    local_folder.drop("1.csv")
    watched(local_folder).drops(context("rival"))
    sensor = SailPointFileDropSensor(task_id="wait", folder=watched(local_folder), deferrable=True)
    end = time.time() + 50
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute_complete(context(), {"drop": {"name": "1.csv"}, "end": end})
    assert deferred.value.trigger.end == end


def test_a_deferrable_sensor_times_out(local_folder):
    sensor = SailPointFileDropSensor(task_id="wait", folder=watched(local_folder), deferrable=True)
    with pytest.raises(AirflowSensorTimeout, match="No complete file arrived"):
        sensor.execute_complete(context(), {"drop": None, "end": 1.0})


@pytest.mark.parametrize(
    "event",
    [
        *(None, {}, {"drop": 5}, "drop"),
        *({"drop": {"name": "1.csv"}, "end": 1e10, "refused": bad} for bad in ({}, [], "x", {"drops": []})),
    ],
)
def test_an_event_that_is_not_of_a_drop_fails_the_sensor(local_folder, event):
    sensor = SailPointFileDropSensor(task_id="wait", folder=watched(local_folder), deferrable=True)
    with pytest.raises(ProtocolError):
        sensor.execute_complete(context(), event)


def test_a_drop_that_this_run_may_not_take_is_tried_again_ever_more_rarely(local_folder):
    """A run takes one drop of a source; a cleared one must not defer and resume incessantly for the next."""
    local_folder.drop("1.csv")
    (taken,) = watched(local_folder).drops(context("run 1"))
    local_folder.file(taken)
    sensor = SailPointFileDropSensor(task_id="wait", folder=watched(local_folder), deferrable=True)
    refused, pauses = None, []
    for name in ("2.csv", "3.csv"):
        local_folder.drop(name, age=1)
    for name in ("2.csv", "2.csv", "2.csv", "3.csv", "2.csv", *["3.csv"] * 8):
        entry = place_at(local_folder.url).entry(name)
        seen = {"name": name, "size_bytes": entry.size_bytes, "change_marker": entry.marker}
        with pytest.raises(TaskDeferred) as deferred:
            sensor.execute_complete(context("run 1"), {"drop": seen, "end": 1e10, "refused": refused})
        refused = json.loads(json.dumps(deferred.value.trigger.refused))
        pauses.append(refused["pause"])
    assert pauses == [5.0, 10.0, 20.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0, 300.0]
    assert [drop["name"] for drop in refused["drops"]] == ["2.csv", "3.csv"]
