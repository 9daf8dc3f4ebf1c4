"""The operator with a drop: checked, loaded once, filed away, whatever happens in between."""

import json
import shutil
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from sailpoint_provider.drops import filing
from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.drops.taking import take_drops
from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
    FileRefusedError,
    InvalidInputError,
    TenantUnavailableError,
)
from sailpoint_provider.files.check import FileCheck
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.isc.start.starter import Starter
from tests.unit.airflow_cases import HR, FakeStore, FakeTaskInstance, carried_out
from tests.unit.operators.turn_cases import counted, crash, crashed, operator

MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferrable"])
STORES = pytest.mark.parametrize("stored", [False, True], ids=["no store", "store"])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "drops"


@pytest.fixture
def drop(tenant, folder):
    """Return a function that drops a file of so many rows and takes it for the next run."""
    runs = iter(range(100))

    def dropped(rows=20, name="hr.csv", text=None):
        folder.mkdir(exist_ok=True)
        draft = folder / ".draft.part"
        draft.write_text(tenant.csv_text(rows) if text is None else text, encoding="utf-8")
        draft.rename(folder / name)
        rules = FolderRules(url=str(folder), source_id=HR, complete="renamed")
        (taken,) = take_drops(rules, Run("load", f"run {next(runs)}"), active=lambda _: True).drops
        return taken

    return dropped


def task_instance(*, stored):
    return FakeTaskInstance(store=FakeStore() if stored else None)


def visible(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and ".sailpoint" not in path.parts
    }


def the_one_in(folder, name):
    (path,) = (folder / name).rglob("*.csv")
    return path


@MODES
@STORES
def test_a_good_drop_is_loaded_and_filed(tenant, folder, drop, deferrable, stored):
    tenant.plan(HR)
    taken = drop()
    ti = task_instance(stored=stored)
    result = carried_out(lambda: operator(drop=taken, deferrable=deferrable), ti)
    assert (result["state"], result["accounts"]["scanned"], result["file"]["name"]) == (
        "succeeded",
        20,
        "hr.csv",
    )
    assert the_one_in(folder, "loaded").read_text(encoding="utf-8") == tenant.csv_text(20)
    assert ti.pushed["file_report"]["verdict"] == "passed"
    assert ti.pushed["file_report"]["sha256"] == result["file"]["sha256"]


@MODES
def test_a_file_that_would_delete_too_many_is_refused_filed_and_never_sent(tenant, folder, drop, deferrable):
    tenant.plan(HR)
    carried_out(lambda: operator(drop=drop(20)))
    short = drop(13, "short.csv")
    with pytest.raises(
        FileRefusedError, match=r"would delete 7 of 20 accounts \(35 %, limit 10 %\)"
    ) as caught:
        carried_out(lambda: operator(drop=short, deferrable=deferrable))
    assert isinstance(caught.value, AirflowFailException)
    assert "Nothing was sent" in str(caught.value)
    assert len(counted(tenant, HR)) == 1
    report = json.loads((folder / "refused" / "short.csv.report.json").read_text(encoding="utf-8"))
    assert report["leavers"]["count"] == 7
    assert "7" in (folder / "refused" / "short.csv.report.txt").read_text(encoding="utf-8")
    assert (folder / "refused" / "short.csv").read_text(encoding="utf-8") == tenant.csv_text(13)


def test_a_first_file_is_compared_with_the_number_of_accounts_in_isc(tenant, folder, drop):
    tenant.plan(HR)
    file = folder.parent / "first.csv"
    file.write_text(tenant.csv_text(20), encoding="utf-8")
    carried_out(lambda: operator(source_id=HR, file=file))
    with pytest.raises(FileRefusedError, match="20"):
        carried_out(lambda: operator(drop=drop(13)))
    assert len(counted(tenant, HR)) == 1


@pytest.mark.parametrize("approval", ["approval", "sha256"])
def test_an_approval_holds_for_exactly_that_content(tenant, folder, drop, approval):
    tenant.plan(HR)
    carried_out(lambda: operator(drop=drop(20)))
    with pytest.raises(FileRefusedError) as refused:
        carried_out(lambda: operator(drop=drop(13, "short.csv")))
    approved = refused.value.report[approval]
    with pytest.raises(FileRefusedError, match="The approval is for other content"):
        carried_out(lambda: operator(drop=drop(12, "shorter.csv"), approved=approved))
    tenant.plan(HR)
    result = carried_out(lambda: operator(drop=drop(13, "again.csv"), approved=approved))
    assert result["accounts"]["deleted"] == 7
    assert {Path(name).name for name in visible(folder) if name.startswith("loaded/")} == {
        "hr.csv",
        "again.csv",
    }


def test_an_approval_ends_when_another_file_is_loaded_in_between(tenant, drop):
    tenant.plan(HR)
    carried_out(lambda: operator(drop=drop(20)))
    with pytest.raises(FileRefusedError) as refused:
        carried_out(lambda: operator(drop=drop(13, "short.csv")))
    tenant.plan(HR)
    carried_out(lambda: operator(drop=drop(40, "other.csv")))
    with pytest.raises(FileRefusedError, match="another file has been loaded since"):
        carried_out(lambda: operator(drop=drop(13, "again.csv"), approved=refused.value.report["approval"]))


def test_a_person_cannot_approve_a_broken_file(tenant, drop):
    text = tenant.csv_text(3) + 'x,"y\n'
    with pytest.raises(FileRefusedError) as refused:
        carried_out(lambda: operator(drop=drop(text=text)))
    with pytest.raises(FileRefusedError, match="cannot approve"):
        carried_out(
            lambda: operator(drop=drop(text=text, name="b.csv"), approved=refused.value.report["sha256"])
        )
    assert counted(tenant, HR) == []


@pytest.mark.parametrize("approved", ["yes", "a" * 63, "{{ x }}"])
def test_a_malformed_approval_is_an_error(tenant, drop, approved):
    with pytest.raises(InvalidInputError, match="approved must be"):
        carried_out(lambda: operator(drop=drop(), approved=approved))
    assert counted(tenant, HR) == []


@MODES
def test_a_repeated_file_is_skipped_and_filed_as_duplicate(tenant, folder, drop, deferrable):
    tenant.plan(HR)
    carried_out(lambda: operator(drop=drop()))
    again = drop(name="hr again.csv")
    with pytest.raises(AirflowSkipException, match=r"hr\.csv"):
        carried_out(lambda: operator(drop=again, deferrable=deferrable))
    assert "duplicate/hr again.csv" in visible(folder)
    assert len(counted(tenant, HR)) == 1


def test_a_file_that_isc_refuses_is_filed_as_refused(tenant, folder, drop):
    with pytest.raises(FileRefusedError, match="Column"):
        carried_out(lambda: operator(drop=drop(text="no,such,header\n1,2,3\n"), check=False))
    assert visible(folder) == {"refused/hr.csv"}


@MODES
@STORES
def test_a_failed_aggregation_leaves_the_drop_undecided_for_a_retry(tenant, folder, drop, deferrable, stored):
    tenant.plan(HR, "error")
    taken = drop()
    ti = task_instance(stored=stored)
    with pytest.raises(Exception, match="failed"):
        carried_out(lambda: operator(drop=taken, deferrable=deferrable), ti)
    assert visible(folder) == set()
    tenant.plan(HR)
    result = carried_out(lambda: operator(drop=taken, deferrable=deferrable), ti.next_try())
    assert result["state"] == "succeeded"
    assert the_one_in(folder, "loaded").name == "hr.csv"


@MODES
@STORES
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_the_filing_loads_nothing_twice(
    tenant, folder, drop, monkeypatch, deferrable, stored, when
):
    tenant.plan(HR)
    taken = drop()
    make = lambda: operator(drop=taken, deferrable=deferrable)  # noqa: E731
    ti = task_instance(stored=stored)
    file_away = filing.file_away

    def interrupted(*arguments, **options):
        if when == "after":
            file_away(*arguments, **options)
        crash()

    monkeypatch.setattr(filing, "file_away", interrupted)
    crashed(make, ti)
    monkeypatch.setattr(filing, "file_away", file_away)
    result = carried_out(make, ti.next_try())
    assert result["state"] == "succeeded"
    assert the_one_in(folder, "loaded").name == "hr.csv"
    if stored or when == "after":
        assert [run["id"] for run in counted(tenant, HR)] == [result["aggregation_id"]]


def test_a_retry_after_a_refusal_that_was_filed_refuses_again(tenant, folder, drop):
    taken = drop(0)
    ti = FakeTaskInstance()
    with pytest.raises(FileRefusedError) as first:
        carried_out(lambda: operator(drop=taken), ti)
    with pytest.raises(FileRefusedError) as second:
        carried_out(lambda: operator(drop=taken), ti.next_try())
    assert str(second.value) == str(first.value)


def test_a_clear_of_a_decided_drop_says_how_to_load_it_again(tenant, folder, drop):
    tenant.plan(HR)
    taken = drop()
    ti = FakeTaskInstance(store=FakeStore())
    carried_out(lambda: operator(drop=taken), ti)
    with pytest.raises(InvalidInputError, match="put it back into the drop folder"):
        carried_out(lambda: operator(drop=taken), ti.cleared())
    assert len(counted(tenant, HR)) == 1


@pytest.mark.parametrize("other", [{"task_id": "another"}, {"task_id": "task", "map_index": 1}])
def test_a_second_task_does_not_pass_off_the_load_of_the_first_as_its_own(tenant, drop, other):
    """It may load into another tenant, which has received nothing."""
    tenant.plan(HR)
    taken = drop()
    carried_out(lambda: operator(drop=taken), FakeTaskInstance())
    second = FakeTaskInstance(task_id=other["task_id"])
    second.map_index = other.get("map_index", -1)
    with pytest.raises(InvalidInputError, match=r"Another task of this run has already filed hr\.csv"):
        carried_out(lambda: operator(drop=taken), second)
    assert len(counted(tenant, HR)) == 1


def test_a_drop_that_another_run_took_over_is_not_loaded(tenant, folder, drop):
    taken = drop()
    rules = FolderRules.from_json(taken["folder"])
    (theirs,) = take_drops(rules, Run("load", "a later run"), active=lambda _: False).drops
    with pytest.raises(InvalidInputError, match="taken over by run a later run"):
        carried_out(lambda: operator(drop=taken))
    tenant.plan(HR)
    assert carried_out(lambda: operator(drop=theirs))["state"] == "succeeded"
    assert len(counted(tenant, HR)) == 1


def test_what_was_checked_is_what_is_sent(tenant, folder, drop, monkeypatch):
    taken = drop()
    from sailpoint_provider.files.check import check

    right = check.check_file

    def replaced_after(file, *arguments, **options):
        report = right(file, *arguments, **options)
        path = Path(taken["file"])
        state = path.stat()
        path.write_text(path.read_text(encoding="utf-8").replace("1", "7"), encoding="utf-8")
        import os

        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        return report

    monkeypatch.setattr(check, "check_file", replaced_after)
    with pytest.raises(InvalidInputError, match="content differs"):
        carried_out(lambda: operator(drop=taken))
    assert counted(tenant, HR) == []


def test_a_file_is_checked_again_after_a_start_that_isc_refused(tenant, folder, drop, monkeypatch):
    """The load that was running has added accounts, which the file would delete."""
    tenant.plan(HR)
    carried_out(lambda: operator(drop=drop(20)))
    more = folder.parent / "more.csv"
    more.write_text(tenant.csv_text(40), encoding="utf-8")
    post = Starter._post

    def refused(*arguments):
        monkeypatch.setattr(Starter, "_post", post)
        tenant.plan(HR)
        carried_out(lambda: operator(source_id=HR, file=more))
        raise AggregationAlreadyRunningError("Another aggregation is running.")

    monkeypatch.setattr(Starter, "_post", refused)
    monkeypatch.setattr(reconcile, "RECONCILE_PAUSE", 0.01)
    ti = FakeTaskInstance()
    with pytest.raises(FileRefusedError, match="would delete 21 of 40 accounts"):
        carried_out(lambda: operator(drop=drop(19, "next.csv")), ti)
    assert len(counted(tenant, HR)) == 2
    assert ti.pushed["file_report"]["verdict"] == "refused"
    report = json.loads((folder / "refused" / "next.csv.report.json").read_text(encoding="utf-8"))
    assert report == ti.pushed["file_report"]


@pytest.mark.parametrize("scopes", [["idn:sources:read", "idn:sources:manage", "idn:task-management:read"]])
def test_without_the_scopes_the_report_names_them_and_strict_refuses(tenant, drop, scopes):
    tenant.client(scopes=scopes)
    tenant.plan(HR)
    ti = FakeTaskInstance()
    carried_out(lambda: operator(drop=drop(), check=FileCheck(key=key_of(tenant))), ti)
    assert "idn:accounts:read" in json.dumps(ti.pushed["file_report"])
    assert "idn:source-schema:read" in json.dumps(ti.pushed["file_report"])
    with pytest.raises(FileRefusedError, match="idn:"):
        carried_out(lambda: operator(drop=drop(21, "b.csv"), check={"strict": True, "key": key_of(tenant)}))


@pytest.mark.parametrize(
    ("lost", "refusal"),
    [
        (["last"], "would delete 7 of 20 accounts"),
        (
            ["last", "sources"],
            r"could delete any number of accounts: the last loaded file hr\.csv is no longer",
        ),
    ],
    ids=["the pointer", "all records"],
)
def test_the_limit_for_deletions_holds_although_records_were_lost(tenant, folder, drop, lost, refusal):
    tenant.client(scopes=["idn:sources:read", "idn:sources:manage", "idn:task-management:read"])
    tenant.plan(HR)
    check = FileCheck(key=key_of(tenant))
    carried_out(lambda: operator(drop=drop(20), check=check))
    for records in lost:
        shutil.rmtree(folder / ".sailpoint" / records)
    with pytest.raises(FileRefusedError, match=refusal):
        carried_out(lambda: operator(drop=drop(13, "short.csv"), check=check))
    assert len(counted(tenant, HR)) == 1


def key_of(tenant):
    (source,) = (source for source in tenant.control.sources() if source["id"] == HR)
    return source["identity_attribute"]


def test_a_tenant_that_cannot_be_asked_stops_the_check(tenant, drop):
    tenant.control.fault("answer", path="/accounts", status=503)
    with pytest.raises(TenantUnavailableError):
        carried_out(lambda: operator(drop=drop()))
    assert counted(tenant, HR) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source_id": HR}, "Set either drop or source_id"),
        ({"file": "/x.csv"}, "Set either drop or file"),
        ({"compare_with": "/x.csv"}, "Set either drop or compare_with"),
        ({"wait_for_completion": False}, "wait_for_completion=True"),
        ({"if_running": "adopt"}, "adopt"),
        ({"check": "yes"}, "check must be"),
        ({"check": {"max_deletion": 3}}, "no setting max_deletion"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_when_the_dag_is_read(changed, message):
    with pytest.raises(InvalidInputError, match=message):
        operator(drop={"version": 1}, **changed)


@pytest.mark.parametrize(
    "drop", ["x", {}, {"version": 2}, {"version": 1, "name": "x"}], ids=["text", "nothing", "other", "lacks"]
)
def test_what_is_no_drop_is_refused(tenant, drop):
    with pytest.raises(InvalidInputError, match="drop"):
        carried_out(lambda: operator(drop=drop))
