"""What a start reports for metrics: each start, each refusal and each adoption once, and nothing else."""

import pytest

from sailpoint_provider.exceptions import AggregationAlreadyRunningError, InvalidInputError
from sailpoint_provider.isc.start.request import Skip
from tests.unit.isc.start.starter_cases import (
    FakeFile,
    StartScenario,
    busy_start,
    checkpoint,
    record,
    unanswered,
)


def observed(act=lambda task: task.begin(), **task):
    outcome = StartScenario(**task)
    act(outcome)
    return outcome.observed


def failing(error, **changed):
    def act(task):
        with pytest.raises(error):
            task.begin(**changed)

    return act


def test_an_acknowledged_start_is_one():
    assert observed() == ["started"]


def test_a_start_that_is_found_again_is_one():
    assert observed(replies=[unanswered(1)]) == ["started"]


def test_a_file_that_is_sent_twice_is_one_start_once_it_is_acknowledged():
    assert observed(file=FakeFile(), replies=[unanswered()]) == ["started"]


def test_a_start_that_isc_refuses_is_no_start():
    refusing = failing(AggregationAlreadyRunningError, if_running="fail")
    assert observed(refusing, replies=[busy_start]) == ["refused"]


def test_a_bad_request_is_neither_a_start_nor_a_refusal_for_a_busy_source():
    assert observed(failing(InvalidInputError), replies=[InvalidInputError("no", status=400)]) == []


@pytest.mark.parametrize("if_running", ["wait", "skip"])
def test_a_busy_source_is_reported_although_nothing_was_sent(if_running):
    outcome = StartScenario(records=[record(5)])
    left = outcome.begin(if_running=if_running)
    assert isinstance(left, Skip) == (if_running == "skip")
    assert (outcome.observed, outcome.starts) == (["busy"], 0)


def test_a_busy_source_that_fails_the_task_is_reported_too():
    busy = failing(AggregationAlreadyRunningError, if_running="fail")
    assert observed(busy, records=[record(5)]) == ["busy"]


def test_an_adoption_is_no_start_and_no_refusal():
    assert observed(lambda task: task.begin(if_running="adopt"), records=[record(5)]) == ["adopted"]


def test_resuming_the_wait_of_an_earlier_try_is_nothing_new():
    assert observed(checkpoint=checkpoint("running", 5), records=[record(5)]) == []
