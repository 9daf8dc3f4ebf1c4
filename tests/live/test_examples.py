"""The example DAGs without files run as they stand, through a real scheduler and triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop


def source_names(file_drop: FileDrop, before: int) -> list[str]:
    """Return the sources of the aggregations that the tenant was asked for since ``before`` of them."""
    return [run["source_name"] for run in file_drop.tenant.runs()[before:]]


def test_a_sensor_waits_for_what_an_operator_started(file_drop: FileDrop) -> None:
    before = len(file_drop.tenant.runs())
    # On a busy machine the sensor might begin after the usual end.
    (source,) = (one for one in file_drop.control.sources() if one["name"] == "Directory")
    file_drop.control.next_run(source["id"], collect_seconds=3600.0)
    run, states = file_drop.run_once("example_sailpoint_direct_source", last_wait="wait")
    assert "deferred" not in states["start"]
    assert "deferred" in states["wait"]
    assert file_drop.api.xcom(run, "start")["state"] == "running"
    result = file_drop.api.xcom(run, "wait")
    assert result["state"] == "succeeded"
    assert result["accounts"]["created"] == 250
    assert result["aggregation_id"] == file_drop.api.xcom(run, "start", "aggregation_id")
    assert source_names(file_drop, before) == ["Directory"]


def test_sources_run_one_after_the_other(file_drop: FileDrop) -> None:
    before = len(file_drop.tenant.runs())
    run, _ = file_drop.run_once("example_sailpoint_sources_in_order")
    first, second = (file_drop.api.xcom(run, task_id) for task_id in ("aggregate_1", "aggregate_2"))
    assert first["completed"] <= second["started"]
    assert source_names(file_drop, before) == ["Directory", "Mainframe via Virtual Appliance"]


def test_entitlements_and_identities_follow_the_accounts(file_drop: FileDrop) -> None:
    run, _ = file_drop.run_once("example_sailpoint_accounts_entitlements_refresh")
    checked = file_drop.api.xcom(run, "check")
    accounts, entitlements, refreshed = (
        file_drop.api.xcom(run, task_id) for task_id in ("accounts", "entitlements", "refresh")
    )
    assert [one["verdict"] for one in checked] == ["ready"]
    assert accounts["completed"] <= entitlements["started"]
    assert entitlements["completed"] <= refreshed["parts"][0]["started"]
    assert (entitlements["state"], refreshed["state"]) == ("succeeded", "succeeded")
    assert entitlements["entitlements"]["scanned"] == 25
    assert refreshed["identities"] == 2


def test_mapped_sources_run_side_by_side(file_drop: FileDrop) -> None:
    before = len(file_drop.tenant.runs())
    run, _ = file_drop.run_once("example_sailpoint_sources_in_pool")
    results = [file_drop.api.xcom(run, "aggregate", map_index=index) for index in (0, 1)]
    assert [result["state"] for result in results] == ["succeeded", "succeeded"]
    assert sorted(source_names(file_drop, before)) == ["Directory", "Mainframe via Virtual Appliance"]
