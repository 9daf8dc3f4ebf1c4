"""A later try of a start: what is taken up of the earlier one, and what is started anew."""

from dataclasses import replace

import pytest
from beginning_cases import (
    DAY,
    LOST,
    PLACE,
    ROWS,
    SENT,
    STAMP,
    UNKNOWN,
    Beginning,
    FakeFile,
    an_id,
    at,
    claim,
    claim_of_file,
    record,
    refused,
)
from isc_cases import NOON

from sailpoint_provider.isc import traces
from sailpoint_provider.isc.errors import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    RateLimitError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.memory import Mark
from sailpoint_provider.isc.models import TaskStatus
from sailpoint_provider.isc.orders import Busy, Follow, Returned
from sailpoint_provider.isc.outcome import make_result
from sailpoint_provider.isc.upload import FileStamp

RESULT = make_result(an_id(1), None, record(1, "SUCCESS"))
FILES = pytest.mark.parametrize("has_file", [False, True], ids=["no file", "file"])
MARK = Mark(at(-200).isoformat(), (an_id(5),))
OLD = record(5, "SUCCESS", -200)
NEW = 1  # the number that a start gets here
EARLIER = 3


def again(has_file, state, *records, **changed):
    made = claim_of_file if has_file else claim
    usual = {"number": EARLIER} | ({"mark": MARK} if state == "submitting" else {})
    usual |= {"result": RESULT} if state == "returned" else {}
    return Beginning(
        records=[OLD, *records],
        claim=made(state, **usual | changed),
        file=FakeFile() if has_file else None,
    )


def started_anew(begun):
    return isinstance(begun, Follow) and begun.claim.aggregation_id == an_id(NEW)


def taken_up(begun):
    return isinstance(begun, Follow) and begun.claim.aggregation_id == an_id(EARLIER)


@FILES
def test_a_retry_after_the_result_returns_it_without_asking_anything(has_file):
    tenant = again(has_file, "returned")
    assert tenant.begin() == Returned(RESULT)
    assert tenant.happened == []


@FILES
def test_a_clear_after_the_result_starts_anew(has_file):
    tenant = again(has_file, "returned", record(EARLIER, "SUCCESS"))
    assert started_anew(tenant.begin(max_tries=1))
    assert tenant.starts == 1


@FILES
@pytest.mark.parametrize("max_tries", [0, 1], ids=["retry", "clear"])
def test_an_aggregation_that_still_runs_is_waited_for(has_file, max_tries):
    tenant = again(has_file, "running", record(EARLIER))
    assert taken_up(tenant.begin(max_tries=max_tries))
    assert tenant.starts == 0
    assert tenant.remembered.max_tries == max_tries


def test_a_retry_keeps_the_deadline_of_the_first_try_and_a_clear_renews_it():
    kept = again(False, "running", record(EARLIER)).begin().claim
    assert (kept.begun, kept.deadline) == (NOON - 500, NOON + 500)
    renewed = again(False, "running", record(EARLIER)).begin(max_tries=1).claim
    assert (renewed.begun, renewed.deadline) == (NOON, NOON + DAY)


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


@FILES
@pytest.mark.parametrize("max_tries", [0, 1], ids=["retry", "clear"])
def test_an_intent_whose_aggregation_runs_is_taken_up(has_file, max_tries):
    tenant = again(has_file, "submitting", record(EARLIER))
    begun = tenant.begin(max_tries=max_tries)
    assert taken_up(begun)
    assert begun.claim.rows == (ROWS if has_file else None)
    assert begun.claim.sent == (SENT if has_file else None)
    assert tenant.remembered == begun.claim


@FILES
@pytest.mark.parametrize("others", [[], [refused(4, -50)]], ids=["nothing", "only a refused one"])
def test_an_intent_that_left_nothing_starts_anew(has_file, others):
    tenant = again(has_file, "submitting", *others)
    assert started_anew(tenant.begin())
    assert tenant.starts == 1


def test_an_intent_after_which_several_came_starts_anew_when_they_have_ended():
    tenant = again(False, "submitting", record(6), record(7, seconds=-99))
    assert isinstance(tenant.begin(), Busy)
    assert tenant.remembered is None
    tenant.end(6)
    tenant.end(7)
    assert started_anew(tenant.begin())


def test_a_forgotten_intent_is_not_resolved_again_after_a_wait_for_others():
    tenant = again(True, "submitting", record(6), record(7))
    assert isinstance(tenant.begin(), Busy)
    tenant.end(6)
    tenant.end(7)
    assert started_anew(tenant.begin())


def test_an_intent_is_kept_while_its_file_is_gone():
    tenant = again(True, "submitting", record(6))
    tenant.file.stamp = None
    with pytest.raises(InvalidInputError):
        tenant.begin()
    tenant.file.stamp = STAMP
    assert isinstance(tenant.begin(), Follow)


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
    assert (tenant.starts, tenant.remembered) == (0, tenant.claim)


@pytest.mark.parametrize("state", ["running", "submitting"])
def test_trouble_beyond_what_is_tolerated_ends_the_try_and_keeps_what_is_remembered(state):
    tenant = again(False, state, record(EARLIER))
    tenant.trouble = lambda call, tenant: LOST
    with pytest.raises(TenantUnavailableError):
        tenant.begin(tolerate_outage=90.0)
    assert (tenant.starts, tenant.remembered) == (0, tenant.claim)


@pytest.mark.parametrize("state", ["running", "submitting", "returned"])
@pytest.mark.parametrize(
    "changed",
    [
        {"source_id": "0" * 32},
        {"file_location": "/drop/others.csv"},
        {"file_location": None, "file": None},
        {"file": FileStamp("accounts.csv", 120, "sunday")},
    ],
    ids=["another source", "another file", "no file", "an older file"],
)
def test_what_an_earlier_try_did_with_something_else_is_not_taken_up(state, changed):
    tenant = again(True, state, record(EARLIER, "SUCCESS"), **changed)
    assert started_anew(tenant.begin())


def test_a_file_that_vanished_after_the_start_does_not_lose_the_run():
    for state in ("running", "returned"):
        tenant = again(True, state, record(EARLIER))
        tenant.file.stamp = None
        begun = tenant.begin()
        assert begun == Returned(RESULT) if state == "returned" else taken_up(begun)


def test_a_file_that_vanished_after_an_intent_lets_nothing_be_taken_for_ours():
    tenant = again(True, "submitting", record(EARLIER, "SUCCESS"))
    tenant.file.stamp = None
    with pytest.raises(InvalidInputError):
        tenant.begin()
    assert tenant.starts == 0


@pytest.mark.parametrize("total", [None, ROWS, ROWS + 1])
def test_only_an_adopted_run_with_another_number_of_rows_is_contradicted(total):
    result = make_result(
        an_id(1), None, TaskStatus(an_id(1), "SUCCESS", attributes={} if total is None else {"total": total})
    )
    adopted = claim_of_file(rows=ROWS)
    assert adopted.is_contradicted_by(result) is (total == ROWS + 1)
    assert not replace(adopted, rows=None).is_contradicted_by(result)


def test_marks_and_candidates_go_by_time_and_id():
    before = [record(5, "SUCCESS", -200), record(6, "SUCCESS", -200), record(7, "SUCCESS", None)]
    mark = traces.mark_of(before)
    assert (mark.created, set(mark.ids)) == (at(-200).isoformat(), {an_id(5), an_id(6)})
    after = [*before, record(8, None, -200), record(9, None, -10), refused(10), record(11, None, -201)]
    assert [one.id for one in traces.candidates(after, mark)] == [an_id(8), an_id(9)]
    assert traces.mark_of([]) == Mark()
    assert traces.candidates([record(1, None, None)], Mark()) == [record(1, None, None)]
    assert traces.mark_of([record(7, None, None)]) == Mark(None, (an_id(7),))


def test_a_path_is_remembered_as_its_user_named_it():
    assert again(True, "running", record(EARLIER)).begin().claim.file_location == PLACE


def test_unknown_is_only_what_both_endpoints_say():
    tenant = again(False, "running", record(EARLIER))
    tenant.trouble = lambda call, tenant: UNKNOWN if "account-aggregations" in call.path else None
    assert taken_up(tenant.begin())
    assert tenant.elapsed < 1
