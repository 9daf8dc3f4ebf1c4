"""A later try of a start: what is taken up of the earlier one, and what is started anew."""

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    RateLimitError,
    TenantUnavailableError,
)
from sailpoint_provider.files.source import FileState
from sailpoint_provider.isc.outcome import make_result
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.isc.start.checkpoint import Baseline, Checkpoint
from sailpoint_provider.isc.start.request import Busy
from tests.unit.isc.isc_cases import NOON
from tests.unit.isc.start.starter_cases import (
    DAY,
    LOST,
    PLACE,
    SENT,
    UNKNOWN,
    FakeFile,
    StartScenario,
    an_id,
    at,
    checkpoint,
    checkpoint_of_file,
    record,
    refused,
)

FILES = pytest.mark.parametrize("has_file", [False, True], ids=["no file", "file"])
MARK = Baseline(at(-200).isoformat(), (an_id(5),))
OLD = record(5, "SUCCESS", -200)
NEW = 1  # the number that a start gets here
EARLIER = 3


CLEARS = pytest.mark.parametrize(
    "clear", [{"max_tries": 1}, {"clear_number": 1}, {"max_tries": 1, "clear_number": 1}], ids=str
)


def again(has_file, state, *records, **changed):
    made = checkpoint_of_file if has_file else checkpoint
    usual = {"number": EARLIER} | ({"baseline": MARK} if state == "submitting" else {})
    if state == "returned":
        sent = SENT if has_file else None
        usual |= {"result": make_result(an_id(EARLIER), None, record(EARLIER, "SUCCESS")) | {"file": sent}}
    return StartScenario(
        records=[OLD, *records],
        checkpoint=made(state, **usual | changed),
        file=FakeFile() if has_file else None,
    )


def started_anew(begun):
    return isinstance(begun, Checkpoint) and begun.state == "running" and begun.aggregation_id == an_id(NEW)


def taken_up(begun):
    return (
        isinstance(begun, Checkpoint) and begun.state == "running" and begun.aggregation_id == an_id(EARLIER)
    )


@FILES
def test_a_retry_after_the_result_returns_it_without_asking_anything(has_file):
    tenant = again(has_file, "returned")
    assert tenant.begin() == tenant.checkpoint
    assert tenant.happened == []


@CLEARS
@FILES
def test_a_clear_after_the_result_starts_anew(has_file, clear):
    tenant = again(has_file, "returned", record(EARLIER, "SUCCESS"), clear_number=0)
    assert started_anew(tenant.begin(**{"clear_number": 0} | clear))
    assert tenant.starts == 1


@pytest.mark.parametrize("clear", [{}, {"max_tries": 1}, {"clear_number": 1}], ids=str)
@FILES
def test_an_aggregation_that_still_runs_is_waited_for(has_file, clear):
    tenant = again(has_file, "running", record(EARLIER), clear_number=0)
    assert taken_up(tenant.begin(**{"clear_number": 0} | clear))
    assert tenant.starts == 0
    kept = tenant.remembered
    assert {"max_tries": kept.max_tries, "clear_number": kept.clear_number} == {
        "max_tries": 0,
        "clear_number": 0,
    } | clear


def test_a_retry_on_an_airflow_that_shows_no_clears_takes_up_what_it_left():
    assert again(False, "returned", clear_number=None).begin(clear_number=None).state == "returned"


def test_a_retry_keeps_the_deadline_of_the_first_try_and_a_clear_renews_it():
    kept = again(False, "running", record(EARLIER)).begin()
    assert (kept.deadlines.begun, kept.deadlines.deadline) == (NOON - 500, NOON + 500)
    renewed = again(False, "running", record(EARLIER)).begin(max_tries=1)
    assert (renewed.deadlines.begun, renewed.deadlines.deadline) == (NOON, NOON + DAY)


@FILES
@pytest.mark.parametrize(
    ("ending", "fail_on_warning", "is_good"),
    [
        ("SUCCESS", False, True),
        ("SUCCESS", True, True),
        ("WARNING", False, True),
        ("WARNING", True, False),
        ("ERROR", False, False),
        ("TERMINATED", False, False),
        ("TEMPERROR", False, False),
    ],
)
def test_a_retry_takes_a_good_end_up_and_starts_anew_after_a_bad_one(
    has_file, ending, fail_on_warning, is_good
):
    begun = again(has_file, "running", record(EARLIER, ending)).begin(fail_on_warning=fail_on_warning)
    assert taken_up(begun) if is_good else started_anew(begun)


@pytest.mark.parametrize("ending", ["SUCCESS", "WARNING", "ERROR"])
@pytest.mark.parametrize("state", ["running", "submitting"])
def test_a_clear_starts_anew_however_the_earlier_one_ended(ending, state):
    assert started_anew(again(False, state, record(EARLIER, ending)).begin(max_tries=1))


def test_an_ordinary_intent_whose_aggregation_runs_is_taken_up():
    tenant = again(False, "submitting", record(EARLIER))
    begun = tenant.begin()
    assert taken_up(begun)
    assert tenant.remembered == begun


@pytest.mark.parametrize("if_running", ["fail", "skip"])
def test_an_aggregation_that_only_the_search_attributes_leaves_a_start_that_may_yet_take_effect(if_running):
    assert again(False, "submitting", record(EARLIER)).begin().may_run
    tenant = again(False, "running", record(EARLIER, "ERROR"), record(7), may_run=True)
    assert tenant.begin(if_running=if_running) == Busy(an_id(7), may_run=True)


@CLEARS
def test_a_clear_takes_nothing_up_that_only_an_intent_speaks_for_and_waits_for_what_runs(clear):
    tenant = again(False, "submitting", record(EARLIER), clear_number=0)
    asked = {"clear_number": 0} | clear
    assert tenant.begin(**asked) == Busy(an_id(EARLIER), may_run=True)
    tenant.end(EARLIER)
    assert started_anew(tenant.begin(**asked))


@pytest.mark.parametrize("ending", [None, "SUCCESS"], ids=["runs", "ended"])
@pytest.mark.parametrize("max_tries", [0, 1], ids=["retry", "clear"])
@pytest.mark.parametrize("full", [False, True], ids=["file", "full run"])
def test_an_intent_with_a_file_or_for_a_full_run_takes_nothing_up(full, max_tries, ending):
    tenant = again(not full, "submitting", record(EARLIER, ending), disable_optimization=full)
    order = {"disable_optimization": full, "max_tries": max_tries}
    begun = tenant.begin(**order)
    if ending is None:
        assert begun == Busy(an_id(EARLIER), may_run=True)
        tenant.end(EARLIER)
        begun = tenant.begin(**order)
    assert started_anew(begun)
    assert tenant.starts == 1


@pytest.mark.parametrize("state", ["submitting", "unanswered"])
@pytest.mark.parametrize("if_running", ["fail", "skip"])
@pytest.mark.parametrize("has_file", [False, True], ids=["no file", "file"])
def test_what_may_be_of_an_earlier_try_is_waited_for_whatever_if_running_says(has_file, if_running, state):
    tenant = again(has_file, state, record(6), record(7, seconds=-99))
    assert isinstance(tenant.begin(if_running=if_running), Busy)
    tenant.end(6)
    tenant.end(7)
    assert started_anew(tenant.begin(if_running=if_running))


@pytest.mark.parametrize("if_running", ["fail", "skip"])
def test_the_earlier_upload_of_another_file_is_waited_for_whatever_if_running_says(if_running):
    tenant = again(True, "running", record(EARLIER), file=FileState(120, "sunday"))
    assert tenant.begin(if_running=if_running) == Busy(an_id(EARLIER))


@pytest.mark.parametrize("state", ["refused", "discarded"])
@FILES
def test_what_is_settled_takes_nothing_up_and_asks_nothing(has_file, state):
    tenant = again(has_file, state, record(EARLIER, "SUCCESS"))
    assert started_anew(tenant.begin())
    assert tenant.happened == ["look", "submitting", "start", "running"]


def test_the_rival_that_an_earlier_try_was_refused_for_is_not_taken_up():
    tenant = again(False, "refused", record(6), baseline=MARK)
    assert tenant.begin() == Busy(an_id(6))


@pytest.mark.parametrize("stored", [True, False])
def test_an_ordinary_run_never_stands_for_a_full_one_nor_the_reverse(stored):
    tenant = again(False, "running", record(EARLIER, "SUCCESS"), disable_optimization=stored)
    assert started_anew(tenant.begin(disable_optimization=not stored))


@FILES
@pytest.mark.parametrize("others", [[], [refused(4, -50)]], ids=["nothing", "only a refused one"])
def test_an_intent_that_left_nothing_starts_anew(has_file, others):
    tenant = again(has_file, "submitting", *others)
    assert started_anew(tenant.begin())
    assert tenant.starts == 1


def test_an_intent_after_which_several_came_starts_anew_when_they_have_ended():
    tenant = again(False, "submitting", record(6), record(7, seconds=-99))
    assert isinstance(tenant.begin(), Busy)
    assert tenant.remembered.state == "unanswered"
    tenant.end(6)
    tenant.end(7)
    assert started_anew(tenant.begin())


def test_an_unanswered_intent_is_not_resolved_again_after_a_wait_for_others():
    tenant = again(False, "submitting", record(6), record(7))
    assert isinstance(tenant.begin(), Busy)
    tenant.records = [OLD, record(6, "SUCCESS")]
    assert started_anew(tenant.begin())


@FILES
def test_an_aggregation_that_isc_does_not_know_for_the_grace_time_is_started_anew(has_file):
    tenant = again(has_file, "running")
    assert started_anew(tenant.begin())
    assert 120 <= tenant.elapsed < 130


def test_an_aggregation_that_isc_does_not_know_at_once_is_still_taken_up():
    tenant = again(False, "running")

    def show(call, tenant):
        if tenant.elapsed > 100 and len(tenant.records) == 1:
            tenant.records.append(record(EARLIER))

    tenant.trouble = show
    assert taken_up(tenant.begin())


@pytest.mark.parametrize(
    "trouble",
    [LOST, TenantUnavailableError("down", status=503), RateLimitError("slow", status=429, retry_after=40)],
    ids=str,
)
def test_trouble_never_means_that_isc_does_not_know(trouble):
    tenant = again(False, "running", record(EARLIER))
    tenant.trouble = lambda call, tenant: trouble if tenant.elapsed < 1200 else None
    assert taken_up(tenant.begin())
    assert tenant.elapsed >= 1200


@pytest.mark.parametrize("state", ["running", "submitting"])
@pytest.mark.parametrize(
    "refusal", [AuthenticationError("wrong secret", status=401, final=True), AccessDeniedError("no scope")]
)
def test_a_refusal_never_means_that_isc_does_not_know(refusal, state):
    tenant = again(False, state, record(EARLIER))
    tenant.trouble = lambda call, tenant: refusal
    with pytest.raises(type(refusal)):
        tenant.begin()
    assert (tenant.starts, tenant.remembered) == (0, tenant.checkpoint)


@pytest.mark.parametrize("state", ["running", "submitting"])
def test_trouble_beyond_what_is_tolerated_ends_the_try_and_keeps_what_is_remembered(state):
    tenant = again(False, state, record(EARLIER))
    tenant.trouble = lambda call, tenant: LOST
    with pytest.raises(TenantUnavailableError):
        tenant.begin(tolerate_outage=90.0)
    assert (tenant.starts, tenant.remembered) == (0, tenant.checkpoint)


@pytest.mark.parametrize("state", ["running", "submitting", "returned"])
@pytest.mark.parametrize(
    "changed",
    [
        {"source_id": "0" * 32},
        {"file_location": "/drop/others.csv"},
        {"file_location": None, "file": None, "sent": None},
        {"file": FileState(120, "sunday")},
    ],
    ids=["another source", "another file", "no file", "an older file"],
)
def test_what_an_earlier_try_did_with_something_else_is_not_taken_up(state, changed):
    if state == "returned" and "sent" in changed:
        changed = {**changed, "result": make_result(an_id(EARLIER), None, record(EARLIER, "SUCCESS"))}
    tenant = again(True, state, record(EARLIER, "SUCCESS"), **changed)
    assert started_anew(tenant.begin())


def test_a_file_whose_store_shows_no_change_is_loaded_again():
    """Its name and its size prove nothing."""
    unmarked = FileState(120, "")
    tenant = again(True, "running", record(EARLIER, "SUCCESS"), file=unmarked)
    tenant.file.state = unmarked
    assert started_anew(tenant.begin())


def test_a_file_that_vanished_after_the_start_does_not_lose_the_run():
    for state in ("running", "returned"):
        tenant = again(True, state, record(EARLIER))
        tenant.file.state = None
        begun = tenant.begin()
        assert begun == tenant.checkpoint if state == "returned" else taken_up(begun)


def test_a_file_that_vanished_after_an_intent_lets_nothing_be_taken_for_ours():
    tenant = again(True, "submitting", record(EARLIER, "SUCCESS"))
    tenant.file.state = None
    with pytest.raises(InvalidInputError):
        tenant.begin()
    assert tenant.starts == 0


def test_marks_and_what_began_since_go_by_time_and_id():
    before = [record(5, "SUCCESS", -200), record(6, "SUCCESS", -200), record(7, "SUCCESS", None)]
    mark = reconcile.baseline_of(before)
    assert (mark.created, set(mark.ids)) == (at(-200).isoformat(), {an_id(5), an_id(6)})
    after = [*before, record(8, None, -200), record(9, None, -10), refused(10), record(11, None, -201)]
    assert [one.id for one in reconcile.begun_since(after, mark)] == [an_id(8), an_id(9), an_id(10)]
    assert reconcile.baseline_of([]) == Baseline()
    assert reconcile.begun_since([record(1, None, None)], Baseline()) == [record(1, None, None)]
    assert reconcile.baseline_of([record(7, None, None)]) == Baseline(None, (an_id(7),))


def test_a_path_is_remembered_as_its_user_named_it():
    assert again(True, "running", record(EARLIER)).begin().file_location == PLACE


def test_unknown_is_only_what_both_endpoints_say():
    tenant = again(False, "running", record(EARLIER))
    tenant.trouble = lambda call, tenant: UNKNOWN if "account-aggregations" in call.path else None
    assert taken_up(tenant.begin())
    assert tenant.elapsed < 1
