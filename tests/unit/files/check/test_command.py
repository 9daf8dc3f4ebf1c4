from __future__ import annotations

import json

import pytest

from sailpoint_provider.files.__main__ import main
from tests.unit.files.check.bad_files import GOOD, PEOPLE, csv


@pytest.fixture
def drop(tmp_path):
    (tmp_path / "last.csv").write_bytes(csv(PEOPLE[:-1]))
    (tmp_path / "hr.csv").write_bytes(GOOD)
    return tmp_path


def test_a_good_file_ends_with_0_and_shows_the_table(drop, capsys):
    status = main(["check", str(drop / "hr.csv"), "--against", str(drop / "last.csv"), "--key", "id"])
    assert status == 0
    assert "Joiners           1: 1010" in capsys.readouterr().out


def test_a_refused_file_ends_with_1(drop, capsys):
    (drop / "hr.csv").write_bytes(csv(PEOPLE[:2]))
    command = ["check", str(drop / "hr.csv"), "--against", str(drop / "last.csv"), "--key", "id"]
    assert main(command) == 1
    assert "would delete 7 of 9 accounts" in capsys.readouterr().out
    assert main([*command, "--max-deletions", "80%"]) == 0
    assert main([*command, "--max-deletions", "off"]) == 0


def test_json_and_markdown_can_be_had(drop, capsys):
    main(["check", str(drop / "hr.csv"), "--format", "json"])
    assert json.loads(capsys.readouterr().out)["verdict"] == "passed"
    main(["check", str(drop / "hr.csv"), "--format", "markdown"])
    assert capsys.readouterr().out.startswith("**Passed.**")


@pytest.mark.parametrize(
    "options", [["nowhere.csv"], ["hr.csv", "--against", "nowhere.csv"], ["hr.csv", "--max-deletions", "x"]]
)
def test_what_cannot_be_checked_ends_with_2_and_a_sentence(drop, capsys, monkeypatch, options):
    monkeypatch.chdir(drop)
    assert main(["check", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Could not check")


def test_keys_can_be_hidden(drop, capsys):
    main(["check", str(drop / "hr.csv"), "--against", str(drop / "last.csv"), "--key", "id", "--hide-keys"])
    assert "1010" not in capsys.readouterr().out
