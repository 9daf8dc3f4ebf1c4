from __future__ import annotations

import io
import random

import pytest

from sailpoint_provider.files.check import content as content_module
from sailpoint_provider.files.check.content import read_content
from sailpoint_provider.files.check.csv_rows import find_faults
from tests.unit.files.check.bad_files import COLUMNS, GOOD, csv

pytestmark = pytest.mark.usefixtures("one_database")

_PARTS = [b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"a", b"bc", b'",', b',"', b'"\n', "ü".encode(), b" "]


def _summary(data: bytes) -> tuple[object, ...]:
    found = read_content(io.BytesIO(data))
    return (
        found.rows,
        found.separators,
        found.is_suspicious,
        found.has_only_returns,
        found.mixes_line_ends,
        found.not_text,
        found.sha256,
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_where_a_block_ends_makes_no_difference(monkeypatch, size):
    dice = random.Random(size)
    for _ in range(300):
        data = b"".join(dice.choices(_PARTS, k=dice.randrange(1, 25)))
        monkeypatch.setattr(content_module, "_BLOCK", 2**20)
        whole = _summary(data)
        monkeypatch.setattr(content_module, "_BLOCK", size)
        assert _summary(data) == whole, data


def test_what_the_fast_pass_finds_in_order_the_exact_reader_does_not_refuse():
    dice = random.Random(7)
    orderly = 0
    for _ in range(4000):
        data = b"a,b\n" + b"".join(dice.choices(_PARTS, k=dice.randrange(1, 12)))
        found = read_content(io.BytesIO(data))
        faults = find_faults(io.BytesIO(data), 2).first
        shapely = [one for one in faults if "instead of" not in one and "blank" not in one]
        assert found.is_suspicious == bool(shapely), (data, faults)
        orderly += not faults
        if not faults:
            assert found.separators == found.rows, data
    assert orderly > 30


def test_quoted_line_ends_and_commas_are_not_counted():
    rows = [("1", "a,b", "c\nd\r\ne", '"')] * 3
    found = read_content(io.BytesIO(csv(rows)))
    assert (found.rows, found.separators, found.is_suspicious) == (4, 4 * (len(COLUMNS) - 1), False)


def test_the_line_of_a_faulty_byte_is_named_wherever_a_block_ends(monkeypatch):
    data = GOOD.replace(b"Gus", b"G\xfcs")
    for size in (1, 3, 64, 2**20):
        monkeypatch.setattr(content_module, "_BLOCK", size)
        assert "line 9 contains the byte 0xFC" in (read_content(io.BytesIO(data)).not_text or "")
