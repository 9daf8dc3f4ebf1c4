"""How a run takes its drops: one of each source, the oldest, and never past one that is not decided."""

from __future__ import annotations

import json
import time

import pytest

from sailpoint_provider.drops.entries import Entry, in_order
from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.files.locate import find_csv
from tests.unit.drops.drop_cases import CONTRACTORS, HR, names


def test_the_oldest_drop_is_taken_and_moved_aside(every_folder):
    every_folder.drop("b.csv", "old", age=100)
    every_folder.drop("c.csv", "new")
    (drop,) = every_folder.take().drops
    assert (drop["name"], drop["source_name"], drop["run_id"]) == ("b.csv", "HR", "run 1")
    assert drop["size_bytes"] == 3
    assert "b.csv" not in every_folder.files()
    assert every_folder.read(drop["file"]) == b"old"
    assert json.loads(json.dumps(drop)) == drop


def test_a_repetition_returns_the_same_drop(folder):
    folder.drop("a.csv")
    first = folder.take()
    folder.drop("b.csv")
    assert folder.take().drops == first.drops


def test_another_run_gets_nothing_of_a_source_while_its_drop_is_undecided(folder):
    folder.active = {"run 1"}
    folder.drop("a.csv")
    folder.take("run 1")
    folder.drop("b.csv")
    takings = folder.take("run 2")
    assert takings.drops == []
    assert takings.left == ["Source 'HR' waits until run run 1 of DAG load has filed a.csv."]
    assert "b.csv" in folder.files()


def test_a_run_that_is_over_leaves_its_drop_to_the_next_before_newer_ones(every_folder):
    every_folder.drop("a.csv", "older")
    first = every_folder.take("run 1").drops
    every_folder.drop("b.csv", "newer")
    (drop,) = every_folder.take("run 2").drops
    assert (drop["name"], drop["run_id"]) == ("a.csv", "run 2")
    assert (drop["file"], drop["claim"]) == (first[0]["file"], first[0]["claim"])


def test_an_unknown_state_of_the_other_run_leaves_its_drop_alone(folder):
    from sailpoint_provider.drops.journal import Run
    from sailpoint_provider.drops.taking import take_drops

    folder.drop("a.csv")
    folder.take("run 1")
    assert take_drops(folder.rules(), Run("load", "run 2")).drops == []


def test_a_run_has_one_file_of_each_source_and_sources_do_not_hold_up_each_other(folder):
    rules = folder.rules(source_id_in_name=True)
    for source in (HR, CONTRACTORS):
        folder.drop(f"{source} - 1.csv", "1", age=10)
        folder.drop(f"{source} - 2.csv", "2")
    taken = folder.take("run 1", rules).drops
    assert {drop["source_id"] for drop in taken} == {HR, CONTRACTORS}
    assert len(taken) == 2
    hr = next(drop for drop in taken if drop["source_id"] == HR)
    folder.file(hr)
    assert len(folder.take("run 1", rules).drops) == 1
    folder.active = {"run 1"}
    assert [drop["source_id"] for drop in folder.take("run 2", rules).drops] == [HR]


def test_a_limit_prefers_what_the_run_has_already(folder):
    rules = folder.rules(sources={"hr*": HR, "co*": CONTRACTORS})
    folder.drop("hr.csv")
    first = folder.take("run 1", rules, limit=1).drops
    folder.drop("contractors.csv", age=1000)
    assert folder.take("run 1", rules, limit=1).drops == first


def test_files_that_are_no_drops_are_left_alone(folder):
    for name in (".hidden.csv", "a.csv.part", "b.tmp", "c.csv~", "notes.txt", "d.csv.done"):
        folder.drop(name)
    folder.drop("empty.csv", "")
    before = folder.files()
    takings = folder.take()
    assert takings.drops == []
    assert takings.left == ["empty.csv is empty."]
    assert folder.files() == before


def test_files_of_nobody_are_left_with_the_reason(folder):
    folder.drop("12345-hr.csv")
    takings = folder.take(rules=folder.rules(source_id_in_name=True))
    assert takings.drops == []
    assert "old numeric source ID" in takings.left[0]


@pytest.mark.parametrize(
    "whose", [{"source_name": "HR"}, {"sources": {"*": "HR"}}, {"source_id_in_name": True}]
)
def test_a_file_whose_name_is_not_utf8_is_left_with_the_reason(local_folder, whose):
    name = f"{HR} - \udcdcber.csv"
    local_folder.drop(name)
    takings = local_folder.take(rules=local_folder.rules(**whose))
    assert takings.drops == []
    (reason,) = takings.left
    assert rf"{HR} - \udcdcber.csv is not valid UTF-8" in reason
    assert set(local_folder.files()) == {name}


def test_subfolders_count_only_if_asked_for_and_filed_files_never(every_folder):
    every_folder.drop("emea/hr.csv", "sub")
    every_folder.drop(".sailpoint/README.txt")
    every_folder.drop("loaded/2026-01-01/old.csv")
    every_folder.drop("refused/bad.csv")
    assert every_folder.take("run 1").drops == []
    (drop,) = every_folder.take("run 2", every_folder.rules(recursive=True)).drops
    assert drop["name"] == "emea/hr.csv"
    assert every_folder.file(drop).endswith("/loaded/2026-11-25/emea/hr.csv")


def test_an_empty_folder_that_was_never_used_is_no_folder_without_files(every_folder):
    with pytest.raises(FolderUnavailableError, match=r"create \.sailpoint in it") as failure:
        every_folder.take()
    assert not failure.value.final
    assert every_folder.files(hidden=True) == {}


def test_a_folder_that_was_used_may_be_empty(folder):
    folder.drop("a.csv")
    folder.file(folder.take("run 1").drops[0])
    takings = folder.take("run 2")
    assert (takings.drops, takings.left) == ([], [])


def test_a_new_drop_of_the_same_name_is_a_drop_of_its_own(every_folder):
    every_folder.drop("hr.csv", "first")
    (first,) = every_folder.take("run 1").drops
    every_folder.drop("hr.csv", "second")
    assert every_folder.read(every_folder.take("run 1").drops[0]["file"]) == b"first"
    assert every_folder.read(every_folder.file(first)) == b"first"
    (second,) = every_folder.take("run 2").drops
    assert every_folder.read(second["file"]) == b"second"
    assert every_folder.file(second).endswith("/loaded/2026-11-25/hr (2).csv")
    assert sorted(every_folder.files().values()) == [b"first", b"second"]


def test_a_quiet_file_needs_time_by_the_clock_of_the_folder(folder):
    rules = folder.rules(complete="quiet", quiet_for=1.5)
    folder.drop("hr.csv", age=1000)
    assert folder.take("run 1", rules).left == ["hr.csv is not complete yet."]
    time.sleep(1.6)
    assert names(folder.take("run 2", rules)) == ["hr.csv"]


def test_a_drop_that_a_watcher_saw_complete_need_not_wait_again(folder):
    rules = folder.rules(complete="quiet", quiet_for=1000)
    folder.drop("hr.csv")
    entry = place_at(folder.url).entry("hr.csv")
    assert folder.take("run 1", rules, seen_complete={(entry.name, entry.size_bytes, "other")}).drops == []
    assert names(folder.take("run 2", rules, seen_complete={(entry.name, *entry.state)})) == ["hr.csv"]


@pytest.fixture
def unfiled(folder, monkeypatch):
    """Take the drops of two sources and decide about one, but let its filing fail."""
    rules = folder.rules(sources={"hr*": HR, "co*": CONTRACTORS})
    folder.drop("hr.csv", age=10)
    folder.drop("contractors.csv")
    hr = next(drop for drop in folder.take("run 1", rules).drops if drop["name"] == "hr.csv")
    place = type(place_at(folder.url))

    def failing(place, name, target):
        raise FolderUnavailableError("The disk is full.")

    monkeypatch.setattr(place, "move", failing)
    with pytest.raises(FolderUnavailableError):
        folder.file(hr)
    return rules


def test_a_filing_that_fails_does_not_hold_up_other_sources(folder, unfiled):
    takings = folder.take("run 2", unfiled)
    assert names(takings) == ["contractors.csv"]
    assert takings.left == [
        "The outcome of hr.csv is recorded, but the file could not be moved: The disk is full."
    ]


def test_a_filing_that_fails_is_an_error_if_nothing_else_can_be_taken(folder, unfiled):
    folder.active = {"run 2"}
    assert names(folder.take("run 2", unfiled)) == ["contractors.csv"]
    hr = folder.rules(sources={"hr*": HR})
    folder.active = set()
    with pytest.raises(FolderUnavailableError, match=r"The disk is full\."):
        folder.take("run 3", hr)


def test_two_descriptions_of_one_place_do_not_take_each_others_files(folder):
    hr, other = folder.rules(patterns="hr*.csv"), folder.rules(patterns="co*.csv", source_name="Contractors")
    folder.drop("hr.csv")
    folder.drop("contractors.csv")
    assert names(folder.take("run 1", hr)) == ["hr.csv"]
    assert names(folder.take("run 2", other)) == ["contractors.csv"]
    assert names(folder.take("run 3", hr)) == ["hr.csv"]


def test_a_taken_file_whose_name_ends_with_a_space_is_found_by_the_load(folder):
    folder.drop("a.csv ", "id\n1\n")
    (drop,) = folder.take(rules=folder.rules(patterns="*")).drops
    with find_csv(drop["file"]).open() as stream:
        assert stream.read() == b"id\n1\n"


def test_a_subfolder_that_is_a_drop_folder_itself_is_left_alone(every_folder):
    for name in ("README.txt", "open/x.1"):
        every_folder.drop(f"hr/.sailpoint/{name}")
    for name in ("hr/new.csv", "hr/refused/bad.csv", "hr/loaded/2026-01-01/old.csv", "hr/deep/er.csv"):
        every_folder.drop(name)
    every_folder.drop("hr2/other.csv")
    (drop,) = every_folder.take("run 1", every_folder.rules(recursive=True)).drops
    assert drop["name"] == "hr2/other.csv"
    every_folder.file(drop)
    assert every_folder.take("run 2", every_folder.rules(recursive=True)).drops == []


def test_numbers_in_names_of_the_same_age_are_compared_as_numbers():
    names = ["hr_10.csv", "hr_9.csv", "hr.csv", "9.csv", "10.csv", "hr_009.csv", "a/2", "a/10"]
    ordered = [entry.name for entry in in_order([Entry(name, 1, "m", 5.0, 5.0) for name in names])]
    assert ordered == ["9.csv", "10.csv", "a/2", "a/10", "hr.csv", "hr_009.csv", "hr_9.csv", "hr_10.csv"]
