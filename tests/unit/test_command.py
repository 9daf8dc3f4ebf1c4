from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sailpoint_provider.__main__ import main
from tests.unit.files.check.bad_files import GOOD, PEOPLE, csv

PROJECT = Path(__file__).parents[2]


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


def test_a_key_that_the_output_cannot_show_is_escaped(drop):
    (drop / "hr.csv").write_bytes(csv([*PEOPLE, ("Zoë", "Zoë", "IT", "")]))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "sailpoint_provider", "check", "hr.csv", "--against", "last.csv"]
    shown = {}
    for form in ("text", "json"):
        ended = subprocess.run(
            [*command, "--key", "id", "--format", form],
            cwd=drop,
            env=environment,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        shown[form] = ended.stdout.decode("ascii")
    assert "1010, Zo\\xeb" in shown["text"]
    assert json.loads(shown["json"])["joiners"]["keys"] == ["1010", "Zoë"]


def test_an_unexpected_error_ends_with_2_and_a_sentence_without_values(drop, capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Ann Secret")

    monkeypatch.setattr("sailpoint_provider.__main__.check_file", fail)
    assert main(["check", str(drop / "hr.csv")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"Could not check {drop / 'hr.csv'}: an unexpected RuntimeError.\n"
