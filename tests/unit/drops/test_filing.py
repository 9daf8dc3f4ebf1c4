"""Decided drops are filed away: never deleted, never overwritten, and the last good one stays findable."""

from __future__ import annotations

import json
import os

import pytest

from sailpoint_provider.drops import filing, last_load
from sailpoint_provider.drops.last_load import last_loaded
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.locate import file_source
from tests.unit.drops.drop_cases import CONTRACTORS, HR, NOW, names


def taken(folder, run="run 1", content="id\n1\n", name="hr.csv"):
    folder.drop(name, content)
    (drop,) = folder.take(run).drops
    return drop


def test_a_loaded_file_is_filed_by_date(folder):
    location = folder.file(taken(folder))
    assert location == f"{folder.url}/loaded/2026-11-25/hr.csv"
    assert folder.files() == {"loaded/2026-11-25/hr.csv": b"id\n1\n"}


def test_a_refused_file_has_its_report_beside_it(every_folder):
    report = {"verdict": "refused", "sentence": "Zoë would go."}
    location = every_folder.file(taken(every_folder), "refused", report=report, report_text="Zoë would go.\n")
    assert location == f"{every_folder.url}/refused/hr.csv"
    files = every_folder.files()
    assert json.loads(files["refused/hr.csv.report.json"]) == report
    assert files["refused/hr.csv.report.txt"].decode() == "Zoë would go.\n"


def test_a_repeated_file_is_filed_as_duplicate(folder):
    assert folder.file(taken(folder), "duplicate") == f"{folder.url}/duplicate/hr.csv"
    assert last_loaded(taken(folder, "run 2"), HR) is None


def test_a_name_that_is_in_use_gets_a_suffix(folder):
    for run in ("1", "2", "3"):
        folder.file(taken(folder, run, run), "refused", report={}, report_text=run)
    assert {name: content for name, content in folder.files().items() if name.endswith(".csv")} == {
        "refused/hr.csv": b"1",
        "refused/hr (2).csv": b"2",
        "refused/hr (3).csv": b"3",
    }
    assert folder.files()["refused/hr (2).csv.report.txt"] == b"2"


def test_a_name_of_a_folder_is_in_use_too(local_folder):
    local_folder.drop("refused/hr.csv/notes.txt")
    assert local_folder.file(taken(local_folder), "refused").endswith("/refused/hr (2).csv")


@pytest.mark.parametrize("length", [244, 249, 255])
def test_a_file_with_a_very_long_name_is_filed_with_all_that_belongs_to_it(local_folder, length):
    name = "n" * (length - 4) + ".csv"
    companion = name + (".ok" if length < 250 else "")
    for run in ("1", "2"):
        drop = taken_with(local_folder, name, companion, run)
        local_folder.file(drop, "refused", report={}, report_text=run)
    filed = local_folder.files()
    assert sorted(one for one in filed if one.endswith(".csv")) == [
        f"refused/{'n' * 235} (2).csv",
        f"refused/{'n' * 239}.csv",
    ]
    assert len(filed) == (8 if length < 250 else 6)


def taken_with(folder, name, companion, run):
    """Take a file and, if its name is shorter than the longest, its companion."""
    folder.drop(name, run)
    if companion != name:
        folder.drop(companion, "")
    rules = folder.rules(complete="companion" if companion != name else "renamed")
    (drop,) = folder.take(run, rules).drops
    return drop


def test_a_repetition_returns_the_same_place_and_changes_nothing(every_folder):
    drop = taken(every_folder)
    location = every_folder.file(drop)
    before = every_folder.files(hidden=True)
    assert every_folder.file(drop, "refused", now=NOW + 86400) == location
    assert every_folder.files(hidden=True) == before


def test_a_late_repetition_does_not_set_the_last_file_back(folder):
    first = taken(folder, "run 1", "1")
    folder.file(first)
    second = taken(folder, "run 2", "2")
    location = folder.file(second, now=NOW + 1)
    folder.file(first)
    assert last_loaded(second, HR)[0] == location


@pytest.mark.parametrize("stalls", ["before its last look", "before its writing"])
def test_a_process_that_stalls_while_filing_does_not_set_the_last_file_back(folder, monkeypatch, stalls):
    first, later = taken(folder, "run 1", "1"), []

    def overtaken(step):
        def stepped(*arguments):
            monkeypatch.undo()
            folder.file(first)
            later.append(folder.file(taken(folder, "run 2", "2"), now=NOW + 1))
            return step(*arguments)

        return stepped

    stalled = "remember" if stalls == "before its last look" else "_remembered"
    module = filing if stalled == "remember" else last_load
    monkeypatch.setattr(module, stalled, overtaken(getattr(module, stalled)))
    folder.file(first)
    folder.file(taken(folder, "run 3", "3"), "refused")
    assert last_loaded(first, HR)[0] == later[0]


def test_the_last_loaded_file_of_each_source_is_findable(every_folder):
    drop = taken(every_folder)
    assert last_loaded(drop, HR) is None
    location = every_folder.file(drop, record={"sha256": "e" * 64, "aggregation_id": "b" * 32, "accounts": 7})
    found, record = last_loaded(drop, HR)
    assert found == location
    assert (
        record.items()
        >= {
            "name": "hr.csv",
            "sha256": "e" * 64,
            "aggregation_id": "b" * 32,
            "accounts": 7,
            "location": location,
            "loaded_at": NOW,
            "dropped_at": drop["dropped_at"],
        }.items()
    )
    assert last_loaded(drop, CONTRACTORS) is None
    every_folder.file(taken(every_folder, "run 2"), "refused")
    assert last_loaded(drop, HR)[0] == location


def test_of_a_last_file_that_somebody_moved_the_record_remains(folder):
    drop = taken(folder)
    folder.file(drop)
    if folder.fs is None:
        import shutil

        shutil.rmtree(f"{folder.url}/loaded")
    else:
        folder.fs.rm_file(f"{folder.root}/loaded/2026-11-25/hr.csv")
    found, record = last_loaded(drop, HR)
    assert found is None
    assert record["sha256"] == "5" * 64


@pytest.mark.parametrize("journal", ["kept", "shortened"])
def test_the_last_file_is_found_where_the_folder_is_now(local_folder, tmp_path, journal):
    local_folder.file(taken(local_folder))
    if journal == "shortened":
        local_folder.remove_folder(".sailpoint/sources")
    moved = tmp_path / "moved"
    os.rename(local_folder.url, moved)
    local_folder.url = str(moved)
    location, record = last_loaded(taken(local_folder, "run 2"), HR)
    assert location == record["location"] == f"{moved}/loaded/2026-11-25/hr.csv"
    assert local_folder.read(location) == b"id\n1\n"


def test_a_drop_that_is_not_taken_cannot_be_filed(folder):
    drop = taken(folder)
    folder.file(drop)
    with pytest.raises(InvalidInputError, match=r"Run run 1 does not hold .* any more"):
        folder.file(drop | {"claim": 999})
    with pytest.raises(InvalidInputError, match="does not say which folder"):
        folder.file({"name": "x"})


@pytest.mark.parametrize("outcome", ["loaded", "refused", "duplicate"])
def test_a_run_that_was_overtaken_files_nothing_that_the_next_run_has(folder, outcome):
    drop = taken(folder)
    (overtaken,) = folder.take("run 2").drops
    before = folder.files(hidden=True)
    with pytest.raises(InvalidInputError, match="was taken over by run run 2 of DAG load"):
        folder.file(drop, outcome)
    assert folder.files(hidden=True) == before
    location = folder.file(overtaken)
    assert folder.file(drop, outcome) == location


def test_a_taken_file_that_somebody_deleted_does_not_block_its_source(folder):
    drop = taken(folder)
    if folder.fs is None:
        import os

        os.unlink(drop["file"])
    else:
        folder.fs.rm_file(f"{folder.root}/{drop['file'].removeprefix(folder.url + '/')}")
    folder.file(drop)
    folder.drop("next.csv")
    assert names(folder.take("run 2")) == ["next.csv"]


def test_a_long_row_of_drops_leaves_few_records(folder):
    for number in range(18 if folder.fs is None else 4):
        folder.file(taken(folder, f"run {number}", str(number)))
    hidden = [name for name in folder.files(hidden=True) if name.startswith(".sailpoint/")]
    assert len([name for name in hidden if "/sources/" in name]) <= 40
    assert not [name for name in hidden if "/taken/" in name or "/open/" in name]


def test_the_answer_to_a_name_taken_meanwhile_is_another_name(local_folder, monkeypatch):
    from sailpoint_provider.drops.local import LocalPlace

    drop, move = taken(local_folder), LocalPlace.move

    def occupied_first(place, name, target):
        monkeypatch.undo()
        local_folder.drop("loaded/2026-11-25/hr.csv", "somebody's")
        return move(place, name, target)

    monkeypatch.setattr(LocalPlace, "move", occupied_first)
    assert local_folder.file(drop).endswith("/hr (2).csv")
    assert local_folder.files()["loaded/2026-11-25/hr.csv"] == b"somebody's"


@pytest.mark.parametrize("name", ["hr::x.csv", "hr?v=2.csv", "a#b.csv", "p%2Fq.csv", "sub?/x::y.csv"])
def test_the_last_file_can_be_opened_whatever_it_was_called(every_folder, name):
    """In a URL, some characters of its name would mean something else."""
    rules = every_folder.rules(recursive=True)
    every_folder.drop(name, "id\n7\n")
    (drop,) = every_folder.take("run 1", rules).drops
    every_folder.file(drop)
    every_folder.drop("next.csv")
    (following,) = every_folder.take("run 2", rules).drops
    location, record = last_loaded(following, HR)
    assert record["name"] == name
    with file_source(location).open() as stream:
        assert stream.read() == b"id\n7\n"
