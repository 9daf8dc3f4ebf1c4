"""Checks and drops of files that hold no accounts: what is compared, what is not, and why."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.drops.taking import take_drops
from sailpoint_provider.exceptions import FileRefusedError, InvalidInputError
from sailpoint_provider.files.check import FileCheck
from sailpoint_provider.operators.file_check import SailPointFileCheckOperator
from tests.unit.airflow_cases import HR, FakeTaskInstance, carried_out, end_of
from tests.unit.operators.load_cases import (
    ENTITLEMENT_HEADER,
    FILED_ENTITLEMENTS,
    UNCORRELATED,
    WITH_FILE,
)

FILES = pytest.mark.parametrize("case", WITH_FILE, ids=lambda case: case.name)


def loaded(case, folder, ti=None, **changed):
    return carried_out(lambda: case.operator(folder, **{"check": True} | changed), ti)


def rule_of(report, name):
    return next(one for one in report["rules"] if one["rule"] == name)


@FILES
def test_a_good_file_passes_and_the_report_says_what_did_not_apply(tenant, tmp_path, case, logged):
    case.plan(tenant)
    ti = FakeTaskInstance()
    assert loaded(case, tmp_path, ti)["state"] == "succeeded"
    report = ti.pushed["file_report"]
    assert report["verdict"] == "passed"
    assert report["tenant_accounts"] is None
    skipped = {one["rule"] for one in report["rules"] if one["state"] == "not_checked"}
    assert "keys" in skipped
    reason = "does not document" if case is FILED_ENTITLEMENTS else "replaces nothing"
    assert reason in rule_of(report, "keys")["sentence"]
    assert any(reason in note for note in report["notes"])
    noun = "entitlement" if case is FILED_ENTITLEMENTS else "assignment"
    assert f"3 {noun}s" in report["sentence"]
    assert "account" not in report["sentence"].replace("uncorrelated accounts", "")
    assert "list_accounts" not in tenant.calls()


def test_an_entitlement_header_is_compared_with_the_schema(tenant, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(
        ENTITLEMENT_HEADER.replace("displayName", "label") + "\n1,2,3,4,5,6,7,8,9\n", encoding="utf-8"
    )
    error = end_of(lambda: FILED_ENTITLEMENTS.operator(tmp_path, check=True))
    assert isinstance(error, FileRefusedError)
    assert "'label' is unknown" in str(error)
    assert "'displayName' is missing" in str(error)
    assert tenant.starts("load_entitlements") == []


def test_the_schema_is_that_of_the_object_type(tenant, tmp_path):
    error = end_of(lambda: FILED_ENTITLEMENTS.operator(tmp_path, check={"strict": True}, object_type="role"))
    assert isinstance(error, FileRefusedError)
    (request,) = [one for one in tenant.control.requests() if one["call"] == "get_entitlement_schema"]
    assert request["query"] == "schemaName=role"
    assert tenant.starts("load_entitlements") == []


@FILES
def test_a_file_without_rows_is_refused_in_words_that_fit(tenant, tmp_path, case):
    case.file(tmp_path, 0)
    error = end_of(lambda: case.operator(tmp_path, check=True))
    assert isinstance(error, FileRefusedError)
    if case is FILED_ENTITLEMENTS:
        assert "would delete every entitlement of the source" in str(error)
    else:
        assert "holds 0 assignments" in str(error)
        assert "delete" not in str(error)


def test_entitlements_that_would_disappear_are_counted_against_the_last_file(tenant, tmp_path):
    FILED_ENTITLEMENTS.file(tmp_path, 5)
    last = FILED_ENTITLEMENTS.file(tmp_path, 10, "last.csv")
    error = end_of(lambda: FILED_ENTITLEMENTS.operator(tmp_path, check=True, compare_with=str(last)))
    assert isinstance(error, FileRefusedError)
    assert "would delete 5 of 10 entitlements" in str(error)


def test_a_shorter_file_of_assignments_is_good(tenant, tmp_path):
    UNCORRELATED.file(tmp_path, 5)
    last = UNCORRELATED.file(tmp_path, 10, "last.csv")
    UNCORRELATED.plan(tenant)
    assert loaded(UNCORRELATED, tmp_path, compare_with=str(last))["state"] == "succeeded"


def test_a_key_that_the_user_names_is_compared(tenant, tmp_path):
    file = tmp_path / "rows.csv"
    row = ",".join("x" * 9)
    file.write_text("\n".join([ENTITLEMENT_HEADER, row, row, ""]), encoding="utf-8")
    FILED_ENTITLEMENTS.plan(tenant)
    assert loaded(FILED_ENTITLEMENTS, tmp_path)["state"] == "succeeded"
    error = end_of(lambda: FILED_ENTITLEMENTS.operator(tmp_path, check=FileCheck(key="id")))
    assert "occurs more than once" in str(error)
    assert "would mix up entitlements" in str(error)


@pytest.fixture
def drop(tmp_path):
    """Return a function that drops a file of a kind and takes it for the next run."""
    folder, runs = tmp_path / "drops", iter(range(100))

    def dropped(case, rows=10):
        folder.mkdir(exist_ok=True)
        case.file(folder, rows, ".draft.part").rename(folder / "rows.csv")
        rules = FolderRules(url=str(folder), source_id=case.source_id, complete="renamed")
        (taken,) = take_drops(rules, Run("load", f"run {next(runs)}"), active=lambda _: True).drops
        return taken

    return dropped


@FILES
def test_a_drop_is_checked_loaded_once_and_filed(tenant, tmp_path, drop, case):
    case.plan(tenant)
    taken, ti = drop(case), FakeTaskInstance()
    result = carried_out(lambda: case.operator(tmp_path, drop=taken), ti)
    assert (result["state"], result["file"]["name"]) == ("succeeded", "rows.csv")
    assert ti.pushed["file_report"]["verdict"] == "passed"
    assert len(list((tmp_path / "drops" / "loaded").rglob("*.csv"))) == 1
    assert isinstance(end_of(lambda: case.operator(tmp_path, drop=drop(case))), AirflowSkipException)
    assert len(case.runs(tenant)) == 1


def test_a_drop_that_would_delete_too_much_is_refused_and_filed(tenant, tmp_path, drop):
    FILED_ENTITLEMENTS.plan(tenant)
    carried_out(lambda: FILED_ENTITLEMENTS.operator(tmp_path, drop=drop(FILED_ENTITLEMENTS, 20)))
    error = end_of(lambda: FILED_ENTITLEMENTS.operator(tmp_path, drop=drop(FILED_ENTITLEMENTS, 5)))
    assert isinstance(error, FileRefusedError)
    assert "would delete 15 of 20 entitlements" in str(error)
    assert (tmp_path / "drops" / "refused" / "rows.csv").exists()


def checker(**changed):
    return SailPointFileCheckOperator(**{"task_id": "check", "source_id": HR} | changed)


def test_a_check_alone_knows_what_the_file_is_for(tenant, tmp_path):
    file = str(FILED_ENTITLEMENTS.file(tmp_path))
    good = carried_out(lambda: checker(file=file, kind="entitlement_aggregation", object_type="group"))
    assert good["verdict"] == "passed"
    as_accounts = carried_out(lambda: checker(file=file, fail_if_refused=False))
    assert as_accounts["verdict"] == "refused"
    assert tenant.runs() == []


@pytest.mark.parametrize("kind", ["identity_refresh", "other"])
def test_a_check_of_what_takes_no_file_is_refused(kind):
    error = end_of(lambda: checker(file="x.csv", kind=kind))
    assert isinstance(error, InvalidInputError)
    assert "kind" in str(error)
