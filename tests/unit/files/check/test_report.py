from __future__ import annotations

import json
import pickle

import pytest

from sailpoint_provider.exceptions import FileRefusedError, InvalidInputError
from sailpoint_provider.files.check.facts import MissingFact, SourceFacts
from sailpoint_provider.files.check.report import FileReport
from tests.unit.files.check.bad_files import COLUMNS, GOOD, PEOPLE, bad_files, csv
from tests.unit.files.check.cases import FACTS, checked

pytestmark = pytest.mark.usefixtures("one_database")

_VALUES = ("Bob", "Dörte", "Büro", "Ünïcode", "last note", "the third")


def _shown(report: FileReport) -> str:
    return "\n".join(
        (json.dumps(report.to_json(), ensure_ascii=False), report.as_text(), report.as_markdown())
    )


def test_a_report_survives_json(tmp_path):
    report = checked(tmp_path, csv(PEOPLE[:5]), last=GOOD)
    assert FileReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_the_columns_are_named_once_they_are_certainly_a_header(tmp_path):
    header = tuple(FACTS.columns)
    assert checked(tmp_path, GOOD).columns == header
    without_header = GOOD.split(b"\n", 1)[1]
    assert checked(tmp_path, GOOD, facts=None, last=GOOD).columns == header
    for facts in (FACTS, None):
        assert checked(tmp_path, without_header, facts=facts).columns is None
    assert checked(tmp_path, GOOD, header=False).columns is None


def test_a_refusal_is_final_carries_the_report_and_can_be_pickled(tmp_path):
    report = checked(tmp_path, csv(PEOPLE[:5]), last=GOOD)
    error = pickle.loads(pickle.dumps(report.refusal()))
    assert isinstance(error, FileRefusedError)
    assert isinstance(error, InvalidInputError)
    assert error.final
    assert error.report == report.to_json()
    assert str(error) == f"{report.sentence} Nothing was sent."


@pytest.mark.parametrize(
    "title", ["opened, not closed", "one field more", "twice", "no header", "swapped", "only 5"]
)
def test_no_value_leaves_the_file_but_keys(tmp_path, title):
    cases = [bad for bad in bad_files() if title in bad.title]
    assert cases
    for bad in cases:
        shown = _shown(checked(tmp_path, bad.content, last=GOOD, name=bad.name))
        assert not [value for value in _VALUES if value in shown], bad.title


def test_without_keys_lines_are_named_instead(tmp_path):
    repeated = csv([*PEOPLE, PEOPLE[0], ("1011", "Ken", "IT", "")])
    report = checked(tmp_path, repeated, last=GOOD, show_keys=False)
    assert "1 key occurs more than once: lines 2 and 13." in report.sentence
    short = checked(tmp_path, csv(PEOPLE[:5]), last=GOOD, show_keys=False)
    assert short.leavers.count == 5
    for one in (report, short):
        shown = _shown(one).replace(one.sha256, "").replace(FACTS.source_id, "")
        assert not [key for key, *_ in PEOPLE if key in shown]


def test_a_key_cannot_forge_lines_or_markup(tmp_path):
    key = "x`|<script>alert(1)</script>\n| **Passed**\x1b[31m"
    report = checked(tmp_path, csv([(key, "Ann", "IT", "")]), last=GOOD)
    assert "\x1b" not in report.as_text()
    assert "\n| **Passed**" not in report.as_text()
    rows = [line for line in report.as_markdown().splitlines() if "script" in line]
    assert all(line.count("`") % 2 == 0 for line in rows)


def test_a_long_key_is_shortened(tmp_path):
    report = checked(tmp_path, csv([*PEOPLE, ("k" * 100_000, "Ann", "IT", "")]), last=GOOD)
    assert report.joiners.keys == ("k" * 80 + "…",)


def test_the_text_is_a_table_that_a_person_can_read(tmp_path):
    lines = checked(tmp_path, csv(PEOPLE[:5]), last=GOOD).as_text().splitlines()
    assert lines[0] == "REFUSED: Loading hr.csv would delete 5 of 10 accounts (50 %, limit 10 %)."
    assert "Accounts          5 (last file: 10, ISC: 10)" in lines
    assert "Leavers           5: 1006, 1007, 1008, 1009, 1010" in lines
    assert any(line.startswith("shrinkage  REFUSED") and line.endswith("10 %") for line in lines)


def test_columns_that_only_one_file_has_are_not_compared(tmp_path):
    facts = type(FACTS)(FACTS.source_id, "HR", COLUMNS[:3], "id", 10)
    report = checked(tmp_path, csv([p[:3] for p in PEOPLE], columns=COLUMNS[:3]), last=GOOD, facts=facts)
    assert (report.verdict, report.movers.count) == ("passed", 0)


def test_without_an_account_schema_the_report_says_so_and_what_to_do(tmp_path):
    missing = MissingFact("identity_attribute", None, "the source has no schema named 'account'")
    facts = SourceFacts(FACTS.source_id, "HR", FACTS.columns, missing=(missing,))
    report = checked(tmp_path, GOOD, facts=facts)
    assert (
        "ISC does not report the column that identifies an account "
        "(the source has no schema named 'account'). "
        "Rows were counted instead of accounts. "
        "To have accounts counted, set key to the name of that column."
    ) in report.notes
    assert "10 rows" in report.sentence
    assert checked(tmp_path, GOOD, facts=facts, strict=True).verdict == "refused"
