"""The file-drop example through a real scheduler and triggerer, deferred, against a simulated tenant."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.live.account_files import AccountFile
from tests.live.file_drop import DAG_ID, SOURCE_NAME, FileDrop, RunStory
from tests.live.leaks import leaks, log_texts

if TYPE_CHECKING:
    from pathlib import Path

# One worker runs all of these, because they share one Airflow.
pytestmark = pytest.mark.xdist_group("file_drop")

ACCOUNTS = 200


@pytest.fixture(scope="module")
def story(file_drop: FileDrop) -> RunStory:
    return file_drop.load(AccountFile.numbered(ACCOUNTS), "accounts.csv")


def test_the_result_tells_the_truth(story: RunStory, file_drop: FileDrop, folder: Path) -> None:
    (loaded,) = (folder / "drop" / "loaded").iterdir()
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
        "name": loaded.name,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert story.aggregation["aggregation_id"] == file_drop.api.xcom(story.run, "aggregate", "aggregation_id")


def test_the_aggregation_waited_in_the_triggerer(story: RunStory) -> None:
    states = story.states["aggregate"]
    assert "deferred" in states
    assert states[-1] == "success"


def test_the_tenant_saw_exactly_one_aggregation(story: RunStory, file_drop: FileDrop) -> None:
    (run,) = (run for run in file_drop.tenant.runs() if run["source_name"] == SOURCE_NAME)
    assert run["id"] == story.aggregation["aggregation_id"]


def test_no_secret_and_no_token_is_in_logs_or_xcoms(
    story: RunStory, file_drop: FileDrop, folder: Path
) -> None:
    texts = log_texts(folder)
    assert any(DAG_ID in path for path in texts), "the task logs were not found"
    texts["XComs"] = json.dumps(file_drop.api.xcom_entries(story.run))
    assert leaks(texts) == []
