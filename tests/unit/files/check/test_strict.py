from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.files.check.bad_files import GOOD, PEOPLE, csv
from tests.unit.files.check.cases import FACTS, checked, last_of, outcome

pytestmark = pytest.mark.usefixtures("one_database")

_OTHER = csv([*PEOPLE, ("1011", "Ken", "IT", "")])
_REFUSED = "hr.csv is refused because strict is set: "


@pytest.fixture
def gone(tmp_path):
    """The record of a last load whose file is gone."""
    return replace(last_of(tmp_path, GOOD), file=None)


def test_what_only_the_name_shows_is_not_checked(tmp_path, gone):
    for last, facts in ((None, FACTS), (gone, FACTS), (GOOD, replace(FACTS, identity_attribute=None))):
        found = outcome(checked(tmp_path, _OTHER, last=last, facts=facts), "foreign")
        assert (found.state, found.figure) == ("not_checked", "name only")


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (FACTS, "The last loaded file hr-last.csv is no longer kept. Only the name was checked."),
        (
            replace(FACTS, identity_attribute=None),
            "ISC does not report the column that identifies an account. Only the name was checked.",
        ),
    ],
)
def test_strict_refuses_a_file_of_which_only_the_name_was_looked_at(tmp_path, gone, facts, sentence):
    found = outcome(checked(tmp_path, _OTHER, last=gone, facts=facts, strict=True), "foreign")
    assert (found.state, found.sentence) == ("refused", _REFUSED + sentence)


def test_strict_refuses_a_file_if_nothing_shows_which_is_older(tmp_path):
    last = replace(last_of(tmp_path, GOOD), dropped_at=None)
    found = outcome(checked(tmp_path, _OTHER, last=last, strict=True), "fresh")
    assert found.sentence == f"{_REFUSED}Neither the names nor timestamps show which file is older."
    assert outcome(checked(tmp_path, _OTHER, last=last), "fresh").state == "not_checked"
    assert checked(tmp_path, _OTHER, last=last, strict=True, fresh=False).verdict == "passed"


@pytest.mark.parametrize("is_recorded", [True, False])
def test_strict_refuses_a_file_whose_changes_cannot_be_counted(tmp_path, gone, is_recorded):
    last = gone if is_recorded else None
    found = outcome(checked(tmp_path, _OTHER, last=last, strict=True, max_changes=1), "changes")
    assert (found.state, "No values were compared" in found.sentence) == ("refused", True)
    assert outcome(checked(tmp_path, _OTHER, last=last, max_changes=1), "changes").state == "not_checked"


def test_strict_passes_a_first_load(tmp_path):
    report = checked(tmp_path, GOOD, facts=replace(FACTS, accounts=0), strict=True, max_changes=1)
    assert report.verdict == "passed"
    assert "This is the first load. No values were compared." in report.notes


def test_strict_refuses_the_first_file_of_a_source_that_holds_accounts(tmp_path):
    """Its keys may be others than those in ISC, although their number is the same."""
    report = checked(tmp_path, GOOD, strict=True)
    assert (report.verdict, report.needed_approval.rules) == ("refused", {"foreign"})
    assert "its keys were not compared with those of the" in report.sentence
    loose = checked(tmp_path, GOOD)
    assert loose.verdict == "passed"
    assert any("No earlier file is known, so its keys were not compared" in note for note in loose.notes)
