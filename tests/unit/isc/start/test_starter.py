"""The first try of a start: the order of what happens, and what each answer of ISC leads to."""

from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationAlreadyRunningError,
    AggregationTimeoutError,
    AuthenticationError,
    CheckpointError,
    FileRefusedError,
    InvalidInputError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.api.models import StartResponse
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.isc.start.checkpoint import Checkpoint
from sailpoint_provider.isc.start.request import Busy, Skip, UnstoredTries
from tests.unit.isc.isc_cases import NOON
from tests.unit.isc.start.starter_cases import (
    BUSY_WORDS,
    DAY,
    LOST,
    SENT,
    STATE,
    FakeFile,
    StartScenario,
    an_id,
    at,
    busy_start,
    good_start,
    record,
    refused,
    unanswered,
)

FILES = pytest.mark.parametrize("has_file", [False, True], ids=["no file", "file"])


def unsent(error):
    error.sent = False
    return error


STRANGE = StartResponse(None)
AMBIGUOUS = [
    LOST,
    *(TenantUnavailableError(f"HTTP {status}", status=status) for status in (408, 500, 502, 503, 504)),
    ProtocolError("not JSON"),
    STRANGE,
]
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


def a_file(**order):
    return {"file": FakeFile(), "order": order}


def a_full_run(**order):
    return {"order": {"disable_optimization": True} | order}


OWN = pytest.mark.parametrize("own", [a_file, a_full_run])


def words(error):
    return str(error) or "no id"


def scenario(has_file=False, **changed):
    return StartScenario(file=FakeFile() if has_file else None, **changed)


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


@pytest.mark.parametrize("reply", AMBIGUOUS, ids=words)
def test_an_unanswered_ordinary_start_that_left_one_aggregation_is_followed_and_not_sent_again(reply):
    tenant = scenario(records=[record(5, "SUCCESS")], replies=[unanswered(1, error=reply)])
    begun = tenant.begin()
    assert begun.aggregation_id == an_id(1) == tenant.remembered.aggregation_id
    assert tenant.happened == ["look", "submitting", "start", "look", "running"]


@OWN
@pytest.mark.parametrize("reply", AMBIGUOUS, ids=words)
@pytest.mark.parametrize("ending", [None, "SUCCESS"], ids=["runs", "ended"])
def test_what_isc_did_not_acknowledge_is_never_followed_however_well_it_fits(reply, ending, own):
    tenant = StartScenario(**own(), replies=[unanswered(7, error=reply, completion_status=ending)])
    begun = tenant.begin()
    if ending is None:
        assert begun == Busy(an_id(7), may_run=True)
        assert (tenant.remembered.state, tenant.remembered.may_run) == ("unanswered", True)
        tenant.end(7)
        begun = tenant.begin()
    assert begun.aggregation_id == an_id(1)
    assert begun.sent == (SENT if tenant.file else None)
    assert tenant.starts == 2


@OWN
def test_an_unacknowledged_start_that_left_nothing_is_sent_again_without_a_long_wait(own):
    tenant = StartScenario(**own(), replies=[LOST])
    assert tenant.begin().aggregation_id == an_id(1)
    assert tenant.happened[:4] == ["look", "submitting", "start", "unanswered"]
    assert tenant.happened[4:] == ["look", "submitting", "start", "running"]
    assert tenant.elapsed < 2 * reconcile.RECONCILE_PAUSE


@OWN
def test_an_unacknowledged_start_that_shows_late_refuses_the_second_one_and_is_waited_for(own):
    """Loaded twice, one after the other, and the second one is reported."""
    late = []

    def start_unseen(tenant):
        late.append(record(7, seconds=tenant.elapsed))
        return LOST

    def refuse(tenant):
        tenant.records += late
        tenant.records.append(refused(107, tenant.elapsed))
        return StartResponse(an_id(107), (BUSY_WORDS,))

    for if_running in ("wait", "fail", "skip"):
        late.clear()
        tenant = StartScenario(**own(if_running=if_running), replies=[start_unseen, refuse])
        assert tenant.begin() == Busy(an_id(7), may_run=True)
        tenant.end(7)
        assert tenant.begin().aggregation_id == an_id(1)
        assert tenant.starts == 3


@pytest.mark.parametrize("reply", AMBIGUOUS, ids=words)
def test_an_unanswered_ordinary_start_that_left_nothing_is_sent_again_after_half_a_minute(reply):
    tenant = scenario(records=[record(5, "SUCCESS")], replies=[reply])
    assert tenant.begin().aggregation_id == an_id(1)
    assert tenant.starts == 2
    assert (
        reconcile.RECONCILE_SECONDS
        <= tenant.elapsed
        < reconcile.RECONCILE_SECONDS + 2 * reconcile.RECONCILE_PAUSE
    )
    last_intent = tenant.happened[::-1].index("submitting")
    assert tenant.happened[::-1][:last_intent] == ["running", "start"]


def test_an_aggregation_that_shows_only_later_is_still_found():
    tenant = scenario(replies=[LOST])

    def show(call, tenant):
        if tenant.elapsed > 20 and not tenant.records:
            tenant.records.append(record(1, seconds=0))

    tenant.trouble = show
    assert tenant.begin().aggregation_id == an_id(1)
    assert tenant.starts == 1


def test_a_refusal_among_the_records_settles_an_unanswered_start_without_a_wait():
    def refuse_unheard(tenant):
        tenant.records.append(refused(4, tenant.elapsed))
        return LOST

    tenant = scenario(replies=[refuse_unheard])
    assert tenant.begin().aggregation_id == an_id(1)
    assert tenant.starts == 2
    assert tenant.elapsed < reconcile.RECONCILE_PAUSE


def test_the_rival_that_a_start_was_refused_for_is_not_followed_where_the_answer_is_lost():
    def refuse_unheard(tenant):
        busy_start(tenant)
        return LOST

    tenant = scenario(replies=[refuse_unheard])
    assert tenant.begin() == Busy(an_id(9), may_run=True)
    tenant.end(9)
    assert tenant.begin().aggregation_id == an_id(1)


def test_of_several_aggregations_after_an_unanswered_start_none_is_taken():
    tenant = scenario(replies=[unanswered(7, 8, completion_status="SUCCESS")])
    assert tenant.begin().aggregation_id == an_id(1)
    assert tenant.starts == 2


def test_of_several_aggregations_that_run_none_is_taken_and_one_is_waited_for():
    tenant = scenario(replies=[unanswered(7, 8)])
    assert isinstance(tenant.begin(), Busy)
    assert (tenant.starts, tenant.remembered.state) == (1, "unanswered")


@pytest.mark.parametrize("if_running", ["fail", "skip"])
def test_what_may_be_an_earlier_start_is_waited_for_whatever_if_running_says(if_running):
    tenant = scenario(replies=[unanswered(7, 8)], order={"if_running": if_running})
    assert isinstance(tenant.begin(), Busy)
    tenant.end(7)
    assert tenant.begin() == Busy(an_id(8), may_run=True)
    tenant.end(8)
    assert tenant.begin().aggregation_id == an_id(1)


def test_an_aggregation_of_the_same_moment_as_the_mark_is_distinguished_from_it_by_its_id():
    tenant = scenario(records=[record(5, "SUCCESS", 0)], replies=[unanswered(1)])
    assert tenant.begin().aggregation_id == an_id(1)


@pytest.mark.parametrize("before", [[], [record(5, "SUCCESS", None)]], ids=["no records", "no times"])
def test_without_a_time_to_compare_with_the_new_id_is_taken(before):
    tenant = scenario(records=before, replies=[unanswered(1)])
    assert tenant.begin().aggregation_id == an_id(1)


def test_a_record_without_a_time_is_not_taken_where_the_mark_has_one():
    tenant = scenario(records=[record(5, "SUCCESS")], replies=[LOST])
    tenant.records.append(record(6, "SUCCESS", None))
    assert tenant.begin().aggregation_id == an_id(1)
    assert tenant.starts == 2


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


@pytest.mark.parametrize("reply", AMBIGUOUS, ids=words)
def test_one_try_sends_three_starts_at_the_most(reply):
    tenant = scenario(replies=[reply] * 9)
    with pytest.raises((TenantUnavailableError, ProtocolError)):
        tenant.begin()
    assert (tenant.starts, tenant.remembered.state) == (3, "unanswered")


def test_an_intent_stays_where_isc_cannot_be_asked_what_came_of_it():
    tenant = scenario(replies=[LOST], order={"tolerate_outage": 60.0})
    tenant.trouble = lambda call, tenant: LOST if tenant.starts and call.method == "GET" else None
    with pytest.raises(TenantUnavailableError):
        tenant.begin()
    assert tenant.remembered.state == "submitting"
    assert 60 < tenant.elapsed < 70


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


def busy(**order):
    return scenario(records=[record(9, None, -20), record(8, "SUCCESS")], order=order)


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


def test_time_that_is_over_while_the_source_is_busy_names_the_other_one():
    tenant = busy(deadline=NOON)
    with pytest.raises(AggregationTimeoutError, match=f"Nothing was started: .*Another.*{an_id(9)}"):
        tenant.begin()


def test_time_that_is_over_before_the_start_starts_nothing():
    tenant = scenario(order={"deadline": NOON})
    with pytest.raises(AggregationTimeoutError, match="Nothing was started"):
        tenant.begin()
    assert tenant.starts == 0


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


def test_a_good_start_is_followed_even_where_the_list_lags_behind():
    tenant = scenario(replies=[lambda tenant: good_start(tenant, 2)])
    assert tenant.begin().aggregation_id == an_id(2)
    assert tenant.elapsed < 1
