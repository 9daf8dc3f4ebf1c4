import pytest

from sailpoint_provider.isc.api.models import read_source
from sailpoint_provider.isc.api.source_settings import delete_threshold, merges_rows
from tests.unit.isc.isc_cases import SOURCE


@pytest.mark.parametrize(("value", "percentage"), [(1, 1.0), (10, 10.0), ("25", 25.0), (100, 100.0)])
def test_a_percentage_is_the_threshold(value, percentage):
    assert delete_threshold(value) == percentage


@pytest.mark.parametrize("value", [None, 0, "0", -1, 101, "", "ten", True, [], {}, 12.5])
def test_anything_else_is_no_threshold(value):
    assert delete_threshold(value) is None


@pytest.mark.parametrize("value", [True, "true", "True"])
def test_a_source_that_merges_rows_says_so_as_boolean_or_text(value):
    assert merges_rows({"mergeRows": value})


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        [],
        "mergeRows",
        {},
        {"mergeRows": False},
        {"mergeRows": "false"},
        {"mergeRows": None},
        {"mergeRows": 1},
        {"group.mergeRows": True},
        {"mergeColumns": ["groups"]},
    ],
)
def test_any_other_source_has_a_row_per_account(attributes):
    assert not merges_rows(attributes)


def test_both_are_read_with_the_source():
    source = read_source({"id": SOURCE, "deleteThreshold": 10, "connectorAttributes": {"mergeRows": "true"}})
    assert (source.delete_threshold, source.merges_rows) == (10.0, True)
    bare = read_source({"id": SOURCE})
    assert (bare.delete_threshold, bare.merges_rows) == (None, False)
