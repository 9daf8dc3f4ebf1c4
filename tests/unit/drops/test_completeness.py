"""Which files are complete: by observation, by the folder's clock, by companions."""

from __future__ import annotations

import pytest

from sailpoint_provider.drops.completeness import (
    Observations,
    companions_of,
    digest_in,
    is_quiet_by_clock,
)
from sailpoint_provider.drops.entries import Entry, Listing, in_order


def entry(name="hr.csv", size=5, marker="m", modified=100.0, changed=None):
    return Entry(name, size, marker, modified, modified if changed is None else changed)


def listing(*entries):
    return Listing({one.name: one for one in entries}, is_known=True)


def test_a_file_is_quiet_after_two_listings_far_enough_apart():
    seen = Observations()
    seen.see([entry()], at=1000.0)
    assert not seen.are_quiet(entry(), 60.0)
    seen.see([entry()], at=1059.9)
    assert not seen.are_quiet(entry(), 60.0)
    seen.see([entry()], at=1060.0)
    assert seen.are_quiet(entry(), 60.0)


def test_a_restart_forgets_what_was_observed_even_of_a_file_with_old_times():
    seen = Observations()
    seen.see([entry(modified=1.0)], at=5000.0)
    assert not seen.are_quiet(entry(modified=1.0), 60.0)


def test_a_change_of_size_or_marker_or_an_absence_begins_the_time_anew():
    for between in (entry(size=6), entry(marker="n"), None):
        seen = Observations()
        seen.see([entry()], at=0.0)
        seen.see([between] if between else [], at=30.0)
        seen.see([entry()], at=60.0)
        assert not seen.are_quiet(entry(), 60.0)


def test_a_file_without_a_change_marker_is_never_quiet():
    seen = Observations()
    for at in (0.0, 100.0):
        seen.see([entry(marker="")], at=at)
    assert not seen.are_quiet(entry(marker=""), 60.0)
    assert not is_quiet_by_clock(entry(marker=""), 1e9, 60.0)


def test_a_copy_that_preserves_an_old_time_is_not_quiet_by_the_clock():
    assert is_quiet_by_clock(entry(modified=100.0, changed=940.0), 1000.0, 60.0)
    assert not is_quiet_by_clock(entry(modified=100.0, changed=941.0), 1000.0, 60.0)
    assert not is_quiet_by_clock(entry(modified=2000.0, changed=100.0), 1000.0, 60.0)


def test_companions_are_found_by_their_names():
    found = companions_of(
        entry(), listing(entry(), entry("hr.csv.ok"), entry("hr.csv.sha256"), entry("hr.done"))
    )
    assert [one.name for one in found] == ["hr.csv.ok", "hr.csv.sha256"]


def test_a_companion_that_an_earlier_file_left_does_not_count():
    late = entry(modified=100.0)
    assert companions_of(late, listing(late, entry("hr.csv.done", modified=98.9))) == []
    assert companions_of(late, listing(late, entry("hr.csv.done", modified=99.1))) != []


DIGEST = "0a" * 32


@pytest.mark.parametrize(
    "content",
    [
        DIGEST,
        f"{DIGEST.upper()}  hr.csv\n",
        f"\\{DIGEST}  h\\\\r.csv\n",
        f"{DIGEST} *{'1b' * 32}.csv\n",
        f"SHA256 (hr.csv) = {DIGEST}\n",
        f"SHA256 ({'1b' * 32}.csv) = {DIGEST}\n",
        f"SHA256 hash of hr.csv:\r\n{DIGEST}\r\nCertUtil: -hashfile command completed successfully.\r\n",
        f"\r\nAlgorithm  Hash  Path\r\n-----\r\nSHA256          {DIGEST.upper()}       C:\\hr.csv\r\n",
    ],
)
@pytest.mark.parametrize("coding", ["ascii", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_the_digest_is_read_as_the_usual_tools_write_it(content, coding):
    mark = "\ufeff" if coding.startswith("utf-16") else ""
    assert digest_in((mark + content).encode(coding)) == DIGEST


@pytest.mark.parametrize(
    "content", [b"", f"{DIGEST}0".encode(), DIGEST[1:].encode(), b"\xff\xfe\x00", b"\x00\xff"]
)
def test_other_text_has_no_digest(content):
    assert digest_in(content) is None


def test_drops_are_in_order_of_their_time_and_then_their_name():
    given = [entry("b", modified=2.0), entry("c", modified=1.0), entry("a", modified=2.0)]
    assert [one.name for one in in_order(given)] == ["c", "a", "b"]
