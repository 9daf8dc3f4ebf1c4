"""A drop whose deletions ISC has skipped, because they exceeded the source's delete threshold."""

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from sailpoint_provider.drops.journal import Run
from sailpoint_provider.drops.rules import FolderRules
from sailpoint_provider.drops.taking import take_drops
from tests.unit.airflow_cases import FakeTaskInstance, carried_out
from tests.unit.operators.turn_cases import counted, operator

HEADER = ["id", "name"]


@pytest.fixture
def drop(tenant, tmp_path):
    """Return a function that drops a file of so many rows, and takes it for the next run."""
    runs = iter(range(100))

    def dropped(source_id, rows):
        draft = tmp_path / ".draft.part"
        draft.write_text("id,name\n" + "".join(f"{row},x\n" for row in range(rows)), encoding="utf-8")
        draft.rename(tmp_path / "hr.csv")
        rules = FolderRules(url=str(tmp_path), source_id=source_id, complete="renamed")
        (taken,) = take_drops(rules, Run("load", f"run {next(runs)}"), active=lambda _: True).drops
        return taken

    return dropped


@pytest.mark.parametrize("threshold", [0, 10])
def test_the_same_bytes_are_loaded_again_only_if_isc_skipped_their_deletions(tenant, drop, threshold):
    source = tenant.control.create_source("Skips", header=HEADER, delete_threshold=threshold)["id"]

    def load(rows):
        tenant.plan(source)
        ti = FakeTaskInstance()
        carried_out(lambda: operator(drop=drop(source, rows), check={"max_deletions": None}), ti)
        return ti

    load(20)
    load(10)
    assert tenant.control.accounts(source)["total"] == (20 if threshold else 10)
    if threshold:
        assert load(10).pushed["file_report"]["verdict"] == "passed"
        assert len(counted(tenant, source)) == 3
    else:
        with pytest.raises(AirflowSkipException, match="same bytes"):
            load(10)
        assert len(counted(tenant, source)) == 2
