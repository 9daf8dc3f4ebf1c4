import email.utils
import time
from datetime import datetime

import pytest

from sailpoint_provider.simulator.control import ControlError
from tests.unit.simulator.simulator_cases import (
    DIRECTORY,
)


@pytest.mark.parametrize("skew", [-600, 600])
def test_a_clock_ten_minutes_off(api, control, skew):
    control.clock(skew)
    answer = api.start(DIRECTORY)
    told = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert abs(told - time.time() - skew) < 3
    created = answer.json()["task"]["created"]
    assert created.endswith("Z")
    assert (
        abs(
            time.mktime(time.strptime(created[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time() - skew
        )
        < 3
    )


def _date(answer):
    return email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()


def test_every_answer_has_one_date_and_it_is_the_tenants(api, control, sailpoint_simulator):
    control.clock(-86400)
    control.fault("answer", status=500, path="account-aggregations")
    for answer in (
        api.token(),
        api.sources(),
        api.call("GET", "nothing"),
        api.status("x"),
        api.call("GET", "_simulator/health"),
        api.call("GET", ""),
    ):
        # requests joins repeated headers with a comma, and a date contains one.
        assert answer.headers["Date"].count(",") == 1
        assert abs(_date(answer) - time.time() + 86400) < 3
    assert control.clock()["skew_seconds"] == -86400


def test_a_record_follows_a_clock_that_changes_during_the_run(api, control, people):
    task = api.started(people, "id,name\n1,a\n")
    begun = api.task(task).json()["created"]
    control.clock(7200)
    control.finish(task)
    record = api.task(task).json()
    assert record["created"] == record["launched"] == begun
    assert _seconds(record["completed"]) - _seconds(begun) == pytest.approx(7200, abs=3)
    control.clock(0)
    assert api.task(task).json() == record


def test_a_skew_beyond_representable_dates_is_refused(api, control):
    for skew in (1e12, -1e12, float("nan"), float("inf")):
        with pytest.raises(ControlError, match="skew_seconds"):
            control.clock(skew)
    assert _date(api.sources()) == pytest.approx(time.time(), abs=3)


def _seconds(text):
    return datetime.fromisoformat(text).timestamp()
