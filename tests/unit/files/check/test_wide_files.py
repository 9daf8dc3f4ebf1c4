from __future__ import annotations

from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.files.check import tables
from tests.unit.files.check.bad_files import csv
from tests.unit.files.check.cases import FACTS, checked


def _wide(count: int, rows: int = 3, changed: range = range(0)) -> bytes:
    columns = ("id", *(f"column{at}" for at in range(count)))
    lines = [(f"k{row}", *("new" if at in changed else "old" for at in range(count))) for row in range(rows)]
    return csv(lines, columns=columns)


def _checked(folder, count, **changes):
    facts = replace(FACTS, columns=None, accounts=3)
    return checked(folder, _wide(count, **changes), last=_wide(count), facts=facts)


@pytest.mark.parametrize("group", [1, 2, 3, 7, 100])
def test_the_changed_columns_do_not_depend_on_how_many_are_compared_at_once(tmp_path, monkeypatch, group):
    monkeypatch.setattr(tables, "_COLUMNS_AT_ONCE", group)
    found = _checked(tmp_path, 7, changed=range(2, 7, 2)).changed_columns
    assert found == {"column2": 3, "column4": 3, "column6": 3}


def test_a_file_of_1500_columns_is_compared(tmp_path):
    found = _checked(tmp_path, 1500, changed=range(0, 1500, 2)).changed_columns
    assert len(found) == 750


def test_too_many_columns_are_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(
        InvalidInputError, match="256 MB of memory is not enough for so many columns"
    ) as caught:
        _checked(tmp_path, 5000)
    assert "TMPDIR" not in str(caught.value)
    assert not caught.value.final
