from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.check.approval import read_approval
from sailpoint_provider.files.check.checked import why_not_approved
from tests.unit.files.check.bad_files import GOOD, PEOPLE, csv
from tests.unit.files.check.cases import FACTS, SOURCE_ID, checked, last_of

pytestmark = pytest.mark.usefixtures("one_database")

_SHORT = csv(PEOPLE[:5])
_DIGEST = "a" * 64


@pytest.fixture
def refused(tmp_path):
    return checked(tmp_path, _SHORT, last=GOOD)


def _objection(report, approval):
    return why_not_approved(report, read_approval(approval))


def test_an_approval_states_what_the_report_showed_and_approves_it(refused):
    last = hashlib.sha256(GOOD).hexdigest()
    assert refused.approval == f"{refused.sha256}/{last}/{SOURCE_ID}/shrinkage/5"
    assert _objection(refused, refused.approval) is None
    assert _objection(refused, f" {refused.approval.upper()}\n") is None
    assert str(read_approval(refused.approval)) == refused.approval


def test_an_approval_of_a_check_without_a_source_and_a_last_file_says_so(tmp_path):
    report = checked(tmp_path, csv([]), facts=None, key="id")
    assert report.approval == f"{report.sha256}/first/-/rows/-"
    assert _objection(report, report.approval) is None


@pytest.mark.parametrize("source", ["2c918085000000000000000000000a01", "-"])
def test_an_approval_does_not_hold_for_another_source(refused, source):
    assert _objection(refused, refused.approval.replace(SOURCE_ID, source)) == (
        "The approval is not for this source."
    )


def test_an_approval_does_not_hold_for_other_content_or_another_last_file(tmp_path, refused):
    other = checked(tmp_path, csv(PEOPLE[:4]), last=GOOD)
    assert "is for other content" in _objection(other, refused.approval)
    later = checked(tmp_path, _SHORT, last=csv([*PEOPLE, ("1011", "Ken", "IT", "")]))
    assert "another file has been loaded" in _objection(later, refused.approval)


def test_an_approval_does_not_cover_a_rule_that_did_not_refuse_then(tmp_path, refused):
    now = checked(tmp_path, _SHORT, last=GOOD, min_rows=6, max_rows=8)
    assert _objection(now, refused.approval) == (
        "The approval does not cover what these rules refuse now: rows."
    )
    assert _objection(refused, now.approval) is None


def test_an_approval_does_not_cover_more_deletions_than_were_shown(tmp_path, refused):
    more = checked(tmp_path, _SHORT, last=GOOD, facts=replace(FACTS, accounts=12))
    assert more.deletions == 7
    assert _objection(more, refused.approval) == (
        "The approval covers 5 deletions, but there could now be 7."
    )
    assert _objection(refused, more.approval) is None


def test_an_approval_of_a_number_does_not_cover_an_unknown_one(tmp_path):
    last, unknown = replace(last_of(tmp_path, GOOD), file=None), replace(FACTS, accounts=None)
    known = checked(tmp_path, _SHORT, last=last)
    lost = checked(tmp_path, _SHORT, last=last, facts=unknown)
    assert (known.deletions, lost.deletions) == (5, None)
    assert "their number is now unknown" in _objection(lost, known.approval)
    assert _objection(known, lost.approval) is None


def test_a_digest_alone_counts_only_if_there_is_a_last_file_to_compare_with(tmp_path, refused):
    assert _objection(refused, refused.sha256) is None
    first = checked(tmp_path, _SHORT)
    assert first.verdict == "refused"
    assert "only if it was compared with the last one" in _objection(first, first.sha256)
    assert _objection(first, first.approval) is None


def test_a_digest_alone_does_not_count_if_the_last_file_is_not_kept(tmp_path):
    lost = checked(tmp_path, _SHORT, last=replace(last_of(tmp_path, GOOD), file=None))
    assert (lost.verdict, lost.last_sha256 is None) == ("refused", False)
    assert "only if it was compared with the last one" in _objection(lost, lost.sha256)
    assert _objection(lost, lost.approval) is None


def test_a_repeated_file_is_approved_only_as_such(tmp_path, refused):
    repeated = checked(tmp_path, _SHORT, last=_SHORT)
    assert "another file has been loaded" in _objection(repeated, refused.approval)
    assert "/repeat+shrinkage/" in repeated.approval
    assert _objection(repeated, repeated.approval) is None


@pytest.mark.parametrize(
    "approved",
    [
        f"{_DIGEST}/first",
        f"{_DIGEST}/{_DIGEST}",
        f"{_DIGEST}/last/{SOURCE_ID}/rows/1",
        f"{_DIGEST}/first//rows/1",
        f"{_DIGEST}/first/{SOURCE_ID}/rows,growth/1",
        f"{_DIGEST}/first/{SOURCE_ID}/rows+/1",
        f"{_DIGEST}/first/{SOURCE_ID}//1",
        f"{_DIGEST}/first/{SOURCE_ID}/rows/",
        f"{_DIGEST}/first/{SOURCE_ID}/rows/-1",
        f"{_DIGEST}/first/{SOURCE_ID}/rows/\u0661",
        f"{_DIGEST}/first/{SOURCE_ID}/rows/1/2",
    ],
)
def test_a_malformed_approval_is_an_error(approved):
    with pytest.raises(InvalidInputError, match="approved must be"):
        read_approval(approved)


@pytest.mark.parametrize("approved", [None, "", "  ", "None"])
def test_an_empty_approval_is_none(refused, approved):
    assert _objection(refused, approved) == ""
