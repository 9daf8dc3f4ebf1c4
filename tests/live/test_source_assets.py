"""DAGs that run after a load, and after an aggregation that nobody in Airflow started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sailpoint_provider.assets.sources import source_asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.file_drop import FileDrop

# One worker runs all of these, because they share one Airflow.

LOAD = "example_sailpoint_load_with_outlet"
AFTER_LOAD = "example_sailpoint_after_load"
AFTER_ANY = "example_sailpoint_after_any_aggregation"
SOURCE_ID = "2c918085000000000000000000000a04"


@pytest.fixture(scope="module")
def scheduled(file_drop: FileDrop) -> Iterator[FileDrop]:
    """Let the DAGs run that are scheduled on assets; the watcher begins now."""
    for dag_id in (AFTER_LOAD, AFTER_ANY):
        file_drop.api.unpause(dag_id)
    file_drop.api.read_again(AFTER_ANY)
    yield file_drop
    for dag_id in (LOAD, AFTER_LOAD, AFTER_ANY):
        file_drop.api.pause(dag_id)


def reported(scheduled: FileDrop, dag_id: str) -> list[str]:
    """Return the aggregations that the ended runs of a DAG have learned of."""
    found: list[str] = []
    for run in scheduled.api.dag_runs(dag_id):
        if run.ended:
            found += scheduled.api.xcom(run, "report")
    return found


def wait_for_report(scheduled: FileDrop, dag_id: str, aggregation_id: str) -> None:
    def is_there() -> bool:
        return aggregation_id in reported(scheduled, dag_id)

    scheduled.wait_for(is_there, f"{dag_id} to learn of {aggregation_id}")


def extras(scheduled: FileDrop, uri: str) -> list[dict[str, Any]]:
    """Return what the events of an asset say."""
    return [event["extra"] for event in scheduled.api.asset_events() if event["uri"] == uri]


def test_a_load_starts_the_dag_of_its_sources_asset(scheduled: FileDrop) -> None:
    run, states = scheduled.run_once(LOAD)
    result = scheduled.api.xcom(run, "load")
    assert "deferred" in states["load"]
    wait_for_report(scheduled, AFTER_LOAD, result["aggregation_id"])
    # The watcher sees it too. Airflow can hold back an event that follows before the scheduler saw this one.
    wait_for_report(scheduled, AFTER_ANY, result["aggregation_id"])
    (event,) = extras(scheduled, source_asset(scheduled.tenant.url, SOURCE_ID).uri)
    for key in ("aggregation_id", "state", "source_name", "accounts", "completed"):
        assert event[key] == result[key]


def test_an_aggregation_that_isc_starts_itself_starts_the_dag_of_the_watcher(
    scheduled: FileDrop,
) -> None:
    started = scheduled.control.start(SOURCE_ID)
    scheduled.control.finish(started["id"])
    wait_for_report(scheduled, AFTER_ANY, started["id"])
    found = reported(scheduled, AFTER_ANY)
    assert len(found) == len(set(found))
    assert started["id"] not in reported(scheduled, AFTER_LOAD)
