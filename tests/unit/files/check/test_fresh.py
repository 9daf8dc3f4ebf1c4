from __future__ import annotations

import gzip
import os

import pytest

from sailpoint_provider.files.check.check import check_file
from sailpoint_provider.files.check.rules import FileCheck
from sailpoint_provider.files.locate import file_source
from tests.unit.files.check.bad_files import GOOD
from tests.unit.files.check.cases import FACTS, NOW, outcome

_DAY = 86400


@pytest.fixture
def plain(tmp_path):
    """Return a function that checks a plain file, which nobody dropped, of some age."""

    def checked_at(age, name="hr.csv", **rules):
        path = tmp_path / name
        path.write_bytes(gzip.compress(GOOD) if name.endswith(".gz") else GOOD)
        os.utime(path, (NOW - age, NOW - age))
        report = check_file(file_source(str(path)), FileCheck(**rules), facts=FACTS, now=NOW)
        return outcome(report, "fresh")

    return checked_at


@pytest.mark.parametrize("name", ["hr.csv", "hr.csv.gz"])
def test_the_age_of_a_plain_file_counts_from_its_modification(plain, name):
    found = plain(3 * _DAY, name, max_age=2 * _DAY)
    assert (found.state, found.figure) == ("refused", "modified 2026-11-15 11:06:40 UTC")
    assert "it is 3 days old (limit 2 days)" in found.sentence
    assert plain(_DAY, name, max_age=2 * _DAY).state == "passed"


def test_a_date_in_the_name_counts_before_the_modification(plain):
    assert plain(_DAY / 24, "hr-2026-11-01.csv", max_age=2 * _DAY).state == "refused"
    assert plain(9 * _DAY, "hr-2026-11-18.csv", max_age=2 * _DAY).state == "passed"


def test_the_age_of_a_stored_file_counts_from_its_modification():
    import fsspec

    with fsspec.open("memory://fresh/hr.csv", "wb") as stream:
        stream.write(GOOD)
    file = file_source("memory://fresh/hr.csv")
    modified = file.modified_at()
    report = check_file(file, FileCheck(max_age=_DAY), facts=FACTS, now=modified + 2 * _DAY)
    assert "it is 2 days old" in outcome(report, "fresh").sentence


def test_an_unknown_age_is_not_checked_and_refused_if_strict(plain, monkeypatch):
    monkeypatch.setattr("sailpoint_provider.files.local.LocalFile.modified_at", lambda _: None)
    found = plain(0, max_age=_DAY)
    assert (found.state, found.sentence) == (
        "not_checked",
        "Neither name nor time tells how old the file is.",
    )
    assert plain(0, max_age=_DAY, strict=True).state == "refused"
    assert plain(0, strict=True).state == "passed"
