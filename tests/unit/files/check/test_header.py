from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.unit.files.check.bad_files import COLUMNS, GOOD, HEADER, PEOPLE, csv
from tests.unit.files.check.cases import FACTS, checked, outcome

pytestmark = pytest.mark.usefixtures("one_database")

_ROWS = GOOD[len(HEADER) :]


def _shown(report) -> str:
    return "\n".join(
        (json.dumps(report.to_json(), ensure_ascii=False), report.as_text(), report.as_markdown())
    )


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        (COLUMNS, "1000,Ann Secret,dept,17 Elm Street"),
        (COLUMNS[:3], "1000,Ann Secret,dept"),
        (COLUMNS[:2], "id,Ann Secret"),
        (COLUMNS[:1], "id,Ann Secret"),
    ],
)
@pytest.mark.parametrize("show_keys", [True, False])
def test_a_first_row_with_few_of_the_columns_is_not_taken_for_a_header(tmp_path, columns, first, show_keys):
    facts = replace(FACTS, columns=columns)
    report = checked(tmp_path, f"{first}\n".encode() + _ROWS, facts=facts, show_keys=show_keys)
    assert outcome(report, "header").state == "refused"
    assert "unknown" in outcome(report, "header").sentence
    assert not [value for value in ("Ann Secret", "Elm Street", "1000") if value in _shown(report)]
    assert report.columns is None


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e", "\x1c"])
def test_lines_that_do_not_end_with_a_line_feed_are_refused_without_a_value(tmp_path, end):
    rows = [("id", "name", "dept", "note"), *((f"k{at}", "Ann Secret", "IT", "x") for at in range(5000))]
    report = checked(tmp_path, end.join(map(",".join, rows)).encode())
    assert report.sentence == (
        "ISC would refuse hr.csv: a name in its first line contains a control character or a line separator. "
        "The header is missing, or the lines do not end with a line feed."
    )
    assert "Ann Secret" not in _shown(report)


def test_a_control_character_in_an_expected_name_is_none_of_our_business(tmp_path):
    columns = ("id", "na\x0bme", "dept", "note")
    assert checked(tmp_path, csv(columns=columns), facts=replace(FACTS, columns=columns)).verdict == "passed"


def test_a_file_that_is_one_row_is_refused_without_a_value(tmp_path):
    content = b" ".join([HEADER[:-1], b"k1,Ann Secret,IT,x", b"k2,Bob Secret,IT,y"]) + b"\n"
    report = checked(tmp_path, content)
    assert report.sentence == (
        "ISC would refuse hr.csv: a column name occurs twice, 6 columns are unknown and column 'note' is "
        "missing."
    )
    assert "Secret" not in _shown(report)


def test_at_most_five_columns_are_named_and_each_is_shortened(tmp_path):
    expected = ("id", *(f"column{at}" for at in range(20)))
    found = ("id", *(f"{'x' * 500}{at}" if at < 8 else f"column{at}" for at in range(20)))
    rows = [("1", *["v"] * 20)]
    facts = replace(FACTS, columns=expected)
    sentence = checked(tmp_path, csv(rows, columns=found), facts=facts).sentence
    assert sentence.count(f"column '{'x' * 80}…' is unknown") == 5
    assert "3 more columns are unknown" in sentence
    assert "column 'column4' is missing and 3 more columns are missing." in sentence


def test_repeated_columns_do_not_make_a_long_sentence(tmp_path):
    names = [f"value {at}" for at in range(3000)]
    report = checked(tmp_path, csv([], columns=("id", "name", "dept", *names, *names)))
    assert "3,000 column names occur more than once" in report.sentence
    assert len(report.sentence) < 300
    assert PEOPLE[0][1] not in _shown(report)
