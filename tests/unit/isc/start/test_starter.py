"""The first start of a source, from the look at ISC to the stored ID."""

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationTimeoutError,
    AuthenticationError,
    CheckpointError,
    FileRefusedError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.start.request import Busy
from tests.unit.isc.isc_cases import NOON
from tests.unit.isc.start.starter_cases import (
    DAY,
    OWN,
    SENT,
    STATE,
    FakeFile,
    StartScenario,
    an_id,
    at,
    busy,
    busy_start,
    good_start,
    record,
    scenario,
    words,
)

FILES = pytest.mark.parametrize("has_file", [False, True], ids=["no file", "file"])


def unsent(error):
    error.sent = False
    return error


CERTAIN = [
    RateLimitError("slow down", status=429),
    InvalidInputError("bad header", status=400),
    AuthenticationError("who?", status=401),
    AccessDeniedError("no scope", status=403),
    InvalidInputError("no such source", status=404),
    InvalidInputError("retired", status=410),
    InvalidInputError("the file changed", final=False),
    TenantUnavailableError("no connection", sent=False),
    unsent(ProtocolError("the answer to the token request is not JSON")),
]


@FILES
def test_a_first_try_looks_then_writes_its_intent_then_starts_then_writes_the_id(has_file):
    tenant = scenario(has_file)
    begun = tenant.begin()
    assert tenant.happened == ["look", "submitting", "start", "running"]
    assert begun.state == "running"
    assert begun == tenant.remembered
    assert begun.aggregation_id == an_id(1)
    assert (begun.file, begun.sent) == ((STATE, SENT) if has_file else (None, None))
    assert (begun.deadlines.begun, begun.deadlines.deadline) == (NOON, NOON + DAY)


def test_the_intent_holds_the_newest_records_of_iscs_own_clock():
    tenant = scenario(records=[record(1, "SUCCESS", -50), record(2, "ERROR", -9), record(3, "SUCCESS", -9)])
    mark = tenant.begin().baseline
    assert mark.created == at(-9).isoformat()
    assert set(mark.ids) == {an_id(2), an_id(3)}


def test_a_file_that_is_missing_is_reported_before_anything_is_asked():
    tenant = scenario(records=[record(9)])
    tenant.file = FakeFile(state=None)
    with pytest.raises(InvalidInputError):
        tenant.begin()
    assert tenant.happened == []


def test_a_file_that_is_missing_when_the_source_is_free_starts_nothing_and_leaves_no_intent():
    tenant = scenario(True)

    def take_away(call, tenant):
        tenant.file.state = None

    tenant.trouble = take_away
    with pytest.raises(InvalidInputError):
        tenant.begin()
    assert tenant.happened == ["look"]


@FILES
@pytest.mark.parametrize("error", CERTAIN, ids=words)
def test_a_start_that_certainly_did_not_happen_is_not_looked_for_and_that_is_stored(error, has_file):
    tenant = scenario(has_file, replies=[error])
    with pytest.raises(type(error)) as caught:
        tenant.begin()
    assert str(caught.value) == str(error)
    assert isinstance(caught.value, FileRefusedError) is (bool(has_file) and error.status == 400)
    assert tenant.happened == ["look", "submitting", "start", "refused"]


@pytest.mark.parametrize("error", CERTAIN, ids=words)
def test_a_refused_start_that_cannot_be_stored_ends_the_task_before_a_retry_is_misled(error):
    tenant = scenario(replies=[error], unwritable=("refused",))
    with pytest.raises(type(error) if error.final else CheckpointError) as caught:
        tenant.begin()
    assert caught.value.final


def test_a_refusal_for_a_rival_that_cannot_be_stored_ends_the_task_before_a_retry_is_misled():
    tenant = scenario(replies=[busy_start], unwritable=("refused",))
    with pytest.raises(CheckpointError) as caught:
        tenant.begin()
    assert caught.value.final


@OWN
def test_a_refusal_that_cannot_be_stored_misleads_nobody_who_needs_an_acknowledgement(own):
    tenant = StartScenario(**own(), replies=[busy_start], unwritable=("refused",))
    assert tenant.begin() == Busy(an_id(9))
    tenant.end(9)
    assert tenant.begin().aggregation_id == an_id(1)


def test_an_intent_that_cannot_be_stored_starts_nothing():
    tenant = scenario(unwritable=("submitting",))
    with pytest.raises(CheckpointError) as caught:
        tenant.begin()
    assert (tenant.starts, caught.value.final) == (0, False)


def test_time_that_is_over_while_the_source_is_busy_names_the_other_one():
    tenant = busy(deadline=NOON)
    with pytest.raises(AggregationTimeoutError, match=f"Nothing was started: .*Another.*{an_id(9)}"):
        tenant.begin()


def test_time_that_is_over_before_the_start_starts_nothing():
    tenant = scenario(order={"deadline": NOON})
    with pytest.raises(AggregationTimeoutError, match="Nothing was started"):
        tenant.begin()
    assert tenant.starts == 0


def test_a_good_start_is_followed_even_where_the_list_lags_behind():
    tenant = scenario(replies=[lambda tenant: good_start(tenant, 2)])
    assert tenant.begin().aggregation_id == an_id(2)
    assert tenant.elapsed < 1
