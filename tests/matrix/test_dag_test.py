"""A deferrable aggregation with ``dag.test()``, on whichever Airflow runs this test."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.account_files import AccountFile
from tests.live.airflow_home import AirflowHome
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT, start_simulator

DAG_FILE = Path(__file__).parent / "dags" / "aggregation.py"
ACCOUNTS = 50
UI_URL = "https://acme.identitynow.com"

# One worker runs all of these, because they share one run of the DAG.


@dataclass(frozen=True)
class Tried:
    """What one ``dag.test()`` left.

    :param outcome: state of the run, result and aggregation ID, as the DAG's file prints them.
    :param output: everything that was written meanwhile.
    :param runs: the aggregations that the tenant was asked for.
    :param file: the file that was loaded.
    """

    outcome: dict[str, Any]
    output: str
    runs: list[dict[str, Any]]
    file: Path


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Run the DAG once, with a connection that only Airflow's metadata database knows."""
    folder = tmp_path_factory.mktemp("dag_test")
    with Processes(folder / "logs") as processes:
        tenant = start_simulator(processes)
        header = tenant.file_header("HR Delimited File")
        file = AccountFile.numbered(ACCOUNTS).drop(folder, "accounts.csv", header)
        # dag.test() reads the DAG's file again, by way of the DAG folder.
        home = AirflowHome(folder / "home", DAG_FILE.parent, variables={"MATRIX_FILE": str(file)})
        home.create(processes)
        extra = json.dumps({"ui_url": UI_URL})
        home.store_connection(processes, "sailpoint_default", tenant.connection() | {"extra": extra})
        processes.run("dag-test", [sys.executable, str(DAG_FILE)], home.environment(), PROJECT)
        runs = tenant.runs()
    output = (folder / "logs" / "dag-test.log").read_text(encoding="utf-8")
    return Tried(json.loads(output.splitlines()[-1]), output, runs, file)


def test_a_stored_connection_serves_the_worker_and_the_trigger(tried: Tried) -> None:
    assert "running trigger in line" in tried.output, "the task did not defer"
    assert "There is no Airflow connection" not in tried.output
    assert tried.outcome["state"] == "success"


def test_the_aggregation_is_started_once_and_its_result_handed_over(tried: Tried) -> None:
    aggregation_id = tried.outcome["aggregation_id"]
    assert [run["id"] for run in tried.runs] == [aggregation_id]
    assert tried.outcome["aggregation"]["aggregation_id"] == aggregation_id
    assert tried.outcome["aggregation"]["state"] == "succeeded"
    assert tried.outcome["aggregation"]["accounts"]["created"] == ACCOUNTS


def test_the_result_names_the_source_and_the_file_as_it_does_in_production(tried: Tried) -> None:
    content = tried.file.read_bytes()
    (run,) = tried.runs
    assert tried.outcome["aggregation"]["source_id"] == run["source_id"]
    assert tried.outcome["aggregation"]["source_name"] == "HR Delimited File"
    assert tried.outcome["aggregation"]["file"] == {
        "name": "accounts.csv",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": None,
    }


def test_the_links_lead_to_the_tenants_web_interface(tried: Tried) -> None:
    (run,) = tried.runs
    assert tried.outcome["links"] == {
        "Open source in ISC": f"{UI_URL}/ui/a/admin/connections/sources/{run['source_id']}",
        "Aggregation activity": f"{UI_URL}/ui/a/admin/connections/sources-list/configured-sources",
    }


def test_the_log_closes_with_what_became_of_the_accounts(tried: Tried) -> None:
    aggregation_id = tried.outcome["aggregation_id"]
    closing = f"account aggregation {aggregation_id}"
    # Airflow 3.0 hands a task's line to two handlers.
    (line,) = {
        line[line.index("SUCCEEDED in ") :]
        for line in tried.output.splitlines()
        if "SUCCEEDED in " in line and closing in line
    }
    assert f"{ACCOUNTS} created" in line
    assert " · HR Delimited File · accounts.csv, " in line
