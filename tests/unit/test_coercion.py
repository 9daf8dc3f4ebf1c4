"""The readers of single values: whatever ISC puts there, they answer the value or None."""

from datetime import UTC, datetime, timedelta

import pytest

from sailpoint_provider.coercion import as_bool, as_int, as_text, as_time, seconds
from sailpoint_provider.exceptions import InvalidInputError

MOMENT = datetime(2024, 5, 1, 14, 36, 52, 775000, tzinfo=UTC)
JUNK = [None, "", " ", "soon", True, False, [], {}, [1], {"a": 1}, object()]


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-01T14:36:52.775Z",
        "2024-05-01T14:36:52.775+00:00",
        "2024-05-01T16:36:52.775+02:00",
        "2024-05-01T14:36:52.775",
        " 2024-05-01T14:36:52.775Z ",
        1714574212775,
        1714574212775.0,
        "1714574212775",
        " 1714574212775 ",
    ],
)
def test_a_time_may_be_text_or_epoch_milliseconds(value):
    assert as_time(value) == MOMENT
    assert as_time(value).utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    "value",
    [
        *JUNK,
        "-",
        "--5",
        "\u00b2",
        "9" * 5000,
        10**400,
        1e300,
        float("nan"),
        float("inf"),
        "0001-01-01T00:00:00+10:00",
        "2024-13-01T00:00:00Z",
    ],
)
def test_a_time_that_is_none_is_left_out(value):
    assert as_time(value) is None


def test_a_time_before_1970_may_be_a_number():
    assert as_time("-1000") == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), (0, 0), (7.0, 7), ("7", 7), (" 7 ", 7), ("1,234", 1234), ("-1", -1), (10**30, 10**30)],
)
def test_a_count_may_be_a_number_or_text(value, expected):
    assert as_int(value) == expected


@pytest.mark.parametrize("value", [*JUNK, 7.5, "7.5", float("nan"), float("inf"), "9" * 5000])
def test_a_count_that_is_none_is_left_out(value):
    assert as_int(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), (" TRUE ", True), ("False", False)],
)
def test_a_truth_value_may_be_text(value, expected):
    assert as_bool(value) is expected


@pytest.mark.parametrize("value", [None, "", "yes", 0, 1, [], {}])
def test_a_truth_value_that_is_none_is_left_out(value):
    assert as_bool(value) is None


def test_a_text_is_stripped_and_empty_is_none():
    assert as_text(" SUCCESS ") == "SUCCESS"
    assert [as_text(value) for value in ("", "  ", None, 7, [], {})] == [None] * 6


@pytest.mark.parametrize("value", [1e10, 10**400, timedelta(days=4000)])
def test_a_duration_of_more_than_ten_years_is_refused(value):
    with pytest.raises(InvalidInputError, match="timeout must be at most ten years"):
        seconds(value, "timeout")
