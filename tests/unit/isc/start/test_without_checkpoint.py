"""Starts on an Airflow that stores no checkpoint."""

from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
)
from sailpoint_provider.isc.start.checkpoint import Checkpoint
from sailpoint_provider.isc.start.request import Busy, Skip, UnstoredTries
from tests.unit.isc.start.starter_cases import (
    an_id,
    at,
    busy_start,
    record,
    scenario,
)

UNSTORED = UnstoredTries(at(-100), may_be_older=False, may_adopt=True)


SKEWS = pytest.mark.parametrize("skew", [0.0, 600.0, -600.0])


def later_try(*running, skew=0.0, unstored=UNSTORED, **order):
    """A retry without memory of a DAG run that began 100 seconds ago; the records are of ISC's clock."""
    tenant = scenario(records=list(running), skew=skew)
    return tenant, tenant.begin(unstored=unstored, **order)


@SKEWS
@pytest.mark.parametrize(
    ("running", "adopted"),
    [
        ([(9, -20)], 9),
        ([(9, -20), (8, -500)], 9),
        ([(9, -20), (8, -10)], None),
        ([(8, -500)], None),
        ([(8, -100.5)], None),
        ([(8, -99.5)], None),
        ([(9, -20), (8, -99.5)], None),
    ],
    ids=[
        "one",
        "one and an older one",
        "several",
        "an older one",
        "too close",
        "also too close",
        "one of two",
    ],
)
def test_a_later_try_without_memory_follows_the_only_one_that_surely_began_since(running, adopted, skew):
    records = [record(number, None, seconds + skew) for number, seconds in running]
    _, begun = later_try(*records, skew=skew)
    assert isinstance(begun, Checkpoint if adopted else Busy)
    if adopted:
        assert begun.aggregation_id == an_id(adopted)


def test_a_later_try_without_memory_follows_nothing_without_a_time_to_compare():
    assert isinstance(later_try(record(8, None, None))[1], Busy)
    tenant = scenario(records=[record(8, None, -20)], date="yesterday")
    assert isinstance(tenant.begin(unstored=UNSTORED), Busy)


@pytest.mark.parametrize(
    "order",
    [{"disable_optimization": True}, {"unstored": replace(UNSTORED, may_adopt=False)}],
    ids=["a full run", "the first try after a clear"],
)
def test_a_later_try_without_memory_follows_nothing_that_only_isc_could_acknowledge(order):
    assert isinstance(later_try(record(9, None, -20), **order)[1], Busy)


@SKEWS
@pytest.mark.parametrize("if_running", ["fail", "skip"])
def test_a_later_try_without_memory_waits_for_what_may_be_its_own_and_skips_or_fails_for_others(
    if_running, skew
):
    mine = [record(9, None, -20 + skew), record(8, None, -10 + skew)]
    assert isinstance(later_try(*mine, skew=skew, if_running=if_running)[1], Busy)
    theirs = record(8, None, -500 + skew)
    if if_running == "skip":
        assert isinstance(later_try(theirs, skew=skew, if_running=if_running)[1], Skip)
    else:
        with pytest.raises(AggregationAlreadyRunningError):
            later_try(theirs, skew=skew, if_running=if_running)


@pytest.mark.parametrize("if_running", ["fail", "skip"])
def test_a_later_try_without_memory_that_is_refused_waits(if_running):
    tenant = scenario(replies=[busy_start], order={"if_running": if_running})
    begun = tenant.begin(unstored=UNSTORED, disable_optimization=True)
    assert begun == Busy(an_id(9))


@pytest.mark.parametrize("if_running", ["fail", "skip"])
@pytest.mark.parametrize(
    "changed", [{"may_be_older": True}, {"since": None}, {"may_be_older": True, "may_adopt": False}], ids=str
)
def test_after_a_clear_without_memory_even_an_older_one_may_be_its_own(changed, if_running):
    unstored = replace(UNSTORED, **changed)
    assert isinstance(later_try(record(8, None, -500), unstored=unstored, if_running=if_running)[1], Busy)


def test_a_later_try_without_memory_starts_where_none_runs():
    assert later_try(record(9, "SUCCESS", -20))[1].aggregation_id == an_id(1)
