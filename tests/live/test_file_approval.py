"""The example DAG in which a person decides about refused files, on a real scheduler and triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.account_files import AccountFile
from tests.live.file_drop import APPROVAL_DAG_ID, APPROVAL_SOURCE_NAME

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop


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
