"""A watched folder as an asset, and the task that takes its drops."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from sailpoint_provider._airflow import drop as task_drop
from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.sensors.drops import SailPointFileDropSensor
from tests.unit.drops.drop_cases import context, names, watched


def test_a_run_gets_its_drops_and_a_retry_the_same(local_folder):
    local_folder.drop("1.csv", age=10)
    local_folder.drop("2.csv")
    drops = watched(local_folder).drops(context())
    assert [drop["name"] for drop in drops] == ["1.csv"]
    assert watched(local_folder).drops(context()) == drops


def test_a_run_that_finds_nothing_left_is_skipped_with_the_reason(local_folder):
    local_folder.drop("1.csv")
    watched(local_folder).drops(context("run 1"))
    with pytest.raises(AirflowSkipException, match=r"Nothing is left .* waits until run run 1 of DAG load"):
        watched(local_folder).drops(context("run 2"))


def test_a_folder_that_may_not_be_mounted_fails_the_task_and_can_be_retried(local_folder):
    with pytest.raises(FolderUnavailableError) as failure:
        watched(local_folder).drops(context())
    assert not isinstance(failure.value, AirflowFailException | AirflowSkipException)


def test_what_started_the_run_counts_as_seen_complete(local_folder):
    local_folder.drop("1.csv")
    folder = watched(local_folder, complete="quiet")
    entry = place_at(local_folder.url).entry("1.csv")
    reported = {"name": "1.csv", "size_bytes": entry.size_bytes, "change_marker": entry.marker}
    with pytest.raises(AirflowSkipException, match=r"1\.csv is not complete yet"):
        folder.drops(context("run 1", [{"from_trigger": True, "payload": {"name": "other"}}, {}]))
    (drop,) = folder.drops(context("run 2", [{"from_trigger": True, "payload": reported}]))
    assert drop["name"] == "1.csv"


def test_a_dag_of_ten_lines_maps_a_load_over_the_drops(local_folder):
    local_folder.drop("1.csv")
    folder = watched(local_folder)
    with DAG("load_drops", schedule=[folder.asset()], start_date=datetime(2026, 1, 1)) as dag:
        SailPointAccountAggregationOperator.partial(task_id="load", source_name="HR").expand(
            file=folder.take().map(lambda drop: drop["file"])
        )
    assert dag.get_task("load").upstream_task_ids == {"take_drops"}
    (drop,) = dag.get_task("take_drops").execute(context())
    assert json.loads(json.dumps(drop)) == drop


def test_a_dag_with_a_watched_folder_can_be_serialized(local_folder):
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serialized
    except ImportError:  # Airflow 3.0 and 3.1
        from airflow.serialization.serialized_objects import SerializedDAG as Serialized

    folder = watched(local_folder, sources=None)
    with DAG("load_drops", schedule=[folder.asset()], start_date=datetime(2026, 1, 1)) as dag:
        folder.take()
        SailPointFileDropSensor(task_id="wait", folder=folder)
    serialized = json.dumps(Serialized.to_dict(dag))
    assert "SailPointDropWatcherTrigger" in serialized


def test_a_run_logs_why_files_were_left(local_folder, caplog):
    caplog.set_level("INFO", logger=task_drop.__name__)
    local_folder.drop("empty.csv", "")
    local_folder.drop("1.csv")
    watched(local_folder).drops(context())
    assert "empty.csv is empty." in [record.getMessage() for record in caplog.records]
    assert names(local_folder.take("run 2")) == ["1.csv"]


def test_describing_a_folder_loads_no_store_and_no_http_library():
    code = (
        "import sys, airflow.sdk\n"
        "before = set(sys.modules)\n"
        "from sailpoint_provider.assets.drops import SailPointDropFolder\n"
        "from sailpoint_provider.sensors.drops import SailPointFileDropSensor\n"
        "folder = SailPointDropFolder('s3://conn@bucket/hr', source_name='HR')\n"
        "folder.asset()\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new & {'fsspec', 's3fs', 'aiohttp', 'requests', 'duckdb', 'upath'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
