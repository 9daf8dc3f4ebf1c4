"""The command with a source: it asks a tenant, and needs no Airflow database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sailpoint_provider.__main__ import main
from tests.unit.files.check.bad_files import csv

PROJECT = Path(__file__).parents[2]
COLUMNS = ("id", "name")
PEOPLE = [(str(number), f"Person {number}") for number in range(10)]


@pytest.fixture
def hr(sailpoint_simulator, monkeypatch, tmp_path):
    """A source with two columns, a connection to its tenant, and a good file."""
    source = sailpoint_simulator.control.create_source("HR", header=list(COLUMNS))
    for name, host, password in (
        ("SAILPOINT_DEFAULT", sailpoint_simulator.url, "simulator-secret"),
        ("WRONG", sailpoint_simulator.url, "not the secret"),
    ):
        connection = {"conn_type": "sailpoint", "host": host, "login": "simulator-client"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection | {"password": password}))
    monkeypatch.chdir(tmp_path)
    Path("hr.csv").write_bytes(csv(PEOPLE, columns=COLUMNS))
    return source["id"]


@pytest.mark.parametrize("by_id", [False, True])
def test_a_source_is_found_by_name_and_by_id(hr, capsys, by_id):
    assert main(["check", "hr.csv", "--source", hr if by_id else "HR", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["key"], report["tenant_accounts"]) == ("passed", "id", 0)
    assert report["notes"] == []


def test_a_header_that_the_source_does_not_expect_ends_with_1(hr, capsys):
    Path("hr.csv").write_bytes(csv(PEOPLE, columns=("id", "Name")))
    assert main(["check", "hr.csv", "--source", "HR"]) == 1
    assert capsys.readouterr().out.startswith(
        "REFUSED: ISC would refuse hr.csv: column 'Name' must be written 'name'."
    )


def test_accounts_that_isc_holds_are_not_deleted_unnoticed(hr, capsys, sailpoint_simulator):
    held = sailpoint_simulator.tenant.sources[hr].held
    for number in range(20):
        held.scan(str(number), (str(number), f"Person {number}"))
    assert main(["check", "hr.csv", "--source", "HR"]) == 1
    assert "would delete 10 of 20 accounts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source", "Nobody"], "no source named 'Nobody'"),
        (["--source", "0" * 32], "HTTP 404"),
        (["--source", "HR", "--conn-id", "nowhere"], "There is no Airflow connection 'nowhere'"),
        (["--source", "HR", "--conn-id", "wrong"], "HTTP 401"),
    ],
)
def test_what_the_tenant_does_not_answer_ends_with_2_and_one_sentence(hr, capsys, options, words):
    assert main(["check", "hr.csv", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("Could not check hr.csv: ")
    assert words in captured.err
    assert "not the secret" not in captured.err


def test_logs_do_not_mix_with_the_report_and_no_database_is_made(hr, sailpoint_simulator, tmp_path):
    sailpoint_simulator.control.fault("answer", status=503, path="/schemas", times=1)
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "home"), "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "sailpoint_provider"),
            *("check", "hr.csv", "--source", "HR", "--format", "json"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["verdict"] == "passed"
    assert "Retrying in" in ended.stderr
    assert not list(tmp_path.rglob("*.db"))
