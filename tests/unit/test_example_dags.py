"""The example DAGs are read by Airflow without a database, and look as their words say."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow import __version__

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.simulator.model.sources import default_sources

FOLDER = Path(__file__).parents[2] / "example_dags"


@pytest.fixture(scope="module")
def bag():
    """Read the folder as a DAG processor does."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.0 and 3.1
        from airflow.models.dagbag import DagBag
    return DagBag(str(FOLDER))


def edges(dag):
    return {(task.task_id, after) for task in dag.tasks for after in task.downstream_task_ids}


def scheduling_assets(bag):
    """Return the assets by which the DAGs are scheduled."""
    conditions = [getattr(dag.timetable, "asset_condition", None) for dag in bag.dags.values()]
    return [asset for condition in conditions for asset in getattr(condition, "objects", [])]


def watched_assets(bag):
    """Return the drop folders among them."""
    return [asset for asset in scheduling_assets(bag) if asset.group == "sailpoint-drops"]


def test_every_file_is_read_without_an_error(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == {
        "example_sailpoint_accounts_entitlements_refresh",
        "example_sailpoint_after_any_aggregation",
        "example_sailpoint_after_load",
        "example_sailpoint_direct_source",
        "example_sailpoint_file_approval",
        "example_sailpoint_file_drop",
        "example_sailpoint_load_with_outlet",
        "example_sailpoint_many_sources",
        "example_sailpoint_object_store_drop",
        "example_sailpoint_sources_in_order",
        "example_sailpoint_sources_in_pool",
    }
    assert {Path(dag.fileloc).name for dag in bag.dags.values()} == {
        file.name for file in FOLDER.glob("*.py")
    }


def test_every_dag_explains_itself_and_catches_nothing_up(bag):
    for dag in bag.dags.values():
        assert dag.doc_md
        assert "sailpoint" in dag.tags
        assert not dag.catchup


def test_no_worker_waits_in_any_of_them(bag):
    ours = (SailPointAccountAggregationOperator, SailPointAccountAggregationSensor)
    tasks = [task for dag in bag.dags.values() for task in dag.tasks if isinstance(task, ours)]
    assert tasks
    assert all(task.deferrable or not task.wait_for_completion for task in tasks)


def test_each_watches_a_place_of_its_own(bag):
    places = {asset.uri.partition("?")[0] for asset in watched_assets(bag)}
    assert len(places) == len(watched_assets(bag)) == 4


def test_the_file_drop_takes_files_and_loads_them(bag):
    dag = bag.dags["example_sailpoint_file_drop"]
    assert edges(dag) == {("take_drops", "load")}
    assert dag.get_task("load").is_mapped
    assert dag.max_active_runs == 1


@pytest.mark.skipif(__version__.startswith("3.0."), reason="before Airflow 3.1, no task asks a person")
def test_the_approval_leads_to_the_only_task_that_has_it(bag):
    dag = bag.dags["example_sailpoint_file_approval"]
    assert edges(dag) == {
        ("take", "check"),
        ("take", "load"),
        ("take", "load_approved"),
        ("take", "reject"),
        ("check", "needs_a_person"),
        ("check", "approve"),
        ("check", "load_approved"),
        ("check", "reject"),
        ("needs_a_person", "load"),
        ("needs_a_person", "approve"),
        ("approve", "load_approved"),
        ("approve", "reject"),
    }
    assert dag.get_task("load").approved is None
    assert all(task.trigger_rule == "all_success" and not task.is_mapped for task in dag.tasks)


def test_a_bad_file_of_one_source_does_not_stop_the_others(bag):
    dag = bag.dags["example_sailpoint_many_sources"]
    assert edges(dag) == {("take_drops", "load"), ("take_drops", "summary"), ("load", "summary")}
    assert dag.get_task("load").is_mapped
    assert dag.get_task("summary").trigger_rule == "all_done"


def test_one_dag_follows_the_outlet_of_a_load_and_one_every_aggregation(bag):
    (load,) = bag.dags["example_sailpoint_load_with_outlet"].tasks
    uris = {asset.uri: asset for asset in scheduling_assets(bag)}
    assert load.outlets[0].uri == f"sailpoint://127.0.0.1:8787/sources/{load.source_id}"
    assert load.outlets[0].uri in uris
    (watched,) = (asset for asset in uris.values() if asset.group == "sailpoint-aggregations")
    assert watched.watchers[0].trigger.watched.source_ids is None
    assert load.source_id in {source.id for source in default_sources()}


def test_the_direct_source_is_started_worked_beside_and_waited_for(bag):
    dag = bag.dags["example_sailpoint_direct_source"]
    assert edges(dag) == {("start", "other_work"), ("start", "wait"), ("wait", "use_result")}
    assert dag.get_task("start").wait_for_completion is False


def test_accounts_entitlements_and_identities_follow_each_other(bag):
    dag = bag.dags["example_sailpoint_accounts_entitlements_refresh"]
    assert edges(dag) >= {("check", "accounts"), ("accounts", "entitlements"), ("entitlements", "refresh")}
    assert all(dag.get_task(name).deferrable for name in ("accounts", "entitlements", "refresh"))


def test_the_sources_run_one_after_the_other(bag):
    assert edges(bag.dags["example_sailpoint_sources_in_order"]) >= {("aggregate_1", "aggregate_2")}


def test_the_sources_of_the_pool_are_mapped(bag):
    mapped = bag.dags["example_sailpoint_sources_in_pool"].get_task("aggregate")
    assert mapped.is_mapped
    assert mapped.operator_class is SailPointAccountAggregationOperator


def test_their_sources_are_in_the_simulated_tenant(bag):
    names = {source.name for source in default_sources()}
    folders = [asset.watchers[0].trigger.folder for asset in watched_assets(bag)]
    wanted = {dag.params["source_name"] for dag in bag.dags.values() if "source_name" in dag.params} | {
        task.source_name
        for task in bag.dags["example_sailpoint_sources_in_order"].tasks
        if isinstance(task, SailPointAccountAggregationOperator)
    }
    wanted |= {folder["source_name"] for folder in folders if folder["source_name"]}
    assert wanted <= names
