"""A start without a usable response: whose aggregation is it, and may the start be repeated?"""

import pytest

from sailpoint_provider.exceptions import (
    ProtocolError,
    TenantUnavailableError,
)
from sailpoint_provider.isc.api.models import StartResponse
from sailpoint_provider.isc.start import reconcile
from sailpoint_provider.isc.start.request import Busy
from tests.unit.isc.start.starter_cases import (
    BUSY_WORDS,
    LOST,
    OWN,
    SENT,
    StartScenario,
    an_id,
    busy_start,
    record,
    refused,
    scenario,
    unanswered,
    words,
)

STRANGE = StartResponse(None)


AMBIGUOUS = [
    LOST,
    *(TenantUnavailableError(f"HTTP {status}", status=status) for status in (408, 500, 502, 503, 504)),
    ProtocolError("not JSON"),
    STRANGE,
]


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
