"""A folder in an object store: objects that change while they are taken, and what stores say of them."""

from __future__ import annotations

import pytest

from sailpoint_provider.drops.place import FolderUnavailableError
from sailpoint_provider.drops.store import StorePlace
from tests.unit.airflow_cases import OBJECT_STORAGE
from tests.unit.drops.drop_cases import CONTRACTORS, HR


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


def test_an_error_of_a_store_shows_no_more_than_its_type(memory_folder, monkeypatch):
    class SecretStore:
        def invalidate_cache(self):
            raise ValueError("https://host/x?sig=topsecret")

    monkeypatch.setattr(StorePlace, "_opened", (SecretStore(), "x"))
    with pytest.raises(FolderUnavailableError, match="ValueError") as failure:
        memory_folder.take()
    assert "topsecret" not in str(failure.value)
    assert failure.value.__cause__ is None
