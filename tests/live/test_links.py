"""The links of a task, as Airflow's web page asks for them: while the task waits, and after its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.conftest import UI_URL
from tests.live.file_drop import RunFollower

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop

# One worker runs all of these, because they share one Airflow.

ACTIVITY = f"{UI_URL}/ui/a/admin/connections/sources-list/configured-sources"


def test_operator_and_sensor_lead_to_isc_from_the_start_to_after_the_end(file_drop: FileDrop) -> None:
    source_id = file_drop.tenant.source_id("Directory")
    links = {
        "Open source in ISC": f"{UI_URL}/ui/a/admin/connections/sources/{source_id}",
        "Aggregation activity": ACTIVITY,
    }
    file_drop.control.next_run(source_id, collect_seconds=3600.0)
    file_drop.api.unpause("example_sailpoint_sources_in_order")
    run = file_drop.api.trigger("example_sailpoint_sources_in_order")
    follower = RunFollower(file_drop.api, run, file_drop.say)

    def waits() -> bool:
        return follower.look().ended or follower.state("aggregate_1") == "deferred"

    file_drop.wait_for(waits, "'aggregate_1' to defer")
    assert follower.state("aggregate_1") == "deferred"
    assert file_drop.api.extra_links(run, "aggregate_1") == links
    assert set(file_drop.api.extra_links(run, "aggregate_2").values()) == {None}
    (running,) = (one for one in file_drop.tenant.runs() if one["outcome"] is None)
    file_drop.control.finish(running["id"])
    file_drop.follow_to_end(follower)
    assert file_drop.api.extra_links(run, "aggregate_1") == links
    assert file_drop.api.extra_links(run, "aggregate_2") != links


def test_a_sensor_leads_to_the_source_that_the_task_record_names(file_drop: FileDrop) -> None:
    source_id = file_drop.tenant.source_id("Directory")
    file_drop.control.next_run(source_id, collect_seconds=3600.0)
    run, states = file_drop.run_once("example_sailpoint_direct_source", last_wait="wait")
    assert "deferred" in states["wait"]
    for task_id in ("start", "wait"):
        assert file_drop.api.extra_links(run, task_id) == {
            "Open source in ISC": f"{UI_URL}/ui/a/admin/connections/sources/{source_id}",
            "Aggregation activity": ACTIVITY,
        }
