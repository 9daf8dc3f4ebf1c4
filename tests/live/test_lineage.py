"""What OpenLineage gets of deferrable loads on a real Airflow, through its file transport."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.account_files import AccountFile
from tests.live.conftest import ACCOUNTS
from tests.live.file_drop import SOURCE_NAME, FileDrop, RunStory
from tests.live.leaks import leaks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.lineage_events import LineageEvents

pytest.importorskip(
    "airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed"
)

# One worker runs all of these, because they share one Airflow.


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["eventType"] for event in events]


def test_a_deferred_load_is_an_edge_from_its_file_to_its_source(
    story: RunStory, file_drop: FileDrop, folder: Path, lineage_events: LineageEvents
) -> None:
    events = lineage_events.of(story.run, "load")
    # A deferrable task begins twice: on the worker that starts, and on the one that resumes.
    assert kinds(events) == ["START", "START", "COMPLETE"]
    assert len({event["run"]["runId"] for event in events}) == 1

    for event in events:
        (file,) = event["inputs"]
        assert (file["namespace"], file["name"]) == ("file", str(folder / "drop" / "accounts.csv"))
    assert [event["outputs"] for event in events[:2]] == [[], []]

    (loaded,) = (folder / "drop" / "loaded").rglob("accounts.csv")
    digest = hashlib.sha256(loaded.read_bytes()).hexdigest()
    assert [field["name"] for field in file["facets"]["schema"]["fields"]] == file_drop.header
    assert file["facets"]["version"]["datasetVersion"] == f"sha256:{digest}"
    statistics = file["inputFacets"]["inputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (ACCOUNTS, loaded.stat().st_size)

    (source,) = events[-1]["outputs"]
    host = file_drop.tenant.url.removeprefix("http://")
    source_id = file_drop.tenant.source_id(SOURCE_NAME)
    assert (source["namespace"], source["name"]) == (f"sailpoint://{host}", f"sources/{source_id}")
    assert source["outputFacets"]["outputStatistics"]["rowCount"] == ACCOUNTS
    assert source["outputFacets"]["sailPoint_accounts"]["created"] == ACCOUNTS
    load = events[-1]["run"]["facets"]["sailPoint_load"]
    assert (load["aggregationId"], load["state"]) == (story.aggregation["aggregation_id"], "succeeded")


def test_a_refused_file_is_a_failure_without_an_aggregation(
    story: RunStory, file_drop: FileDrop, lineage_events: LineageEvents
) -> None:
    follower = file_drop.drop(AccountFile.numbered(ACCOUNTS // 2), "half.csv")
    run = file_drop.follow_to_end(follower, expected="failed")
    events = lineage_events.of(run, "load")
    assert kinds(events) == ["START", "FAIL"]
    facets = events[-1]["run"]["facets"]
    assert facets["sailPoint_load"]["errorType"] == "FileRefusedError"
    assert "aggregationId" not in facets["sailPoint_load"]
    assert "would delete 100 of 200 accounts" in facets["errorMessage"]["message"]
    (file,) = events[-1]["inputs"]
    assert file["inputFacets"]["inputStatistics"]["rowCount"] == ACCOUNTS // 2
    assert leaks({"events": json.dumps(events)}) == []
