import json

import pytest

from sailpoint_provider import exceptions
from sailpoint_provider.isc.api.models import AccountAggregationStatus, read_task_status
from sailpoint_provider.isc.outcome import BAD_STATES, GOOD_STATES, make_result
from sailpoint_provider.isc.wait.events import broken, ended, read_event
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
    event = read_event(sent)
    assert event.ended_aggregation(RUN) == event.ended_aggregation() == RUN
    assert (event.status, event.state) == ("success" if state in GOOD_STATES else "failed", state)


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
        exceptions.RateLimitError("words", status=429, retry_after=7.5),
        exceptions.TenantUnavailableError("words", sent=False),
        exceptions.AggregationTimeoutError("words"),
        exceptions.UnknownAggregationError("words", status=404),
        exceptions.ProtocolError("words"),
        exceptions.SailPointError("words"),
    ],
)
def test_an_error_comes_back_as_its_own_kind(error):
    with pytest.raises(type(error), match="words") as failure:
        read_event(over_the_wire(broken(RUN, error))).ended_aggregation(RUN)
    back = failure.value
    assert type(back) is type(error)
    assert (back.status, back.detail_code, back.tracking_id) == (
        error.status,
        error.detail_code,
        error.tracking_id,
    )
    assert back.final == error.final
    assert back.retry_after == error.retry_after


def test_of_a_foreign_error_only_the_kind_is_reported():
    with pytest.raises(exceptions.SailPointError, match="failed with KeyError") as failure:
        read_event(over_the_wire(broken(RUN, KeyError("s3cret")))).ended_aggregation(RUN)
    assert "s3cret" not in str(failure.value)
    assert not failure.value.final


def test_an_error_that_cannot_travel_is_reported_by_its_kind():
    error = exceptions.AggregationFailedError(result("ERROR"))
    with pytest.raises(exceptions.SailPointError, match="AggregationFailedError"):
        read_event(broken(RUN, error)).ended_aggregation(RUN)


def test_a_timeout_has_a_status_of_its_own():
    for error in (exceptions.AggregationTimeoutError("words"), exceptions.ExecutionTimeoutError("words")):
        assert broken(RUN, error)["status"] == "timeout"
    assert broken(RUN, exceptions.ProtocolError("words"))["status"] == "error"


@pytest.mark.parametrize("wrong", [None, 7, ["a"]])
def test_an_error_about_an_id_that_is_not_text_is_still_an_error(wrong):
    with pytest.raises(exceptions.InvalidInputError, match="words"):
        read_event(broken(wrong, exceptions.InvalidInputError("words"))).ended_aggregation()


@pytest.mark.parametrize("junk", [None, "ended", 7, [], [{"status": "success"}], True, {}])
def test_what_is_not_an_event_is_refused(junk):
    with pytest.raises(exceptions.ProtocolError, match="malformed"):
        read_event(junk)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": "1"},
        {"version": None},
        {"status": "ended"},
        {"status": None},
        {"status": ["success"]},
        {"state": "SUCCEEDED"},
        {"state": ""},
        {"state": True},
        {"state": ["succeeded"]},
        {"aggregation_id": 7},
        {"carried": None},
        {"carried": 7},
        {"error": "words"},
        {"state": "\ud800"},
        {"\ud800": 1},
    ],
    ids=str,
)
def test_a_malformed_event_is_refused(changes):
    with pytest.raises(exceptions.ProtocolError, match="malformed"):
        read_event(event(**changes))


@pytest.mark.parametrize("key", ["version", "status", "aggregation_id", "carried"])
def test_an_end_that_lacks_a_key_is_refused(key):
    sent = event()
    del sent[key]
    with pytest.raises(exceptions.ProtocolError, match="malformed"):
        read_event(sent)


ERROR = broken(RUN, exceptions.ProtocolError("words"))
TIMEOUT = broken(RUN, exceptions.AggregationTimeoutError("words"))


@pytest.mark.parametrize(
    "contradiction",
    [
        event(state="running"),
        event(state="failed"),
        event(state=None),
        event(aggregation_id=None),
        event(error=ERROR["error"]),
        event(status="error"),
        ended(RUN, "failed") | {"status": "success"},
        ERROR | {"state": "succeeded"},
        ERROR | {"status": "timeout"},
        ERROR | {"error": None},
        TIMEOUT | {"status": "error"},
        TIMEOUT | {"status": "success"},
        *(
            ERROR | {"error": ERROR["error"] | {"kind": kind}}
            for kind in ("KeyError", "AggregationFailedError")
        ),
    ],
    ids=str,
)
def test_an_event_that_contradicts_itself_is_refused(contradiction):
    with pytest.raises(exceptions.ProtocolError, match="contradicts itself"):
        read_event(contradiction)


@pytest.mark.parametrize(
    "key", ["kind", "message", "http_status", "detail_code", "tracking_id", "final", "retry_after"]
)
def test_an_error_that_lacks_a_key_is_refused(key):
    error = {name: value for name, value in ERROR["error"].items() if name != key}
    with pytest.raises(exceptions.ProtocolError, match="malformed"):
        read_event(ERROR | {"error": error})


@pytest.mark.parametrize("other", ["b" * 32, RUN.upper()])
def test_the_end_of_another_aggregation_is_refused(other):
    with pytest.raises(exceptions.ProtocolError, match="is about"):
        read_event(event(aggregation_id=other)).ended_aggregation(RUN)
