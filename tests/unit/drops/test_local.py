"""A folder on a disk: mounts, links, other file systems, and files that change while they are taken."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from sailpoint_provider.drops import local
from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.exceptions import InvalidInputError
from tests.unit.drops.drop_cases import names


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
