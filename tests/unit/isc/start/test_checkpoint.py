"""What is remembered of a start, as JSON and back."""

import json

import pytest

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.outcome import make_result
from sailpoint_provider.isc.start.checkpoint import Baseline, read_checkpoint
from sailpoint_provider.isc.start.checkpoint_store import NoCheckpointStore
from tests.unit.isc.start.starter_cases import SENT, STATE, an_id, checkpoint, checkpoint_of_file, record

RESULT = make_result(an_id(1), None, record(1, "SUCCESS")) | {"file": SENT}


@pytest.mark.parametrize(
    "one",
    [
        checkpoint("submitting"),
        checkpoint("submitting", baseline=Baseline("2026-01-01T00:00:00+00:00", (an_id(4), an_id(5)))),
        checkpoint("submitting", baseline=Baseline(None, (an_id(4),)), may_run=True),
        checkpoint("unanswered", aggregation_id=None, may_run=True, clear_number=3),
        checkpoint("refused", aggregation_id=None, disable_optimization=True),
        checkpoint("discarded"),
        checkpoint_of_file("running", usual_seconds=4.5),
        checkpoint("running").returned(make_result(an_id(1), None, record(1, "SUCCESS"))),
        checkpoint("running").returned(make_result(an_id(1))),
        checkpoint_of_file("submitting").running(an_id(1), SENT).returned(RESULT),
    ],
)
def test_a_checkpoint_survives_json(one):
    assert read_checkpoint(json.loads(json.dumps(one.to_json()))) == one


def test_each_step_of_a_checkpoint_keeps_the_steps_before():
    started = checkpoint_of_file("submitting", may_run=True).running(an_id(2), SENT)
    assert (started.state, started.aggregation_id, started.file) == ("running", an_id(2), STATE)
    assert not started.may_run
    ended = started.returned(RESULT)
    assert (ended.state, ended.aggregation_id, ended.result) == ("returned", an_id(2), RESULT)


@pytest.mark.parametrize(
    ("one", "needs"),
    [
        (checkpoint("submitting"), False),
        (checkpoint("submitting", disable_optimization=True), True),
        (checkpoint_of_file("submitting"), True),
    ],
)
def test_only_isc_itself_can_show_that_a_file_or_a_full_run_is_ours(one, needs):
    assert one.needs_acknowledgement is needs


GOOD = checkpoint_of_file("running").to_json()
RETURNED = checkpoint_of_file("running").returned(RESULT).to_json()


@pytest.mark.parametrize(
    "document",
    [
        "",
        [],
        7,
        {},
        {"state": "running"},
        GOOD | {"version": 0},
        GOOD | {"version": "1"},
        {key: value for key, value in GOOD.items() if key != "version"},
        GOOD | {"state": "ended"},
        GOOD | {"state": None},
        GOOD | {"state": ["running"]},
        GOOD | {"state": "\ud800"},
        GOOD | {"aggregation_id": None},
        GOOD | {"aggregation_id": "../../sources"},
        GOOD | {"aggregation_id": 7},
        GOOD | {"source_id": "a b"},
        GOOD | {"max_tries": "1"},
        GOOD | {"clear_number": 1.5},
        GOOD | {"deadlines": GOOD["deadlines"] | {"deadline": "tomorrow"}},
        GOOD | {"deadlines": GOOD["deadlines"] | {"deadline": float("nan")}},
        GOOD | {"deadlines": GOOD["deadlines"] | {"deadline": None}},
        GOOD | {"deadlines": GOOD["deadlines"] | {"begun": None}},
        GOOD | {"deadlines": GOOD["deadlines"] | {"begun": float("inf")}},
        GOOD | {"may_run": 1},
        GOOD | {"file": "accounts.csv"},
        GOOD | {"file": {"name": "accounts.csv"}},
        GOOD | {"file": None},
        GOOD | {"file_location": None},
        GOOD | {"sent": {"size": 1}},
        GOOD | {"sent": None},
        GOOD | {"baseline": [1]},
        GOOD | {"baseline": {"ids": [1]}},
        {key: value for key, value in GOOD.items() if key != "deadlines"},
        RETURNED | {"result": None},
        RETURNED | {"result": {}},
        RETURNED | {"result": RESULT | {"state": "great"}},
        RETURNED | {"result": RESULT | {"state": "failed"}},
        RETURNED | {"result": RESULT | {"aggregation_id": an_id(2)}},
        RETURNED | {"result": RESULT | {"file": None}},
        RETURNED | {"result": RESULT | {"accounts": {}}},
        RETURNED | {"result": {key: value for key, value in RESULT.items() if key != "messages"}},
        RETURNED | {"result": {key: value for key, value in RESULT.items() if key != "entitlements"}},
    ],
    ids=str,
)
def test_what_is_not_a_checkpoint_of_this_version_is_refused_with_a_reason(document):
    with pytest.raises(ProtocolError, match=r"malformed|version"):
        read_checkpoint(document)


def test_nothing_stored_is_no_checkpoint():
    assert read_checkpoint(None) is None


def test_what_may_be_missing_is_empty():
    short = {
        key: value
        for key, value in checkpoint().to_json().items()
        if key not in ("baseline", "sent", "result")
    }
    read = read_checkpoint(short)
    assert (read.baseline, read.sent, read.result, read.may_run) == (Baseline(), None, None, False)


def test_without_a_store_nothing_is_remembered():
    memory = NoCheckpointStore()
    memory.save(checkpoint())
    assert memory.load() is None
