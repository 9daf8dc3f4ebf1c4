"""What is sent of a file, and what tells its states apart."""

from __future__ import annotations

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.start.upload import Content, FileStamp, Upload, is_packed, unpacked_name

STAMP = FileStamp("accounts.csv", 10, "1")
PACKED = FileStamp("accounts.csv.GZ", 10, "1")


def described(stamp, measure=None, now=None):
    return Upload("/drop/" + stamp.name, stamp, lambda: None, lambda: now or stamp, measure)


def test_a_plain_file_is_sent_as_it_is():
    upload = described(STAMP)
    assert upload.content() == Content("accounts.csv", 10, None)
    assert upload.sent_name == "accounts.csv"


def test_of_a_packed_file_its_content_is_sent():
    upload = described(PACKED, lambda: Content("accounts.csv", 99, "ab"))
    assert upload.content() == Content("accounts.csv", 99, "ab")
    assert upload.sent_name == "accounts.csv"


@pytest.mark.parametrize("name", ["a.csv.gz", "A.CSV.GZ", "a.gz"])
def test_a_name_tells_a_packed_file(name):
    assert is_packed(name)
    assert unpacked_name(name) == name[:-3]


@pytest.mark.parametrize("name", ["a.csv", "a.gz.csv", "gz"])
def test_a_name_tells_a_plain_file(name):
    assert not is_packed(name)


def test_a_packed_file_without_any_other_name_keeps_it():
    assert unpacked_name(".gz") == ".gz"


@pytest.mark.parametrize(
    "now", [FileStamp("accounts.csv.GZ", 10, "2"), FileStamp("accounts.csv.GZ", 11, "1")]
)
def test_a_packed_file_changes_with_what_is_stored(now):
    with pytest.raises(InvalidInputError, match="changed"):
        described(PACKED, now=now).check_unchanged()
