"""The other example DAGs run as they stand, through a real scheduler and triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.account_files import AccountFile
from tests.live.file_drop import APPROVAL_DAG_ID, APPROVAL_SOURCE_NAME, UPLOADS_DAG_ID

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop

# One worker runs all of these, because they share one Airflow.


def source_names(file_drop: FileDrop, before: int) -> list[str]:
    """Return the sources of the aggregations that the tenant was asked for since ``before`` of them."""
    return [run["source_name"] for run in file_drop.tenant.runs()[before:]]


def test_a_sensor_waits_for_what_an_operator_started(file_drop: FileDrop) -> None:
    before = len(file_drop.tenant.runs())
    # On a busy machine the sensor might begin after the usual end.
    (source,) = (one for one in file_drop.control.sources() if one["name"] == "Directory")
    file_drop.control.next_run(source["id"], collect_seconds=3600.0)
    run, states = file_drop.run_once("example_sailpoint_direct_source", last_wait="wait")
    assert "deferred" not in states["start"]
    assert "deferred" in states["wait"]
    assert file_drop.api.xcom(run, "start")["state"] == "running"
    result = file_drop.api.xcom(run, "wait")
    assert result["state"] == "succeeded"
    assert result["accounts"]["created"] == 250
    assert result["aggregation_id"] == file_drop.api.xcom(run, "start", "aggregation_id")
    assert source_names(file_drop, before) == ["Directory"]


def test_sources_run_one_after_the_other(file_drop: FileDrop) -> None:
    before = len(file_drop.tenant.runs())
    run, _ = file_drop.run_once("example_sailpoint_sources_in_order")
    first, second = (file_drop.api.xcom(run, task_id) for task_id in ("aggregate_1", "aggregate_2"))
    assert first["completed"] <= second["started"]
    assert source_names(file_drop, before) == ["Directory", "Mainframe via Virtual Appliance"]


def test_entitlements_and_identities_follow_the_accounts(file_drop: FileDrop) -> None:
    run, _ = file_drop.run_once("example_sailpoint_accounts_entitlements_refresh")
    checked = file_drop.api.xcom(run, "check")
    accounts, entitlements, refreshed = (
        file_drop.api.xcom(run, task_id) for task_id in ("accounts", "entitlements", "refresh")
    )
    assert [one["verdict"] for one in checked] == ["ready"]
    assert accounts["completed"] <= entitlements["started"]
    assert entitlements["completed"] <= refreshed["parts"][0]["started"]
    assert (entitlements["state"], refreshed["state"]) == ("succeeded", "succeeded")
    assert entitlements["entitlements"]["scanned"] == 25
    assert refreshed["identities"] == 2


def test_mapped_sources_run_side_by_side(file_drop: FileDrop) -> None:
    before = len(file_drop.tenant.runs())
    run, _ = file_drop.run_once("example_sailpoint_sources_in_pool")
    results = [file_drop.api.xcom(run, "aggregate", map_index=index) for index in (0, 1)]
    assert [result["state"] for result in results] == ["succeeded", "succeeded"]
    assert sorted(source_names(file_drop, before)) == ["Directory", "Mainframe via Virtual Appliance"]


def test_a_person_decides_about_a_refused_file_and_about_no_other(file_drop: FileDrop) -> None:
    """One test, because each file is compared with the one before."""
    watched = file_drop.watched(APPROVAL_DAG_ID)

    def tenant_state() -> tuple[int, int]:
        sent = [run for run in file_drop.tenant.runs() if run["source_name"] == APPROVAL_SOURCE_NAME]
        return len(sent), file_drop.tenant.accounts_held(APPROVAL_SOURCE_NAME)

    good = file_drop.drop(AccountFile.numbered(90), "good.csv", APPROVAL_DAG_ID)
    file_drop.follow_to_end(good)
    assert (good.state("load"), good.state("approve")) == ("success", "skipped")
    assert tenant_state() == (1, 90)

    short = AccountFile.numbered(60)
    rejected = file_drop.drop(short, "rejected.csv", APPROVAL_DAG_ID)
    question = file_drop.question(rejected, "approve")
    assert tenant_state() == (1, 90)
    file_drop.answer(rejected, question, "Reject")
    file_drop.follow_to_end(rejected)
    assert [rejected.state(one) for one in ("load", "load_approved", "reject")] == [
        "skipped",
        "skipped",
        "success",
    ]
    assert tenant_state() == (1, 90)
    assert (watched / "refused" / "rejected.csv").exists()
    assert "Nobody approved" in (watched / "refused" / "rejected.csv.report.txt").read_text(encoding="utf-8")

    approved = file_drop.drop(short, "approved.csv", APPROVAL_DAG_ID)
    question = file_drop.question(approved, "approve")
    file_drop.answer(approved, question, "Approve")
    run = file_drop.follow_to_end(approved)
    assert file_drop.api.xcom(run, "load_approved")["accounts"]["deleted"] == 30
    assert (approved.state("load"), approved.state("reject")) == ("skipped", "skipped")
    assert tenant_state() == (2, 60)
    assert len(list((watched / "loaded").rglob("approved.csv"))) == 1


def test_a_bad_file_fails_the_run_but_not_the_other_source(file_drop: FileDrop) -> None:
    tenant, watched = file_drop.tenant, file_drop.watched(UPLOADS_DAG_ID)
    for source_name, header in {
        "Uploads North": ["wrong", *file_drop.header[1:]],
        "Uploads South": file_drop.header,
    }.items():
        tenant.create_source(source_name, file_drop.header)
        AccountFile.numbered(20).drop(watched, f"{tenant.source_id(source_name)} - hr.csv", header)

    def is_over() -> bool:
        filed = [*(watched / "refused").glob("*.csv"), *(watched / "loaded").rglob("*.csv")]
        return len(filed) == 2 and all(run.ended for run in file_drop.api.dag_runs(UPLOADS_DAG_ID))

    file_drop.wait_for(is_over, "both files to be filed")
    assert (tenant.accounts_held("Uploads North"), tenant.accounts_held("Uploads South")) == (0, 20)
    assert [path.name for path in (watched / "loaded").rglob("*.csv")] == [
        f"{tenant.source_id('Uploads South')} - hr.csv"
    ]
    # Both files may be in one run, or each in its own; a run without files is skipped and succeeds.
    assert "failed" in {run.state for run in file_drop.api.dag_runs(UPLOADS_DAG_ID)}
