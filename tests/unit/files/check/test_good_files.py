from __future__ import annotations

import gzip

import pytest

from tests.unit.files.check.bad_files import COLUMNS, GOOD, HEADER, PEOPLE, csv
from tests.unit.files.check.cases import FACTS, NOW, checked, outcome

pytestmark = pytest.mark.usefixtures("one_database")

_MARK = b"\xef\xbb\xbf"


def _changed(at: int, value: str, row: int = 0) -> bytes:
    rows = [list(person) for person in PEOPLE]
    rows[row][at] = value
    return csv(rows)


def _quoted(content_rows, end="\n"):
    lines = [COLUMNS, *content_rows]
    return "".join(",".join('"' + v.replace('"', '""') + '"' for v in line) + end for line in lines).encode()


_UGLY = {
    "a mark": _MARK + GOOD,
    "a mark and a quoted header": _MARK + _quoted(PEOPLE),
    "CR LF": csv(end="\r\n"),
    "a mark and CR LF": _MARK + csv(end="\r\n"),
    "everything quoted": _quoted(PEOPLE),
    "everything quoted, CR LF": _quoted(PEOPLE, "\r\n"),
    "no line end at the end": GOOD[:-1],
    "no line end at the end, CR LF": csv(end="\r\n")[:-2],
    "one blank line at the end": GOOD + b"\n",
    "many blank lines at the end": GOOD + b"\n\r\n\n\n",
    "blank lines at the end, CR LF": csv(end="\r\n") + b"\r\n\r\n",
    "LF, then CR LF": GOOD[:40] + GOOD[40:].replace(b"\n", b"\r\n").replace(b"two\r\n", b"two\n"),
    "header with CR LF, rows with LF": GOOD.replace(b"\n", b"\r\n", 1),
    "rows with CR LF, header with LF": csv(end="\r\n").replace(b"\r\n", b"\n", 1),
    "rows in another order": csv(PEOPLE[::-1]),
    "columns in another order": csv([p[::-1] for p in PEOPLE], columns=COLUMNS[::-1]),
    "empty optional columns": csv([(p[0], "", "", "") for p in PEOPLE]),
    "empty optional columns, quoted": GOOD.replace(b",\n", b',""\n'),
    "a quoted line feed": _changed(3, "a\nb"),
    "many quoted line feeds": _changed(3, "\n" * 50),
    "quoted CR LF": _changed(3, "a\r\nb"),
    "a quoted carriage return": _changed(3, "a\rb"),
    "quoted blank lines": _changed(3, "a\n\n\nb"),
    "a value that is a line of CSV": _changed(3, "9999,x,y,z\n9998,x,y,z"),
    "a value that is the header": _changed(3, "id,name,dept,note\n"),
    "a value of quotation marks": _changed(3, '"""'),
    "a value of one quotation mark": _changed(3, '"'),
    "a value of a comma": _changed(3, ","),
    "a value of commas and quotation marks": _changed(3, '","","'),
    "a value that ends with a quotation mark": _changed(3, '5"'),
    "a value with a backslash": _changed(3, "a\\"),
    "a quoted value with a backslash": _changed(3, "a,\\"),
    "a value like a comment": _changed(1, "# Ann"),
    "a value like a formula": _changed(1, "=1+1"),
    "a value like a null": _changed(1, "NULL"),
    "a value like a Python escape": _changed(1, "\\0\\N"),
    "semicolons in values": _changed(3, "a;b;c;d"),
    "tabs in values": _changed(3, "a\tb"),
    "spaces around values": _changed(3, "  x  "),
    "a no-break space": _changed(1, "Ann\u00a0Lee"),
    "Chinese names": _changed(1, "王小明"),
    "Arabic names": _changed(1, "محمد"),
    "combining characters": _changed(1, "Zoe\u0308"),
    "emoji": _changed(1, "👩‍👩‍👧 Ann"),
    "the last character of Unicode": _changed(1, "\U0010ffff"),
    "control characters": _changed(3, "\x01\x1b[31m\x7f"),
    "line separators of Unicode": _changed(3, "a\u2028b\u2029c\x85d"),
    "a mark within a value": _changed(3, "\ufeff"),
    "a value of 1 MiB": _changed(3, "x" * 2**20),
    "a quoted value of 1 MiB": _changed(3, "x,\n" * (2**20 // 3)),
    "HTML in a value": _changed(3, "<html><body>"),
    "keys with leading zeros": csv([*PEOPLE, ("0001001", "Zed", "IT", "")]),
    "keys that differ in case": csv([*PEOPLE, ("a1", "Zed", "IT", ""), ("A1", "Zoe", "IT", "")]),
    "keys like numbers": csv([*PEOPLE, ("1e3", "Zed", "IT", ""), ("1001.0", "Zoe", "IT", "")]),
    "a key with a comma and a line feed": csv([*PEOPLE, ("x,\ny", "Zed", "IT", "")]),
    "a long key": csv([*PEOPLE, ("k" * 5000, "Zed", "IT", "")]),
}


def test_there_are_more_than_fifty_ugly_files():
    assert len(_UGLY) >= 50


@pytest.mark.parametrize("title", _UGLY)
def test_an_ugly_but_good_file_passes(tmp_path, title):
    report = checked(tmp_path, _UGLY[title], last=csv([*PEOPLE[:-1], (*PEOPLE[-1][:3], "old note")])[:-1])
    assert report.sentence.startswith("hr.csv may be loaded")
    assert report.verdict == "passed"
    assert report.leavers is not None
    assert report.leavers.count == 0


@pytest.mark.parametrize("name", ["hr.csv", "it's [1].csv", "h*r?.csv", "ünïcode 名.csv", "hr", "hr.csv.txt"])
def test_a_file_passes_under_any_name(tmp_path, name):
    assert checked(tmp_path, GOOD, name=name).verdict == "passed"


def test_one_row_and_one_column_are_enough(tmp_path):
    facts = type(FACTS)(FACTS.source_id, "HR", ("id",), "id", 1)
    report = checked(tmp_path, b"id\nx\n", facts=facts)
    assert (report.verdict, report.rows, report.accounts) == ("passed", 1, 1)


def test_a_wide_file_passes(tmp_path):
    columns = ("id", *(f"column{at}" for at in range(400)))
    rows = [(f"{row}", *(f"{row}.{at}" for at in range(400))) for row in range(50)]
    facts = type(FACTS)(FACTS.source_id, "HR", columns, "id", 50)
    report = checked(tmp_path, csv(rows, columns=columns), last=csv(rows[1:], columns=columns), facts=facts)
    assert (report.verdict, report.joiners.count, report.movers.count) == ("passed", 1, 0)


def test_a_compressed_file_is_checked_by_its_content(tmp_path):
    packed = checked(tmp_path, gzip.compress(GOOD), name="hr.csv.gz")
    assert packed.verdict == "passed"
    assert packed.sha256 == checked(tmp_path, GOOD).sha256


def test_a_file_of_many_blocks_with_quoted_line_feeds_passes(tmp_path):
    rows = [(f"k{at:06}", f'Ann "{at}"', "a,b", "x\n\r\n,\n" * (at % 9)) for at in range(60_000)]
    facts = type(FACTS)(FACTS.source_id, "HR", COLUMNS, "id", 60_000)
    report = checked(tmp_path, csv(rows), last=csv(rows[:-7]), facts=facts)
    assert (report.verdict, report.rows, report.joiners.count) == ("passed", 60_000, 7)


def test_a_mark_is_noted_because_isc_may_take_it_for_a_part_of_the_first_column(tmp_path):
    report = checked(tmp_path, _MARK + GOOD)
    assert any("byte-order mark" in note for note in report.notes)
    assert outcome(report, "readable").figure == "UTF-8 with a byte-order mark"


def test_rows_that_a_source_merges_are_one_account(tmp_path):
    rows = [*PEOPLE, *((p[0], p[1], p[2], "second row") for p in PEOPLE)]
    report = checked(tmp_path, csv(rows), last=csv(rows[::-1]), merges_rows=True)
    assert (report.verdict, report.rows, report.accounts, report.movers.count) == ("passed", 20, 10, 0)


def test_a_row_changed_among_merged_ones_makes_its_account_a_mover(tmp_path):
    rows = [*PEOPLE, *((p[0], p[1], p[2], "second row") for p in PEOPLE)]
    changed = [*rows[:-1], (*rows[-1][:3], "changed")]
    report = checked(tmp_path, csv(changed), last=csv(rows), merges_rows=True)
    assert (report.movers.keys, report.changed_columns) == (("1010",), {"note": 1})


def test_changed_columns_are_found_by_name_where_their_order_changed(tmp_path):
    moved = [("XX" if key == "1003" else note, dept, name, key) for key, name, dept, note in PEOPLE]
    report = checked(tmp_path, csv(moved, columns=COLUMNS[::-1]), last=GOOD)
    assert (report.movers.keys, report.changed_columns) == (("1003",), {"note": 1})


def test_a_first_load_says_that_nothing_was_compared(tmp_path):
    facts = type(FACTS)(FACTS.source_id, "HR", COLUMNS, "id")
    report = checked(tmp_path, GOOD, facts=facts, dropped_at=NOW)
    assert report.verdict == "passed"
    assert "no earlier file is known" in report.sentence
    assert HEADER not in report.to_json().values()
