"""Companions of a file: what completes it, leaves with it, and holds its digest."""

from __future__ import annotations

import hashlib

import pytest

from sailpoint_provider.drops.places import place_at
from tests.unit.drops.drop_cases import names


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
