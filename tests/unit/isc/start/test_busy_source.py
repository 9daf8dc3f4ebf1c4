"""A source whose aggregation is still running."""

import pytest

from sailpoint_provider.exceptions import (
    AggregationAlreadyRunningError,
    AggregationTimeoutError,
)
from sailpoint_provider.isc.start.request import Busy, Skip
from tests.unit.isc.isc_cases import NOON
from tests.unit.isc.start.starter_cases import (
    an_id,
    busy,
    busy_start,
    scenario,
)


def test_a_start_refused_inside_the_202_looks_again_and_waits():
    tenant = scenario(replies=[busy_start])
    assert tenant.begin() == Busy(an_id(9))
    assert tenant.happened == ["look", "submitting", "start", "refused", "look"]
    tenant.end(9)
    assert tenant.begin().aggregation_id == an_id(1)


def refuse_always(tenant):
    """Refuse a start, with a list that never shows who runs."""
    reply = busy_start(tenant)
    tenant.records.clear()
    return reply


def test_starts_that_are_refused_while_nobody_shows_as_running_go_on_ever_slower_until_the_deadline():
    tenant = scenario(replies=[refuse_always] * 99, order={"deadline": NOON + 600})
    with pytest.raises(AggregationTimeoutError):
        tenant.begin()
    assert tenant.remembered.state == "refused"
    assert tenant.driver.pauses == sorted(tenant.driver.pauses)
    assert 3 < tenant.starts < 30


def test_a_refused_start_is_an_error_or_a_skip_as_if_running_says():
    with pytest.raises(AggregationAlreadyRunningError):
        scenario(replies=[refuse_always], order={"if_running": "fail"}).begin()
    skipped = scenario(replies=[refuse_always], order={"if_running": "skip"})
    assert isinstance(skipped.begin(), Skip)
    assert (skipped.starts, skipped.remembered.state) == (1, "refused")


def test_a_busy_source_is_waited_for_by_default():
    tenant = busy()
    assert tenant.begin() == Busy(an_id(9))
    assert tenant.happened == ["look"]


def test_a_busy_source_is_adopted_as_if_running_says():
    tenant = busy(if_running="adopt")
    begun = tenant.begin()
    assert (begun.aggregation_id, begun.state) == (an_id(9), "running")
    assert tenant.happened == ["look", "running"]


def test_a_busy_source_is_an_error_or_a_skip_as_if_running_says():
    with pytest.raises(AggregationAlreadyRunningError, match=f"{an_id(9)}.*'Directory'.*Nothing was started"):
        busy(if_running="fail").begin()
    skip = busy(if_running="skip").begin()
    assert isinstance(skip, Skip)
    assert an_id(9) in skip.reason


@pytest.mark.parametrize("if_running", ["wait", "adopt", "fail", "skip"])
def test_a_free_source_is_started_whatever_if_running_says(if_running):
    assert scenario(order={"if_running": if_running}).begin().aggregation_id == an_id(1)
