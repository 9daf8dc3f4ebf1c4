"""The file-drop example: files start runs through a real scheduler, and are loaded or refused."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from tests.live.account_files import AccountFile
from tests.live.conftest import ACCOUNTS
from tests.live.file_drop import DAG_ID, SOURCE_NAME, FileDrop, RunStory
from tests.live.leaks import leaks, log_texts

if TYPE_CHECKING:
    from pathlib import Path

# One worker runs all of these, because they share one Airflow.


def test_the_result_shows_the_truth(story: RunStory, file_drop: FileDrop, folder: Path) -> None:
    (loaded,) = (folder / "drop" / "loaded").rglob("*.csv")
    content = loaded.read_bytes()
    assert story.aggregation["source_name"] == SOURCE_NAME
    assert story.aggregation["state"] == "succeeded"
    assert story.aggregation["completion_status"] == "SUCCESS"
    assert story.aggregation["accounts"] == {
        "scanned": ACCOUNTS,
        "created": ACCOUNTS,
        "updated": 0,
        "deleted": 0,
        "unchanged": 0,
        "ignored": 0,
        "to_process": ACCOUNTS,
        "processed": ACCOUNTS,
        "marked_for_deletion": 0,
    }
    assert story.aggregation["file"] == {
        "name": "accounts.csv",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": ACCOUNTS,
    }
    assert story.aggregation["aggregation_id"] == file_drop.api.xcom(
        story.run, "load", "aggregation_id", map_index=0
    )


def test_the_aggregation_waited_in_the_triggerer(story: RunStory) -> None:
    states = story.states["load[0]"]
    assert "deferred" in states
    assert states[-1] == "success"


def test_the_tenant_saw_exactly_one_aggregation(story: RunStory, file_drop: FileDrop) -> None:
    (run,) = (run for run in file_drop.tenant.runs() if run["source_name"] == SOURCE_NAME)
    assert run["id"] == story.aggregation["aggregation_id"]


def test_a_file_that_lacks_a_third_of_its_rows_is_refused_and_never_sent(
    story: RunStory, file_drop: FileDrop, folder: Path
) -> None:
    before = len(file_drop.tenant.runs())
    follower = file_drop.drop(AccountFile.numbered(ACCOUNTS - ACCOUNTS // 3), "short.csv")
    run = file_drop.follow_to_end(follower, expected="failed")
    report = file_drop.api.xcom(run, "load", "file_report", map_index=0)
    assert report["verdict"] == "refused"
    assert report["leavers"]["count"] == ACCOUNTS // 3
    filed = {path.name for path in (folder / "drop" / "refused").glob("short.csv*")}
    assert filed == {"short.csv", "short.csv.report.json", "short.csv.report.txt"}
    assert len(file_drop.tenant.runs()) == before
    assert file_drop.tenant.accounts_held(SOURCE_NAME) == ACCOUNTS


def test_no_secret_and_no_token_is_in_logs_or_xcoms(
    story: RunStory, file_drop: FileDrop, folder: Path
) -> None:
    texts = log_texts(folder)
    assert any(DAG_ID in path for path in texts), "the task logs were not found"
    texts["XComs"] = json.dumps(file_drop.api.xcom_entries(story.run))
    assert leaks(texts) == []
