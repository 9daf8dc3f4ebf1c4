"""Looking at many at once: which way is taken, and that silence is never taken for an end."""

from __future__ import annotations

import itertools
import random

import pytest

from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.isc.isc_cases import task_document
from tests.unit.isc.wait.batch_poll_cases import SmallTenant, ids_in, ids_of

ENDED_ONLY = ("beta", "v2024")
HOLD_ALL = ("v1", "v2026", "v2025")


def running(count, start=0):
    return dict.fromkeys(ids_of(count, start))


@pytest.mark.parametrize("api_version", HOLD_ALL)
@pytest.mark.parametrize("count", [1, 21, 100])
def test_up_to_a_hundred_are_asked_for_by_id_in_one_request(api_version, count):
    tenant = SmallTenant(running(count), api_version)
    assert tenant.batch_poll(ids_of(count)) == set()
    assert tenant.kinds == ["ids"]
    assert ids_in(tenant.driver.calls[0]) == ids_of(count)
    assert [record.id for record in tenant.told] == ids_of(count)
    assert tenant.sweeper.requests == 1


@pytest.mark.parametrize("api_version", HOLD_ALL)
def test_more_than_a_hundred_are_read_from_the_list_of_running_ones(api_version):
    tenant = SmallTenant(running(240), api_version)
    assert tenant.batch_poll(ids_of(240)) == set()
    assert tenant.kinds == ["list"]
    call = tenant.driver.calls[0]
    assert call.path == API_VERSIONS[api_version].path("task-status")
    assert dict(call.query) == {
        "limit": "250",
        "filters": 'type eq "CLOUD_ACCOUNT_AGGREGATION" and completionStatus isnull',
        "sorters": "created",
    }


@pytest.mark.parametrize(("count", "pages"), [(251, 2), (500, 2), (1000, 4), (1100, 5)])
def test_the_first_page_shows_whether_the_others_are_asked_for_side_by_side(count, pages):
    tenant = SmallTenant(running(count))
    assert tenant.batch_poll(ids_of(count)) == set()
    assert tenant.kinds == ["list"] * pages
    assert tenant.driver.waves == [1, pages - 1]
    assert [int(dict(call.query).get("offset", 0)) for call in tenant.driver.calls] == [
        250 * page for page in range(pages)
    ]


def test_no_more_than_five_pages_go_side_by_side():
    tenant = SmallTenant(running(3000))
    assert tenant.batch_poll(ids_of(3000)) == set()
    assert tenant.driver.waves == [1, 5, 5, 1]


def test_reading_stops_when_all_are_seen():
    tenant = SmallTenant(running(120) | running(600, start=500))
    assert tenant.batch_poll(ids_of(120)) == set()
    assert tenant.kinds == ["list"]


def test_runs_of_others_make_it_go_by_id_until_the_list_is_worth_another_try():
    tenant = SmallTenant(running(2000, start=5000) | running(120))
    assert tenant.batch_poll(ids_of(120)) == set()
    assert tenant.kinds == ["list", "list", "ids", "ids"]
    looks = []
    for _ in range(60):
        assert tenant.batch_poll(ids_of(120)) == set()
        looks.append(tenant.kinds)
    assert looks[0] == ["ids", "ids"]
    assert any("list" in kinds for kinds in looks)
    assert sum(len(kinds) for kinds in looks) / len(looks) < 2.5


def test_the_list_is_taken_again_once_others_have_ended():
    tenant = SmallTenant(running(2000, start=5000) | running(120))
    tenant.batch_poll(ids_of(120))
    tenant.runs = running(120)
    for _ in range(60):
        tenant.batch_poll(ids_of(120))
    assert tenant.kinds == ["list"]


@pytest.mark.parametrize("api_version", HOLD_ALL)
def test_those_that_the_list_leaves_out_are_asked_for_by_id(api_version):
    tenant = SmallTenant(running(200), api_version)
    for run in ids_of(5):
        tenant.runs[run] = "SUCCESS"
    assert tenant.batch_poll(ids_of(200)) == set()
    assert tenant.kinds == ["list", "ids"]
    assert ids_in(tenant.driver.calls[1]) == ids_of(5)
    assert tenant.ends == set(ids_of(5))


@pytest.mark.parametrize("api_version", sorted(API_VERSIONS))
def test_what_no_list_names_is_returned_and_not_reported(api_version):
    tenant = SmallTenant(running(150), api_version, hidden=set(ids_of(2)))
    unknown = ids_of(3, start=9000)
    assert tenant.batch_poll([*ids_of(150), *unknown]) == {*ids_of(2), *unknown}
    assert {record.id for record in tenant.told} == set(ids_of(148, start=2))
    assert tenant.ends == set()


@pytest.mark.parametrize("api_version", ENDED_ONLY)
@pytest.mark.parametrize("count", [21, 400])
def test_where_lists_by_id_hold_ended_ones_only_the_running_ones_are_read_first(api_version, count):
    tenant = SmallTenant(running(count), api_version)
    tenant.runs[ids_of(count)[3]] = "WARNING"
    assert tenant.batch_poll(ids_of(count)) == set()
    assert tenant.kinds == ["list"] * (1 + count // 250) + ["ids"]
    assert tenant.driver.calls[0].path == f"/{api_version}/task-status/pending-tasks"
    assert "filters" not in dict(tenant.driver.calls[0].query)
    assert ids_in(tenant.driver.calls[-1]) == [ids_of(count)[3]]
    assert tenant.ends == {ids_of(count)[3]}


@pytest.mark.parametrize("api_version", ENDED_ONLY)
def test_where_all_run_no_list_by_id_is_asked_for(api_version):
    tenant = SmallTenant(running(60), api_version)
    assert tenant.batch_poll(ids_of(60)) == set()
    assert tenant.kinds == ["list"]


def test_records_of_others_are_reported_and_do_no_harm():
    tenant = SmallTenant(running(100, start=700) | running(120))
    assert tenant.batch_poll(ids_of(120)) == set()
    assert {record.id for record in tenant.told} >= set(ids_of(100, start=700))


def test_malformed_records_hide_neither_the_others_nor_an_end():
    odd = [None, 7, "text", [], {}, {"id": None}, {"id": 12}, {"id": ids_of(1)[0], "percentComplete": "x"}]
    tenant = SmallTenant(
        running(21), trouble={"ids": lambda call: [*odd, task_document("SUCCESS", id=ids_of(21)[20])]}
    )
    assert tenant.batch_poll(ids_of(21)) == set(ids_of(19, start=1))
    assert tenant.ends == {ids_of(21)[20]}


def test_nothing_wanted_is_nothing_asked():
    for api_version in API_VERSIONS:
        tenant = SmallTenant(running(3), api_version)
        assert tenant.batch_poll([]) == set()
        assert tenant.kinds == []


@pytest.mark.parametrize("api_version", sorted(API_VERSIONS))
@pytest.mark.parametrize("seed", range(8))
def test_every_end_is_found_and_none_is_made_up_whatever_happens_between_two_pages(api_version, seed):
    chance = random.Random(seed)
    tenant = SmallTenant({}, api_version)
    others, fresh = (map("{:032x}".format, itertools.count(start)) for start in (50_000, 0))
    really_ended, found = set(), set()
    waits = set()

    def happen():
        running_now = [run for run, end in tenant.runs.items() if end is None]
        for run in chance.sample(running_now, min(len(running_now), chance.choice([0, 0, 1, 5]))):
            tenant.runs[run] = chance.choice(["SUCCESS", "ERROR", "WARNING"])
            really_ended.add(run)
        for _ in range(chance.choice([0, 0, 2])):
            tenant.runs[next(others)] = None

    def begin(count):
        for _ in range(count):
            run = next(fresh)
            if chance.random() > 0.02:
                tenant.runs[run] = None
            waits.add(run)

    begin(300)
    tenant.after_each = happen
    unknown = set()
    for _ in range(25):
        begin(chance.choice([0, 20, 150, 400]))
        if chance.random() < 0.3:
            waits -= set(chance.sample(sorted(waits), len(waits) // 3))
        if chance.random() < 0.2:
            tenant.trouble = {chance.choice(["list", "ids"]): chance.choice([400, 403, 500, 414])}
        else:
            tenant.trouble = {}
        happen()
        before = really_ended & waits
        unseen = tenant.batch_poll(chance.sample(sorted(waits), len(waits))) if waits else set()
        told = tenant.ends & waits
        assert told <= really_ended
        assert unseen <= waits
        for run in sorted(unseen):
            # Those are asked for alone.
            if run not in tenant.runs:
                unknown.add(run)
            elif tenant.runs[run] is not None:
                told.add(run)
        assert before <= told
        found |= told
        waits -= told
    assert unknown.isdisjoint(tenant.runs)
    assert found <= really_ended
    assert len(found) >= 20


def filters_of(tenant):
    return [dict(call.query).get("filters") for call in tenant.driver.calls]


def test_one_list_holds_the_running_tasks_of_all_kinds_that_are_waited_for():
    tenant = SmallTenant(dict.fromkeys(ids_of(150)))
    types = ("CLOUD_GROUP_AGGREGATION", "CLOUD_ACCOUNT_AGGREGATION")
    assert tenant.batch_poll(ids_of(150), types) == set()
    assert filters_of(tenant) == [
        'type in ("CLOUD_ACCOUNT_AGGREGATION", "CLOUD_GROUP_AGGREGATION") and completionStatus isnull'
    ]
    tenant.batch_poll(ids_of(150), types[:1])
    assert filters_of(tenant) == ['type eq "CLOUD_GROUP_AGGREGATION" and completionStatus isnull']


def test_tasks_of_no_documented_type_are_asked_for_by_id():
    tenant = SmallTenant(dict.fromkeys(ids_of(150)))
    assert tenant.batch_poll(ids_of(150), ()) == set()
    assert set(tenant.kinds) == {"ids"}


def test_the_list_of_pending_tasks_holds_every_type():
    tenant = SmallTenant(dict.fromkeys(ids_of(150)), api_version="beta")
    assert tenant.batch_poll(ids_of(150), ()) == set()
    assert set(tenant.kinds) == {"list"}
