"""Tenants that do not answer a filter: another way is taken, it is said once, and an outage is no refusal."""

from __future__ import annotations

import logging

import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ProtocolError,
    RateLimitError,
    TenantUnavailableError,
)
from tests.unit.isc.wait.batch_poll_cases import SmallTenant, ids_in, ids_of

UNREACHABLE = TenantUnavailableError("no answer", sent=True)
TOO_LONG = (413, 414, 431)


def running(count, start=0):
    return dict.fromkeys(ids_of(count, start))


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_refused_list_is_replaced_by_ids(caplog, status):
    tenant = SmallTenant(running(150), trouble={"list": status})
    assert tenant.batch_poll(ids_of(150)) == set()
    assert tenant.kinds == ["list", "ids", "ids"]
    for _ in range(3):
        assert tenant.batch_poll(ids_of(150)) == set()
        assert tenant.kinds == ["ids", "ids"]
    (said,) = warnings_of(caplog)
    assert "the list of running aggregations" in said
    assert str(status) in said


@pytest.mark.parametrize("status", [403, 404, 405])
def test_refused_ids_are_replaced_by_the_list(caplog, status):
    tenant = SmallTenant(running(60), trouble={"ids": status})
    assert tenant.batch_poll(ids_of(60)) == set(ids_of(60))
    for _ in range(3):
        assert tenant.batch_poll(ids_of(60)) == set()
        assert tenant.kinds == ["list"]
    tenant.runs[ids_of(1)[0]] = "SUCCESS"
    assert tenant.batch_poll(ids_of(60)) == set(ids_of(1))
    (said,) = warnings_of(caplog)
    assert "the list of task statuses by ID" in said


@pytest.mark.parametrize("api_version", ["v1", "beta"])
def test_where_both_are_refused_nothing_is_asked_and_all_are_returned(caplog, api_version):
    tenant = SmallTenant(running(150), api_version, trouble={"list": 403, "ids": 403})
    assert tenant.batch_poll(ids_of(150)) == set(ids_of(150))
    before = tenant.sweeper.requests
    for _ in range(3):
        assert tenant.batch_poll(ids_of(150)) == set(ids_of(150))
        assert tenant.kinds == []
    assert tenant.sweeper.requests == before
    assert len(warnings_of(caplog)) == 2


def test_a_refused_way_is_tried_again_after_ten_minutes_and_said_no_more(caplog):
    tenant = SmallTenant(running(60), trouble={"list": 403, "ids": 403})
    for minutes in range(30):
        tenant.clock.now = 60.0 * minutes
        tenant.batch_poll(ids_of(60))
        assert (tenant.kinds != []) == (minutes % 10 in (0, 1))
    said = len(warnings_of(caplog))
    tenant.trouble = {}
    tenant.clock.now = 3600.0
    assert tenant.batch_poll(ids_of(60)) == set()
    assert said == len(warnings_of(caplog)) == 2


def test_ids_that_are_ignored_are_given_up(caplog):
    others = [{"id": run, "completionStatus": "ERROR"} for run in ids_of(250, start=9000)]
    tenant = SmallTenant(running(40), trouble={"ids": lambda call: others})
    assert tenant.batch_poll(ids_of(40)) == set(ids_of(40))
    assert tenant.batch_poll(ids_of(40)) == set()
    assert tenant.kinds == ["list"]
    (said,) = warnings_of(caplog)
    assert "other IDs than requested" in said


def test_a_list_that_ignores_its_filter_is_not_read_further_than_it_is_worth(caplog):
    ended = dict.fromkeys(ids_of(5000, start=9000), "SUCCESS")
    tenant = SmallTenant(ended | running(450))
    tenant.trouble = {
        "list": lambda call: [
            {"id": run, "completionStatus": "SUCCESS"}
            for run in ids_of(250, start=9000 + int(dict(call.query).get("offset", 0)))
        ]
    }
    assert tenant.batch_poll(ids_of(450)) == set()
    assert tenant.ends.isdisjoint(ids_of(450))
    assert tenant.sweeper.requests <= 10


@pytest.mark.parametrize("kind", ["list", "ids"])
def test_a_way_answered_500_twice_while_the_other_answers_is_given_up(caplog, kind):
    tenant = SmallTenant(running(150), trouble={kind: 500})
    if kind == "ids":
        tenant.hidden = set(ids_of(3))
    for look in range(3):
        tenant.batch_poll(ids_of(150))
        assert (kind in tenant.kinds) == (look < 2)
    assert len(warnings_of(caplog)) == 1


def test_ids_answered_500_twice_while_single_records_are_answered_are_given_up(caplog):
    tenant = SmallTenant(running(40), trouble={"ids": 500})
    for _ in range(2):
        assert tenant.batch_poll(ids_of(40)) == set(ids_of(40, start=0)[1:])
        assert tenant.kinds == ["ids", "single"]
        assert [record.id for record in tenant.told] == ids_of(1)
    assert tenant.batch_poll(ids_of(40)) == set()
    assert tenant.kinds == ["list"]
    assert len(warnings_of(caplog)) == 1


def test_a_single_record_that_is_unknown_is_an_answer_too():
    tenant = SmallTenant({}, trouble={"ids": 500})
    for _ in range(2):
        assert tenant.batch_poll(ids_of(40)) == set(ids_of(40))
        assert tenant.kinds == ["ids", "single"]
    tenant.batch_poll(ids_of(40))
    assert tenant.kinds == ["list"]


def test_one_500_is_chance_and_a_good_answer_makes_it_forgotten(caplog):
    tenant = SmallTenant(running(40))
    for look in range(12):
        tenant.trouble = {} if look % 2 else {"ids": 500}
        tenant.batch_poll(ids_of(40))
        assert tenant.kinds[0] == "ids"
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (500, TenantUnavailableError),
        (503, TenantUnavailableError),
        (UNREACHABLE, TenantUnavailableError),
        (401, AuthenticationError),
        (429, RateLimitError),
    ],
)
@pytest.mark.parametrize("api_version", ["v1", "beta"])
@pytest.mark.parametrize("count", [40, 300])
def test_an_outage_is_raised_and_closes_no_way(caplog, api_version, count, trouble, error):
    everywhere = dict.fromkeys(("list", "ids", "single"), trouble)
    tenant = SmallTenant(running(count), api_version, trouble=everywhere)
    for _ in range(4):
        with pytest.raises(error):
            tenant.batch_poll(ids_of(count))
    tenant.trouble = {}
    assert tenant.batch_poll(ids_of(count)) == set()
    assert len(tenant.kinds) <= 2
    assert warnings_of(caplog) == []


def test_a_login_page_instead_of_all_answers_is_an_outage(caplog):
    page = {"login": "please"}
    tenant = SmallTenant(running(40), trouble=dict.fromkeys(("list", "ids", "single"), page))
    for _ in range(3):
        with pytest.raises(ProtocolError):
            tenant.batch_poll(ids_of(40))
    assert warnings_of(caplog) == []


def test_an_outage_is_an_outage_also_where_two_wait_for_the_same(caplog):
    everywhere = dict.fromkeys(("list", "ids", "single"), 503)
    tenant = SmallTenant(running(40), trouble=everywhere)
    for _ in range(3):
        with pytest.raises(TenantUnavailableError):
            tenant.batch_poll([*ids_of(40), ids_of(1)[0]])
    assert warnings_of(caplog) == []


def test_a_408_is_no_refusal(caplog):
    tenant = SmallTenant(running(150), trouble={"list": 408})
    tenant.batch_poll(ids_of(150))
    tenant.trouble = {}
    tenant.batch_poll(ids_of(150))
    assert tenant.kinds == ["list"]
    assert warnings_of(caplog) == []


def test_pages_that_are_answered_beside_one_that_is_not_are_reported_all_the_same():
    tenant = SmallTenant(running(1000))
    tenant.trouble = {"list": lambda call: 429 if dict(call.query).get("offset") == "250" else None}
    with pytest.raises(RateLimitError):
        tenant.batch_poll(ids_of(1000))
    assert {record.id for record in tenant.told} == set(ids_of(250)) | set(ids_of(500, start=500))


def test_a_missing_scope_is_raised_where_not_even_a_single_record_may_be_read():
    tenant = SmallTenant(running(40), trouble={"ids": 500, "single": 403})
    with pytest.raises(AccessDeniedError):
        tenant.batch_poll(ids_of(40))


def refusing_more_than(most, status):
    return lambda call: status if len(ids_in(call)) > most else None


@pytest.mark.parametrize("status", [*TOO_LONG, 400])
def test_a_shorter_address_is_tried_where_one_is_too_long(caplog, status):
    tenant = SmallTenant(running(100), trouble={"ids": refusing_more_than(50, status)})
    assert tenant.batch_poll(ids_of(100)) == set()
    assert [len(ids_in(call)) for call in tenant.driver.calls] == [100, 50, 50]
    assert tenant.batch_poll(ids_of(40)) == set()
    assert tenant.kinds == ["ids"]
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("status", TOO_LONG)
def test_addresses_shrink_only_so_far(caplog, status):
    tenant = SmallTenant(running(100), trouble={"ids": refusing_more_than(0, status)})
    assert tenant.batch_poll(ids_of(100)) == set(ids_of(100))
    assert len(warnings_of(caplog)) == 1
    assert min(len(ids_in(call)) for call in tenant.driver.calls) >= 10


def test_a_filter_that_is_refused_as_wrong_at_any_length_is_given_up(caplog):
    tenant = SmallTenant(running(100), trouble={"ids": 400})
    assert tenant.batch_poll(ids_of(100)) == set(ids_of(100))
    assert len(tenant.driver.calls) <= 7
    assert len(warnings_of(caplog)) == 1


def test_fewer_ids_at_a_time_make_the_list_worth_it_earlier():
    tenant = SmallTenant(running(60), trouble={"ids": refusing_more_than(25, 414)})
    assert tenant.batch_poll(ids_of(60)) == set()
    assert tenant.batch_poll(ids_of(60)) == set()
    assert tenant.kinds == ["list"]


def left_out(tenant, times, count=40):
    """Let the list by ID omit a running aggregation this often, which is then found by itself."""
    for _ in range(times):
        for _ in tenant.batch_poll(ids_of(count)):
            tenant.sweeper.contradicted()


def test_a_list_by_id_that_leaves_out_running_ones_is_given_up_the_third_time(caplog):
    tenant = SmallTenant(running(40), hidden=set(ids_of(1)))
    left_out(tenant, 2)
    assert warnings_of(caplog) == []
    left_out(tenant, 1)
    (said,) = warnings_of(caplog)
    assert "omits running aggregations" in said
    tenant.batch_poll(ids_of(40))
    assert tenant.kinds == ["list"]


@pytest.mark.parametrize("api_version", ["beta", "v2024"])
def test_a_list_of_ended_ones_leaves_out_running_ones_by_right(caplog, api_version):
    tenant = SmallTenant(running(40), api_version, hidden=set(ids_of(1)))
    left_out(tenant, 10)
    assert warnings_of(caplog) == []
    tenant.batch_poll(ids_of(40))
    assert tenant.kinds == ["list", "ids"]
