"""Records that somebody deleted never make the next file look like the first one of its source."""

from __future__ import annotations

import pytest

from sailpoint_provider.drops.last_load import last_loaded
from sailpoint_provider.drops.place import FolderUnavailableError
from tests.unit.drops.drop_cases import CONTRACTORS, HR, NOW


def loaded(folder, run="run 1", content="id\n1\n", name="hr.csv", rules=None, **options):
    folder.drop(name, content)
    (drop,) = folder.take(run, rules).drops
    return drop, folder.file(drop, **options)


def delete(folder, prefix):
    """Delete what a lifecycle rule for this prefix deletes."""
    for name in folder.files(hidden=True):
        if name.startswith(prefix):
            folder.remove(name)


def next_drop(folder, run="run 2", name="hr.csv", rules=None):
    folder.drop(name, "id\n")
    return next(drop for drop in folder.take(run, rules).drops if drop["name"] == name)


@pytest.mark.parametrize("name", ["loaded", ".loaded"])
def test_a_folder_with_loaded_files_and_no_records_is_unavailable(every_folder, name):
    rules = every_folder.rules(loaded=name)
    loaded(every_folder, rules=rules)
    delete(every_folder, ".sailpoint/")
    every_folder.drop("hr.csv", "id\n")
    every_folder.remove_folder(".sailpoint")
    before = every_folder.files(hidden=True)
    with pytest.raises(
        FolderUnavailableError, match=rf"Restore \.sailpoint, or move {name} away to start over"
    ):
        every_folder.take("run 2", rules)
    assert every_folder.files(hidden=True) == before


def test_a_folder_whose_subfolder_for_loaded_files_is_empty_can_be_used_for_the_first_time(local_folder):
    local_folder.drop("hr.csv")
    local_folder.make_folder("loaded")
    (drop,) = local_folder.take().drops
    assert last_loaded(drop, HR) is None


def test_a_lost_record_of_the_last_file_is_recovered_from_the_journal(every_folder):
    loaded(every_folder, "run 0", "id\n0\n")
    record = {"sha256": "e" * 64, "aggregation_id": "b" * 32, "accounts": 7}
    _, location = loaded(every_folder, "run 1", record=record, now=NOW + 1)
    loaded(every_folder, "run 1b", outcome="refused")
    drop = next_drop(every_folder)
    before = last_loaded(drop, HR)
    delete(every_folder, ".sailpoint/last/")
    assert last_loaded(drop, HR) == before
    assert before[0] == location
    assert before[1].items() >= record.items()


def test_loaded_files_without_any_record_show_that_there_was_a_load(every_folder):
    _, location = loaded(every_folder)
    delete(every_folder, ".sailpoint/last/")
    delete(every_folder, ".sailpoint/sources/")
    found, record = last_loaded(next_drop(every_folder), HR)
    assert found is None
    assert record.items() >= {"name": "hr.csv", "location": location, "dropped_at": None}.items()
    assert len(record["sha256"]) == 64
    assert isinstance(record["loaded_at"], float)


def test_loaded_files_show_nothing_about_another_source(folder):
    rules = folder.rules(sources={"hr*": "HR", "co*": "Contractors"})
    loaded(folder, rules=rules)
    delete(folder, ".sailpoint/last/")
    assert last_loaded(next_drop(folder, "run 2", "contractors.csv", rules), CONTRACTORS) is None
    assert last_loaded(next_drop(folder, "run 3", "hr.csv", rules), CONTRACTORS) is None


def test_a_record_that_is_lost_with_its_file_is_still_a_load(folder):
    loaded(folder)
    drop = next_drop(folder)
    delete(folder, ".sailpoint/last/")
    delete(folder, "loaded/")
    found, record = last_loaded(drop, HR)
    assert found is None
    assert record["sha256"] == "5" * 64


@pytest.mark.parametrize("content", ["", "{", "[]", '{"filed_as": 3}'])
@pytest.mark.parametrize("what_is_left", ["journal", "loaded files", "nothing"])
def test_a_damaged_pointer_never_hides_that_there_was_a_load(local_folder, content, what_is_left):
    loaded(local_folder)
    (pointer,) = [name for name in local_folder.files(hidden=True) if name.startswith(".sailpoint/last/")]
    local_folder.drop(pointer, content)
    if what_is_left != "journal":
        delete(local_folder, ".sailpoint/sources/")
    if what_is_left == "nothing":
        delete(local_folder, "loaded/")
    found, record = last_loaded(next_drop(local_folder), HR)
    assert (found is not None) is (what_is_left == "journal")
    assert record["name"] == ("an unknown file" if what_is_left == "nothing" else "hr.csv")
    assert len(record["sha256"]) == 64
