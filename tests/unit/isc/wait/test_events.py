import json

import pytest

from sailpoint_provider import exceptions
from sailpoint_provider.isc.api.models import AccountAggregationStatus, read_task_status
from sailpoint_provider.isc.outcome import BAD_STATES, GOOD_STATES, make_result
from sailpoint_provider.isc.wait.events import End, broken, ended, read_event
from tests.unit.isc.isc_cases import RUN, task_document


def result(completion_status="SUCCESS"):
    return make_result(
        RUN, AccountAggregationStatus("COMPLETED"), read_task_status(task_document(completion_status))
    )


def event(**changes):
    return {**ended(RUN, "succeeded"), **changes}


def over_the_wire(document):
    return json.loads(json.dumps(document))


@pytest.mark.parametrize("state", sorted(GOOD_STATES | BAD_STATES))
def test_an_end_comes_back(state):
    sent = over_the_wire(ended(RUN, state))
    assert read_event(sent, RUN) == read_event(sent) == End(RUN, state)


@pytest.mark.parametrize(
    "make",
    [
        lambda carried: ended(RUN, "succeeded", carried),
        lambda carried: broken(RUN, exceptions.ProtocolError("words"), carried),
    ],
    ids=["ended", "broken"],
)
def test_an_event_brings_back_what_its_trigger_was_given(make):
    carried = {"begun": 1.5, "checkpoint": {"state": "running"}}
    assert over_the_wire(make(carried))["carried"] == carried
    assert over_the_wire(make(None))["carried"] == {}


@pytest.mark.parametrize(
    "error",
    [
        exceptions.InvalidInputError("words", status=400, detail_code="400.1", tracking_id="t"),
        exceptions.AuthenticationError("words", status=401, final=True),
        exceptions.AuthenticationError("words", status=401),
        exceptions.AccessDeniedError("words", status=403),
        exceptions.RateLimitError("words", status=429),
        exceptions.TenantUnavailableError("words", sent=False),
        exceptions.AggregationTimeoutError("words"),
        exceptions.UnknownAggregationError("words", status=404),
        exceptions.ProtocolError("words"),
        exceptions.SailPointError("words"),
    ],
)
def test_an_error_comes_back_as_its_own_kind(error):
    with pytest.raises(type(error), match="words") as failure:
        read_event(over_the_wire(broken(RUN, error)), RUN)
    back = failure.value
    assert type(back) is type(error)
    assert (back.status, back.detail_code, back.tracking_id) == (
        error.status,
        error.detail_code,
        error.tracking_id,
    )
    assert back.final == error.final


def test_of_a_foreign_error_only_the_kind_is_told():
    with pytest.raises(exceptions.SailPointError, match="failed with KeyError") as failure:
        read_event(over_the_wire(broken(RUN, KeyError("s3cret"))), RUN)
    assert "s3cret" not in str(failure.value)
    assert not failure.value.final


def test_an_error_that_cannot_travel_is_told_by_its_kind():
    error = exceptions.AggregationFailedError(result("ERROR"))
    with pytest.raises(exceptions.SailPointError, match="AggregationFailedError"):
        read_event(broken(RUN, error), RUN)


@pytest.mark.parametrize("junk", [None, "ended", 7, [], [{"event": "ended"}], True])
def test_what_is_no_event_is_refused(junk):
    with pytest.raises(exceptions.ProtocolError, match="no event"):
        read_event(junk, RUN)


@pytest.mark.parametrize(
    "junk",
    [
        {},
        {"event": "timeout"},
        {"event": None, "result": {}},
        {"event": ["ended"], "result": {}},
        {"status": "success", "result": {"state": "succeeded"}},
    ],
)
def test_an_event_of_unknown_kind_is_refused(junk):
    with pytest.raises(exceptions.ProtocolError, match="unknown kind"):
        read_event(junk, RUN)


@pytest.mark.parametrize("key", ["aggregation_id", "state"])
def test_an_end_that_lacks_anything_is_refused(key):
    sent = event()
    del sent[key]
    with pytest.raises(exceptions.ProtocolError):
        read_event(sent, RUN)
    with pytest.raises(exceptions.ProtocolError):
        read_event(sent)


@pytest.mark.parametrize(
    "state", ["running", "SUCCEEDED", "", None, True, 7, ["succeeded"], {"succeeded": 1}]
)
def test_an_event_that_tells_no_end_is_refused(state):
    with pytest.raises(exceptions.ProtocolError, match="reports no end"):
        read_event(event(state=state), RUN)


@pytest.mark.parametrize("other", ["b" * 32, None, 7, RUN.upper()])
def test_the_end_of_another_aggregation_is_refused(other):
    with pytest.raises(exceptions.ProtocolError, match="not of"):
        read_event(event(aggregation_id=other), RUN)


@pytest.mark.parametrize("kind", [None, "KeyError", "SystemExit", "AggregationFailedError", 7, ["x"]])
def test_an_error_of_unknown_kind_is_still_an_error(kind):
    with pytest.raises(exceptions.SailPointError, match="words") as failure:
        read_event({"event": "error", "kind": kind, "message": "words"}, RUN)
    assert type(failure.value) is exceptions.SailPointError


def test_an_error_without_words_is_still_an_error():
    with pytest.raises(exceptions.SailPointError, match="without a word"):
        read_event({"event": "error"}, RUN)
