"""Retry-After, as seconds or as a date."""

from email.utils import formatdate

import pytest

from sailpoint_provider.isc.api.responses import error_of, retry_after
from tests.unit.isc.isc_cases import NOON, SOURCE_CALL, answer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("-3", 0.0),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("1e999", None),
    ],
)
def test_retry_after_may_be_seconds(value, expected):
    assert retry_after(answer(retry_after=value)) == expected


def test_retry_after_may_be_missing():
    assert retry_after(answer({})) is None


def test_retry_after_as_a_date_is_read_by_the_clock_of_the_server():
    effect = answer(
        retry_after=formatdate(NOON + 3607, usegmt=True), date=formatdate(NOON + 3600, usegmt=True)
    )
    assert retry_after(effect) == 7.0


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": "yesterday"}])
def test_retry_after_as_a_date_is_read_by_the_own_clock_where_the_server_shows_none(date):
    assert retry_after(answer(retry_after=formatdate(NOON + 7, usegmt=True), **date)) == 7.0


@pytest.mark.parametrize("zone", ["-0000", ""])
@pytest.mark.parametrize("server_zone", ["-0000", "", "GMT", "+0000"])
def test_dates_without_a_zone_are_utc(zone, server_zone):
    noon = "Tue, 14 Nov 2023 22:13:"
    assert formatdate(NOON, usegmt=True) == f"{noon}20 GMT"
    effect = answer(retry_after=f"{noon}27 {zone}".strip(), date=f"{noon}20 {server_zone}".strip())
    assert retry_after(effect) == 7.0


def test_a_date_that_has_passed_means_at_once():
    assert retry_after(answer(retry_after=formatdate(NOON - 60, usegmt=True))) == 0.0


def test_an_error_carries_the_retry_after():
    assert error_of(SOURCE_CALL, answer({}, 429, retry_after="9")).retry_after == 9.0
    assert error_of(SOURCE_CALL, answer({}, 503)).retry_after is None
