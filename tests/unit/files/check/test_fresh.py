from __future__ import annotations

import gzip
import os
from dataclasses import replace

import pytest

from sailpoint_provider.files.check.check import check_file
from sailpoint_provider.files.check.rules import FileCheck
from sailpoint_provider.files.locate import file_source
from tests.unit.files.check.bad_files import GOOD, PEOPLE, csv
from tests.unit.files.check.cases import FACTS, NOW, checked, last_of, outcome

pytestmark = pytest.mark.usefixtures("one_database")

_OTHER = csv([*PEOPLE, ("1011", "Ken", "IT", "")])
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
        "Neither the name nor a timestamp shows how old the file is.",
    )
    assert plain(0, max_age=_DAY, strict=True).state == "refused"
    assert plain(0, strict=True).state == "passed"


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("hr-2026-11-18.csv", "hr-2026-11-18.csv"),
        ("hr-2026-11-18.csv", "hr-20261118T0830.csv"),
        ("hr-20261118-1534.csv", "hr-20261118-0312.csv"),
    ],
)
def test_files_of_the_same_day_are_compared_by_when_they_were_dropped(tmp_path, name, last):
    before = last_of(tmp_path, GOOD, last)
    later = checked(tmp_path, _OTHER, last=before, name=name, dropped_at=NOW)
    assert outcome(later, "fresh").state == "passed"
    earlier = checked(tmp_path, _OTHER, last=before, name=name, dropped_at=NOW - 100_000)
    assert "would undo a newer load: it is dated 2026-11-17" in outcome(earlier, "fresh").sentence
    unknown = checked(tmp_path, _OTHER, last=replace(before, dropped_at=None), name=name, strict=True)
    assert outcome(unknown, "fresh").state == "passed"


def test_dates_that_differ_and_times_in_both_names_count_before_when_files_were_dropped(tmp_path):
    for name, last in (
        ("a-2026-11-18.csv", "a-2026-11-17.csv"),
        ("a-20261118T09.30.csv", "a-20261118T0830.csv"),
    ):
        before = last_of(tmp_path, GOOD, last)
        report = checked(tmp_path, _OTHER, last=before, name=name, dropped_at=NOW - 100_000)
        assert outcome(report, "fresh").state == "passed"


def test_files_that_were_dropped_at_the_same_time_cannot_be_told_apart(tmp_path):
    last = replace(last_of(tmp_path, _OTHER), dropped_at=NOW)
    report = checked(tmp_path, GOOD, last=last, dropped_at=NOW)
    assert outcome(report, "fresh").state == "not_checked"
    strict = checked(tmp_path, GOOD, last=last, dropped_at=NOW, strict=True, max_deletions="50%")
    assert "Neither the names nor timestamps show which file is older." in strict.sentence


def test_the_bytes_of_a_load_whose_deletions_isc_skipped_are_loaded_again(tmp_path):
    last = last_of(tmp_path, GOOD)
    assert checked(tmp_path, GOOD, last=last).verdict == "repeated"
    skipped = replace(last, deletions_skipped=True)
    assert checked(tmp_path, GOOD, last=skipped).verdict == "passed"
    assert checked(tmp_path, GOOD, last=skipped, facts=replace(FACTS, accounts=20)).verdict == "refused"
