"""The example DAG that loads files of many sources from one folder, on a real scheduler and triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.account_files import AccountFile
from tests.live.file_drop import UPLOADS_DAG_ID

if TYPE_CHECKING:
    from tests.live.file_drop import FileDrop


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
