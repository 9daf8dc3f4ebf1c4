"""A deferrable aggregation with ``dag.test()``, on whichever Airflow runs this test."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.live.account_files import AccountFile
from tests.live.airflow_home import AirflowHome
from tests.live.processes import Processes
from tests.live.simulator_process import PROJECT, start_simulator

DAG_FILE = Path(__file__).parent / "dags" / "matrix_aggregation.py"
ACCOUNTS = 50


def test_a_deferrable_aggregation_runs_with_dag_test(tmp_path: Path) -> None:
    with Processes(tmp_path / "logs") as processes:
        tenant = start_simulator(processes)
        header = tenant.file_header("HR Delimited File")
        file = AccountFile.numbered(ACCOUNTS).drop(tmp_path, "accounts.csv", header)
        # dag.test() reads the DAG's file again, by way of the DAG folder.
        home = AirflowHome(
            tmp_path / "home",
            DAG_FILE.parent,
            connections={"sailpoint_default": tenant.connection()},
            variables={"MATRIX_FILE": str(file)},
        )
        home.create(processes)
        processes.run("dag-test", [sys.executable, str(DAG_FILE)], home.environment(), PROJECT)
        runs = tenant.runs()

    output = (tmp_path / "logs" / "dag-test.log").read_text(encoding="utf-8")
    outcome = json.loads(output.splitlines()[-1])
    assert outcome["state"] == "success"
    assert outcome["aggregation"]["counts"]["created"] == ACCOUNTS
    assert outcome["aggregation_id"] == outcome["aggregation"]["aggregation_id"]
    assert [run["id"] for run in runs] == [outcome["aggregation_id"]]
    assert "running trigger in line" in output, "the task did not defer"
