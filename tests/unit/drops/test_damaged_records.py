"""A record that a crash cut off, or that the disk lost, neither frees a source nor hides a drop."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from sailpoint_provider.drops import journal, local
from sailpoint_provider.drops.filing import decision_of
from sailpoint_provider.drops.journal import Journal, Run
from sailpoint_provider.drops.last_load import last_loaded
from sailpoint_provider.drops.names import DropSource
from sailpoint_provider.drops.places import place_at
from sailpoint_provider.drops.taking import open_records
from tests.unit.drops.drop_cases import HR, NOW, names


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(journal, "_HALF_WRITTEN_SECONDS", 0.01)


def record(number, folder=".sailpoint/sources", source="HR"):
    return f"{folder}/{DropSource.named(source).key}/{number:012}.json"


def journal_of(folder):
    return Journal(place_at(folder.url), DropSource.named("HR").key)


def open_drops(folder):
    found = open_records(place_at(folder.url), folder.rules(), is_read_only=True)
    return [(one.entry.name, one.run) for _, one in found]


@pytest.mark.parametrize("content", ["", '{"kind": "fil', "\0" * 40, "[]", "{}"])
def test_a_decision_that_was_cut_off_leaves_the_drop_undecided(folder, content):
    folder.drop("a.csv", "first")
    (drop,) = folder.take("run 1").drops
    folder.drop("b.csv", "second")
    folder.drop(record(2), content)
    folder.active = {"run 1"}
    assert folder.take("run 2").drops == []
    assert decision_of(drop) is None
    location = folder.file(drop)
    assert last_loaded(drop, HR)[0] == location
    assert names(folder.take("run 2")) == ["b.csv"]


@pytest.mark.parametrize("content", ["", "{"])
def test_a_checkpoint_that_was_cut_off_claims_nothing(folder, content):
    folder.drop("a.csv", "first")
    folder.file(folder.take("run 1").drops[0])
    folder.drop(record(4), content)
    folder.drop("b.csv", "second")
    (drop,) = folder.take("run 2").drops
    assert drop["name"] == "b.csv"
    location = folder.file(drop, now=NOW + 1)
    assert last_loaded(drop, HR)[0] == location


def test_the_first_record_may_be_cut_off(folder):
    folder.drop("a.csv")
    folder.take("run 0", folder.rules(source_name="Contractors"))
    folder.drop(record(1), "")
    folder.drop("b.csv")
    assert names(folder.take("run 1")) == ["b.csv"]


@pytest.mark.parametrize("before", ["nothing", "another file"])
def test_a_taken_file_whose_record_the_disk_lost_is_taken_over_before_newer_ones(folder, before):
    if before == "another file":
        folder.drop("0.csv")
        folder.file(folder.take("run 0").drops[0])
    folder.drop("a.csv", "first")
    (drop,) = folder.take("run 1").drops
    folder.drop(record(drop["claim"]), "")
    assert open_drops(folder) == [("a.csv", Run("load", "run 1"))]
    folder.drop("b.csv", "second")
    folder.active = {"run 1"}
    assert folder.take("run 2").drops == []
    folder.active = set()
    (overtaken,) = folder.take("run 3").drops
    assert (overtaken["name"], folder.read(overtaken["file"])) == ("a.csv", b"first")
    location = folder.file(overtaken, now=NOW + 1)
    assert last_loaded(overtaken, HR)[0] == location
    assert open_drops(folder) == []
    assert names(folder.take("run 4")) == ["b.csv"]


def test_a_record_that_can_be_read_a_moment_later_counts(local_folder, monkeypatch):
    local_folder.drop("a.csv")
    local_folder.take("run 1")
    path = Path(local_folder.url, record(1))
    content = path.read_bytes()
    path.write_bytes(b"")
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        path.write_bytes(content)

    monkeypatch.setattr(time, "sleep", pause)
    assert journal_of(local_folder).top().kind == "taken"
    assert len(pauses) == 1


def test_nobody_waits_for_a_record_that_stays_unreadable_more_than_once(local_folder, monkeypatch):
    local_folder.drop("a.csv")
    local_folder.take("run 1")
    local_folder.drop(record(2), "")
    local_folder.drop(record(3), "")
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    found = list(journal_of(local_folder).newest_first())
    assert [(one.number, one.kind, one.claim) for one in found] == [
        (3, "taken", 1),
        (2, "taken", 1),
        (1, "taken", 1),
    ]
    assert len(pauses) == 1


@pytest.fixture
def without_hard_links(local_folder, monkeypatch):
    """A folder on a disk that has no hard links."""

    def link(*arguments, **options):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    return local_folder


def test_a_disk_without_hard_links_works(without_hard_links):
    folder = without_hard_links
    for name in ("a.csv", "b.csv"):
        folder.drop(name, name)
    (drop,) = folder.take("run 1").drops
    folder.active = {"run 1"}
    assert folder.take("run 2").drops == []
    assert folder.file(drop) == f"{folder.url}/loaded/2026-11-25/a.csv"
    (drop,) = folder.take("run 2").drops
    assert drop["name"] == "b.csv"
    assert not place_at(folder.url).create(record(1), b"another")


def test_a_process_that_dies_while_it_writes_a_record_without_hard_links_decides_nothing(
    without_hard_links, monkeypatch
):
    folder = without_hard_links
    folder.drop("a.csv", "first")
    (drop,) = folder.take("run 1").drops
    folder.drop("b.csv", "second")
    write_new = local._write_new

    class Killed(BaseException):
        pass

    def killed(path, content):
        monkeypatch.setattr(local, "_write_new", write_new)
        write_new(path, content[:20])
        raise Killed

    monkeypatch.setattr(local, "_write_new", killed)
    with pytest.raises(Killed):
        folder.file(drop)
    assert decision_of(drop) is None
    assert names(folder.take("run 2")) == ["a.csv"]
    (drop,) = folder.take("run 2").drops
    assert folder.file(drop).endswith("/a.csv")
    assert last_loaded(drop, HR)[1]["name"] == "a.csv"


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_record_is_on_the_disk_before_anything_relies_on_it(local_folder, request, monkeypatch, hard_links):
    if not hard_links:
        request.getfixturevalue("without_hard_links")
    local_folder.drop("a.csv")
    events, fsync, rename = [], os.fsync, os.rename

    def synced(descriptor):
        events.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def renamed(path, target):
        events.append("moved")
        rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    (drop,) = local_folder.take("run 1").drops
    before = events[: events.index("moved")]
    record_folder = DropSource.named("HR").key
    assert before.index(record_folder) < before.index("open")
    if not hard_links:
        assert f"{1:012}.json" in before
    assert drop["name"] == "a.csv"
