"""A file that the check refuses, until a person has decided; nothing is sent before."""

import json
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.taking import take_drops
from sailpoint_provider.exceptions import FileRefusedError, InvalidInputError
from sailpoint_provider.operators.file_check import SailPointFileCheckOperator
from tests.unit.airflow_cases import HR, FakeTaskInstance, carried_out
from tests.unit.operators.turn_cases import counted, operator


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "drops").mkdir()
    return SailPointDropFolder(tmp_path / "drops", source_id=HR, complete="renamed")


@pytest.fixture
def drop(tenant, folder):
    """Return a function that drops a file of so many rows and takes it for the next run."""
    runs = iter(range(100))

    def dropped(rows, name, text=None):
        file = Path(folder.rules.url, name)
        draft = file.with_suffix(".part")
        draft.write_text(tenant.csv_text(rows) if text is None else text, encoding="utf-8")
        draft.rename(file)
        (taken,) = take(f"run {next(runs)}")
        return taken

    def take(run):
        return take_drops(folder.rules, Run("load", run), active=lambda _: False).drops

    dropped.take = take
    return dropped


@pytest.fixture
def short(tenant, drop):
    """Take a file with 13 of the 20 rows that were loaded before."""
    tenant.plan(HR)
    carried_out(lambda: operator(drop=drop(20, "hr.csv")))
    return drop(13, "short.csv")


def check(drop, ti=None, **parameters):
    return carried_out(lambda: SailPointFileCheckOperator(task_id="check", drop=drop, **parameters), ti)


def files_in(folder, name):
    return {path.name for path in Path(folder.rules.url, name).glob("*")}


def test_a_check_reports_and_sends_nothing(tenant, folder, short):
    ti = FakeTaskInstance()
    report = check(short, ti, fail_if_refused=False)
    assert report["verdict"] == "refused"
    assert report["needs_approval"] is True
    assert report["leavers"]["count"] == 7
    assert {key: ti.pushed[key] for key in ("sentence", "approval", "markdown")} == {
        key: report[key] for key in ("sentence", "approval", "markdown")
    }
    assert len(counted(tenant, HR)) == 1
    assert not Path(folder.rules.url, "refused").exists()


def test_a_check_fails_for_a_refused_file_by_default(tenant, short):
    with pytest.raises(FileRefusedError, match="would delete 7 of 20 accounts") as caught:
        check(short)
    assert isinstance(caught.value, AirflowFailException)


def test_nobody_is_asked_about_a_file_that_passes_or_is_repeated(tenant, drop):
    tenant.plan(HR)
    first = drop(20, "hr.csv")
    assert check(first)["needs_approval"] is False
    carried_out(lambda: operator(drop=first))
    repeated = check(drop(20, "again.csv"))
    assert (repeated["verdict"], repeated["needs_approval"]) == ("repeated", False)


def test_nobody_is_asked_about_a_file_that_no_person_can_approve(tenant, drop):
    report = check(drop(0, "broken.csv", tenant.csv_text(3) + 'x,"y\n'), fail_if_refused=False)
    assert (report["verdict"], report["needs_approval"]) == ("refused", False)


def test_the_approval_of_a_check_loads_this_file(tenant, folder, short):
    report = check(short, fail_if_refused=False)
    tenant.plan(HR)
    result = carried_out(lambda: operator(drop=short, approved=report["approval"]))
    assert result["accounts"]["deleted"] == 7
    assert result["file"]["sha256"] == report["sha256"]


def test_a_rejected_file_is_filed_with_its_report_and_frees_its_source(tenant, folder, drop, short):
    report = check(short, fail_if_refused=False)
    location = folder.refuse(short, "Nobody approved this file.", report=report)
    assert location == str(Path(folder.rules.url, "refused", "short.csv"))
    assert Path(location).read_text(encoding="utf-8") == tenant.csv_text(13)
    text = Path(f"{location}.report.txt").read_text(encoding="utf-8")
    assert text.startswith("Nobody approved this file.\n\nREFUSED: Loading short.csv would delete 7 of 20")
    filed = json.loads(Path(f"{location}.report.json").read_text(encoding="utf-8"))
    assert filed["decision"] == "Nobody approved this file."
    assert filed["leavers"]["count"] == 7
    decision = folder.decision(short)
    assert (decision.outcome, decision.sentence) == ("refused", "Nobody approved this file.")
    assert drop(20, "next.csv")["name"] == "next.csv"
    assert len(counted(tenant, HR)) == 1


def test_a_file_can_be_rejected_without_a_report(folder, drop):
    location = folder.refuse(drop(3, "hr.csv"), "Not today.")
    assert Path(f"{location}.report.txt").read_text(encoding="utf-8") == "Not today."


def test_a_rejected_file_is_not_loaded_by_a_later_try(tenant, folder, short):
    report = check(short, fail_if_refused=False)
    folder.refuse(short, "Nobody approved this file.", report=report)
    with pytest.raises(InvalidInputError, match=r"already filed short\.csv as refused"):
        carried_out(lambda: operator(drop=short, approved=report["approval"]))
    assert len(counted(tenant, HR)) == 1


def test_to_reject_twice_or_too_late_changes_nothing(tenant, folder, drop):
    tenant.plan(HR)
    loaded = drop(20, "hr.csv")
    assert folder.decision(loaded) is None
    carried_out(lambda: operator(drop=loaded))
    location = folder.refuse(loaded, "Too late.")
    assert Path(location).parent.parent.name == "loaded"
    assert folder.decision(loaded).outcome == "loaded"
    assert folder.decision(loaded).sentence == "hr.csv was filed as loaded."
    rejected = drop(5, "short.csv")
    assert folder.refuse(rejected, "No.") == folder.refuse(rejected, "Still no.")
    assert files_in(folder, "refused") == {"short.csv", "short.csv.report.json", "short.csv.report.txt"}


def test_a_drop_that_another_run_took_over_cannot_be_rejected(folder, drop):
    first = drop(3, "hr.csv")
    drop.take("a later run")
    with pytest.raises(InvalidInputError, match="taken over by run a later run"):
        folder.refuse(first, "No.")
    with pytest.raises(AirflowFailException, match="drop must be one of the objects"):
        folder.refuse({}, "No.")
