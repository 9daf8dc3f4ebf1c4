from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.unit.files.check.bad_files import GOOD, HEADER, BadFile, bad_files, truncated
from tests.unit.files.check.cases import FACTS, checked

pytestmark = pytest.mark.usefixtures("one_database")

_BAD = list(bad_files())


def test_the_corpus_holds_more_than_two_hundred_different_files():
    contents = {(bad.content, bad.name) for bad in _BAD} | {(content, "hr.csv") for _, content in truncated()}
    assert len(contents) >= 200


@pytest.mark.parametrize("bad", _BAD, ids=lambda bad: bad.title.replace(" ", "-"))
def test_a_bad_file_is_refused_with_a_sentence_that_names_the_fault(tmp_path, bad: BadFile):
    report = checked(tmp_path, bad.content, last=GOOD, name=bad.name)
    assert report.verdict == "refused"
    assert bad.words in report.sentence
    assert report.name.removesuffix(".gz") in report.sentence
    json.dumps(report.to_json())
    assert report.as_text()
    assert report.as_markdown()


def test_a_file_cut_anywhere_in_its_last_two_rows_is_refused(tmp_path):
    """Even within its last value, where it is a complete file by RFC 4180: it lacks the line end."""
    for length, content in truncated():
        report = checked(tmp_path, content, last=GOOD, max_deletions=0)
        assert report.verdict == "refused", length


def test_a_cut_that_no_last_file_reveals_keeps_every_key(tmp_path):
    """Without a last file only the shape can tell, and a cut within the last value has a good one."""
    passed = [
        length
        for length, content in truncated()
        if checked(tmp_path, content, facts=replace(FACTS, accounts=10), max_deletions=0).verdict == "passed"
    ]
    assert passed == list(range(GOOD.rfind(b",") + 1, len(GOOD)))


@pytest.mark.parametrize("length", range(len(HEADER), len(GOOD), 5))
def test_a_file_cut_at_any_byte_never_passes_as_another_set_of_accounts(tmp_path, length):
    assert checked(tmp_path, GOOD[:length], last=GOOD, max_deletions=0).verdict == "refused"
