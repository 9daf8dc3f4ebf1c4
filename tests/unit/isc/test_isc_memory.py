"""What is remembered of a start, as JSON and back; and the rows of a CSV, counted without holding it."""

import csv
import io
import itertools
import json

import pytest
from beginning_cases import SENT, STAMP, an_id, claim, claim_of_file, record

from sailpoint_provider.isc.csv_rows import RowCounter
from sailpoint_provider.isc.memory import Mark, NoMemory, read_claim
from sailpoint_provider.isc.outcome import make_result

RESULT = make_result(an_id(1), None, record(1, "SUCCESS"), file=SENT)


@pytest.mark.parametrize(
    "one",
    [
        claim("submitting"),
        claim("submitting", mark=Mark("2026-01-01T00:00:00+00:00", (an_id(4), an_id(5)))),
        claim("submitting", mark=Mark(None, (an_id(4),))),
        claim_of_file("running", sent=SENT, rows=3),
        claim("running").returned(RESULT),
        claim_of_file("submitting").running(an_id(1), SENT, 3).returned(RESULT),
    ],
)
def test_a_claim_survives_json(one):
    assert read_claim(json.loads(json.dumps(one.to_json()))) == one


def test_each_step_of_a_claim_keeps_the_steps_before():
    started = claim_of_file("submitting").running(an_id(2), SENT)
    assert (started.state, started.aggregation_id, started.file) == ("running", an_id(2), STAMP)
    ended = started.returned(RESULT)
    assert (ended.state, ended.aggregation_id, ended.result) == ("returned", an_id(2), RESULT)


GOOD = claim_of_file("running", sent=SENT).to_json()


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        [],
        7,
        {},
        {"state": "running"},
        GOOD | {"state": "ended"},
        GOOD | {"state": None},
        GOOD | {"state": ["running"]},
        GOOD | {"file": "accounts.csv"},
        GOOD | {"file": {"name": "accounts.csv"}},
        GOOD | {"sent": {"size": 1}},
        GOOD | {"mark": [1]},
        {key: value for key, value in GOOD.items() if key != "deadline"},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_not_taken_up(document):
    assert read_claim(document) is None


def test_a_claim_of_a_later_version_is_taken_up_without_what_is_new_in_it():
    assert read_claim(GOOD | {"of_a_later_version": 1}) == read_claim(GOOD)


def test_a_claim_of_an_earlier_version_is_taken_up():
    earlier = {key: value for key, value in GOOD.items() if key != "usual_seconds"}
    assert read_claim(earlier) == read_claim(GOOD)


def test_fields_that_may_be_missing_are_empty():
    short = {key: value for key, value in GOOD.items() if key not in ("mark", "sent", "rows", "result")}
    read = read_claim(short)
    assert (read.mark, read.sent, read.rows, read.result) == (Mark(), None, None, None)


def test_without_a_store_nothing_is_remembered():
    memory = NoMemory()
    memory.save(claim())
    assert memory.load() is None
    memory.forget()


FIELDS = ["", "a", '"a"', '"a,b"', '"a\nb"', '"a\r\nb"', '"a ""b"" c"', '""', '"\n"', " "]
LINE_ENDS = ["\n", "\r\n"]


def rows_of(text):
    """Count as the standard library does: rows that are not empty, without the header."""
    return max(0, sum(1 for row in csv.reader(io.StringIO(text, newline="")) if row) - 1)


def counted(text, size):
    counter, content = RowCounter(), text.encode()
    for begin in range(0, len(content), size):
        counter.feed(content[begin : begin + size])
    return counter.rows


def texts():
    for end, last in itertools.product(LINE_ENDS, (True, False)):
        for fields in itertools.product(FIELDS, repeat=2):
            rows = ["id,name", *(f"{field},x" for field in fields), "", f"y,{fields[0]}"]
            yield end.join(rows) + (end if last else "")
    yield from ("", "\n", "\r\n", "id", "id\n", "id\n\n", "id\n1", "\nid\n1\n", "id\r\n1\r\n\r\n2")


def test_rows_are_counted_as_the_standard_library_does_whatever_the_pieces():
    for text in texts():
        expected = rows_of(text)
        for size in range(1, 9):
            assert counted(text, size) == expected, (text, size)
        assert counted(text, len(text) + 1) == expected, text
