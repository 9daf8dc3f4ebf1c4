"""The operator that only checks: it reports, it sends nothing, and it needs no write scope."""

import pytest

from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.drops.taking import take_drops
from sailpoint_provider.exceptions import FileRefusedError, InvalidInputError
from sailpoint_provider.files.check import FileCheck
from sailpoint_provider.operators.file_check import SailPointFileCheckOperator
from tests.unit.airflow_cases import HR, FakeTaskInstance, carried_out
from tests.unit.operators.turn_cases import counted, operator

READ_SCOPES = ["idn:sources:read", "idn:accounts:read", "idn:source-schema:read"]


def check(**changed):
    return SailPointFileCheckOperator(**{"task_id": "task"} | changed)


@pytest.fixture
def files(tenant, tmp_path):
    """Return a file of twenty accounts, which ISC holds, and one with thirteen of them."""
    tenant.plan(HR)
    whole = tenant.csv(tmp_path, 20, name="whole.csv")
    carried_out(lambda: operator(source_id=HR, file=whole))
    return whole, tenant.csv(tmp_path, 13, name="short.csv")


def test_a_good_file_passes_without_any_write_scope(tenant, files):
    tenant.client(scopes=READ_SCOPES)
    ti = FakeTaskInstance()
    report = carried_out(lambda: check(source_id=HR, file=files[0]), ti)
    assert (report["verdict"], report["accounts"]) == ("passed", 20)
    assert "whole.csv" in report["markdown"]
    assert ti.pushed["file_report"]["sha256"] == report["sha256"]
    assert len(counted(tenant, HR)) == 1


def test_a_refused_file_fails_the_task_or_leaves_the_decision_to_a_person(tenant, files):
    whole, short = files
    with pytest.raises(FileRefusedError, match="would delete 7 of 20 accounts"):
        carried_out(lambda: check(source_id=HR, file=short))
    report = carried_out(lambda: check(source_id=HR, file=short, compare_with=whole, fail_if_refused=False))
    assert (report["verdict"], report["leavers"]["count"]) == ("refused", 7)
    tenant.plan(HR)
    result = carried_out(
        lambda: operator(
            source_id=HR, file=short, compare_with=whole, check=True, approved=report["approval"]
        )
    )
    assert result["accounts"]["deleted"] == 7


def test_a_drop_is_checked_and_stays_undecided(tenant, files, tmp_path):
    folder = tmp_path / "drops"
    folder.mkdir()
    files[1].rename(folder / "short.csv")
    rules = FolderRules(url=str(folder), source_id=HR, complete="renamed")
    (drop,) = take_drops(rules, Run("load", "run"), active=lambda _: True).drops
    report = carried_out(lambda: check(drop=drop, fail_if_refused=False))
    assert (report["verdict"], report["name"]) == ("refused", "short.csv")
    tenant.plan(HR)
    assert carried_out(lambda: operator(drop=drop, approved=report["approval"]))["state"] == "succeeded"


def test_keys_stay_out_of_the_report_on_demand(tenant, files):
    whole, short = files
    report = carried_out(
        lambda: check(
            source_id=HR,
            file=short,
            compare_with=whole,
            check=FileCheck(show_keys=False),
            fail_if_refused=False,
        )
    )
    assert report["leavers"] == {"count": 7, "keys": []}
    assert "id 13" not in str(report)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Set either source_id or source_name"),
        ({"source_id": HR}, "Set file"),
        ({"source_id": HR, "drop": {}}, "Set either drop or source_id"),
        ({"source_id": HR, "file": "x", "check": False}, "must not be False"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_when_the_dag_is_read(given, message):
    with pytest.raises(InvalidInputError, match=message):
        check(**given)
