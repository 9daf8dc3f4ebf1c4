"""A run takes its drops: once, in order, one of each source, never past one that is not decided."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from sailpoint_provider.drops import local
from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.drops.store import StorePlace
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.locate import find_csv
from tests.unit.airflow_cases import OBJECT_STORAGE
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


def test_a_missing_folder_is_an_error_and_is_not_created(tmp_path, local_folder):
    local_folder.url = str(tmp_path / "gone")
    with pytest.raises(FolderUnavailableError, match="No such file or directory"):
        local_folder.take()
    assert not os.path.exists(local_folder.url)


def test_nothing_is_written_to_a_mount_point_that_lost_its_mount(local_folder, tmp_path):
    local_folder.drop("a.csv")
    (drop,) = local_folder.take().drops
    os.rename(local_folder.url, tmp_path / "unmounted")
    os.mkdir(local_folder.url)
    with pytest.raises(FolderUnavailableError, match="Is it mounted"):
        local_folder.file(drop)
    assert os.listdir(local_folder.url) == []
    os.rmdir(local_folder.url)
    os.rename(tmp_path / "unmounted", local_folder.url)
    assert local_folder.read(local_folder.file(drop)) == b"id\n1\n"


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


def test_a_file_that_is_replaced_while_it_is_taken_survives_as_its_own_drop(local_folder, monkeypatch):
    local_folder.drop("hr.csv", "first")
    rename = os.rename

    def replaced_just_before(source, target):
        if source.endswith("hr.csv"):
            monkeypatch.undo()
            local_folder.drop("hr.csv", "second, longer")
        rename(source, target)

    monkeypatch.setattr(local.os, "rename", replaced_just_before)
    assert local_folder.take("run 1").drops == []
    assert local_folder.files() == {"hr.csv": b"second, longer"}
    assert names(local_folder.take("run 2")) == ["hr.csv"]


@pytest.fixture
def appended_while_taken(local_folder):
    """Have a writer append to a file right after it was renamed; its empty subfolder is then removed."""
    rename, patches = os.rename, pytest.MonkeyPatch()
    local_folder.drop("sub/a.csv", "first")

    def renamed(source, target):
        rename(source, target)
        if source.endswith("a.csv"):
            patches.undo()
            with open(target, "a") as file:
                file.write(", more")
            os.rmdir(os.path.dirname(source))

    patches.setattr(local.os, "rename", renamed)
    yield local_folder
    patches.undo()


def test_a_changed_file_returns_to_its_subfolder_that_was_removed_meanwhile(appended_while_taken):
    rules = appended_while_taken.rules(recursive=True)
    takings = appended_while_taken.take("run 1", rules)
    assert takings.drops == []
    assert takings.left == ["sub/a.csv changed or vanished while it was being taken."]
    assert appended_while_taken.files() == {"sub/a.csv": b"first, more"}
    assert names(appended_while_taken.take("run 2", rules)) == ["sub/a.csv"]


def test_a_changed_file_for_which_no_name_is_free_is_an_error_that_says_where_it_is(
    appended_while_taken, monkeypatch
):
    monkeypatch.setattr(local, "_rename_into_gap", lambda path, target: False)
    rules = appended_while_taken.rules(recursive=True)
    with pytest.raises(FolderUnavailableError, match=r"names like it are in use\. The file is .*a\.csv\."):
        appended_while_taken.take("run 1", rules)


def test_an_object_that_is_replaced_while_it_is_copied_survives(s3_folder, monkeypatch):
    s3_folder.drop("hr.csv", "first")
    copy = StorePlace._copy

    def replaced_after(place, name, target):
        copied = copy(place, name, target)
        monkeypatch.undo()
        s3_folder.drop("hr.csv", "second")
        return copied

    with monkeypatch.context():
        monkeypatch.setattr(StorePlace, "_copy", replaced_after)
        assert s3_folder.take("run 1").drops == []
    assert s3_folder.files() == {"hr.csv": b"second"}


def test_an_object_that_is_replaced_before_its_removal_is_not_removed(s3_folder):
    from sailpoint_provider.drops.conditional_writes import remove_if

    s3_folder.drop("hr.csv", "second")
    path = f"{s3_folder.root}/hr.csv"
    looks = []
    remove_if(s3_folder.fs, path, '"of-the-first"@1', lambda: bool(looks.append(1)))
    assert s3_folder.files() == {"hr.csv": b"second"}
    assert looks == [1]


@OBJECT_STORAGE
@pytest.mark.parametrize("name", ["hr.csv", "hr[1]*.csv"])
def test_a_store_that_quotes_tags_only_in_look_ups_and_has_no_rm_file_loses_no_drop(azure_like_folder, name):
    azure_like_folder.drop(name, "first")
    azure_like_folder.drop("hr1-other.csv", "second")
    azure_like_folder.drop("hr.csv.done", "")
    rules = azure_like_folder.rules(sources={name.replace("[", "[[]"): HR, "hr1*": CONTRACTORS})
    drops = azure_like_folder.take("run 1", rules).drops
    assert {azure_like_folder.read(drop["file"]) for drop in drops} == {b"first", b"second"}
    assert set(azure_like_folder.files()) == {"hr.csv.done"}
    for drop in drops:
        azure_like_folder.file(drop)
    assert sorted(azure_like_folder.files().values()) == [b"", b"first", b"second"]


@OBJECT_STORAGE
def test_a_store_that_quotes_tags_only_in_look_ups_still_shows_a_replaced_object(
    azure_like_folder, monkeypatch
):
    copy = StorePlace._copy

    def replaced_after(place, name, target):
        copied = copy(place, name, target)
        azure_like_folder.drop("hr.csv", "other")
        return copied

    azure_like_folder.drop("hr.csv", "first")
    monkeypatch.setattr(StorePlace, "_copy", replaced_after)
    assert azure_like_folder.take("run 1").drops == []
    assert azure_like_folder.files() == {"hr.csv": b"other"}


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


def test_a_companion_completes_a_file_and_leaves_with_it(every_folder):
    rules = every_folder.rules(complete="companion")
    every_folder.drop("hr.csv", "first")
    assert every_folder.take("run 1", rules).drops == []
    every_folder.drop("hr.csv.done", "")
    (drop,) = every_folder.take("run 2", rules).drops
    assert every_folder.files() == {}
    every_folder.file(drop)
    every_folder.drop("hr.csv", "second")
    assert every_folder.take("run 3", rules).drops == []
    assert "loaded/2026-11-25/hr.csv.done" in every_folder.files()


@pytest.fixture
def vanishing(folder):
    """Have a file vanish after a run has claimed it, while its companion is taken."""
    place = type(place_at(folder.url))
    take, patches = place.take, pytest.MonkeyPatch()

    def vanished_first(self, entry, target):
        taken = take(self, entry, target)
        if entry.name == "hr.csv.done":
            patches.undo()
            folder.remove("hr.csv")
        return taken

    folder.drop("hr.csv", "first", age=10)
    folder.drop("hr.csv.done", "companion")
    patches.setattr(place, "take", vanished_first)
    yield folder.rules(complete="companion")
    patches.undo()


def test_the_companion_of_a_file_that_could_not_be_taken_returns(folder, vanishing):
    takings = folder.take("run 1", vanishing)
    assert takings.left == ["hr.csv changed or vanished while it was being taken."]
    assert folder.files() == {"hr.csv.done": b"companion"}
    folder.drop("hr.csv", "first again", age=10)
    assert names(folder.take("run 2", vanishing)) == ["hr.csv"]
    assert folder.files() == {}


def test_a_companion_does_not_return_to_a_name_that_has_a_new_one(folder, vanishing, monkeypatch):
    place = type(place_at(folder.url))
    move = place.move

    def after_a_new_one(self, name, target):
        folder.drop("hr.csv.done", "new")
        return move(self, name, target)

    monkeypatch.setattr(place, "move", after_a_new_one)
    assert folder.take("run 1", vanishing).drops == []
    assert folder.files() == {"hr.csv.done": b"new"}


def test_a_digest_must_fit(folder):
    rules = folder.rules(complete="companion")
    folder.drop("hr.csv", "whole")
    folder.drop("hr.csv.sha256", hashlib.sha256(b"other").hexdigest())
    folder.drop("hr.csv.ok", "")
    assert folder.take("run 1", rules).drops == []
    folder.drop("hr.csv.sha256", f"{hashlib.sha256(b'whole').hexdigest()}  hr.csv\n")
    assert names(folder.take("run 2", rules)) == ["hr.csv"]


def test_a_digest_that_does_not_fit_is_logged_with_both_digests(folder, caplog):
    folder.drop("hr.csv", "whole")
    other, whole = (hashlib.sha256(content).hexdigest() for content in (b"other", b"whole"))
    folder.drop("hr.csv.sha256", other)
    assert folder.take("run 1", folder.rules(complete="companion")).left == ["hr.csv is not complete yet."]
    assert f"it has the SHA-256 {whole}, but hr.csv.sha256 says {other}." in caplog.text


def test_a_companion_without_a_digest_is_logged(folder, caplog):
    folder.drop("hr.csv", "whole")
    folder.drop("hr.csv.sha256", "soon")
    assert folder.take("run 1", folder.rules(complete="companion")).drops == []
    assert "hr.csv.sha256 holds no SHA-256 that can be read" in caplog.text
    assert hashlib.sha256(b"whole").hexdigest() in caplog.text


def test_links_are_not_drops(local_folder, tmp_path):
    target = tmp_path / "elsewhere.csv"
    target.write_text("id\n1\n")
    Path(local_folder.url, "link.csv").symlink_to(target)
    local_folder.drop("other.txt")
    assert local_folder.take().drops == []


def test_a_folder_on_two_file_systems_is_refused(local_folder, monkeypatch):
    local_folder.drop("hr.csv")

    def across(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(local.os, "rename", across)
    with pytest.raises(InvalidInputError, match="lie on different file systems") as failure:
        local_folder.take()
    assert failure.value.final


@pytest.mark.parametrize("part", ["loaded", "refused", "duplicate", ".sailpoint"])
def test_a_part_on_another_file_system_is_an_error_before_anything_is_taken(local_folder, monkeypatch, part):
    local_folder.drop("hr.csv")
    local_folder.make_folder(part)
    stat = os.stat

    def elsewhere(path, *arguments, **options):
        found = stat(path, *arguments, **options)
        if str(path) != f"{local_folder.url}/{part}":
            return found
        fields = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
        return SimpleNamespace(**fields | {"st_dev": found.st_dev + 1})

    monkeypatch.setattr(os, "stat", elsewhere)
    with pytest.raises(InvalidInputError, match=f"subfolder {part} of .* lies on another file system"):
        local_folder.take()
    assert set(local_folder.files()) == {"hr.csv"}


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


def test_an_error_of_a_store_shows_no_more_than_its_type(memory_folder, monkeypatch):
    class SecretStore:
        def invalidate_cache(self):
            raise ValueError("https://host/x?sig=topsecret")

    monkeypatch.setattr(StorePlace, "_opened", (SecretStore(), "x"))
    with pytest.raises(FolderUnavailableError, match="ValueError") as failure:
        memory_folder.take()
    assert "topsecret" not in str(failure.value)
    assert failure.value.__cause__ is None


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
