from datetime import UTC, datetime, timedelta
from itertools import count, cycle, repeat

import pytest

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.models import TaskStatus
from sailpoint_provider.isc.api.paging import TaskPages
from sailpoint_provider.isc.api.task_query import TaskQuery
from sailpoint_provider.isc.api.versions import API_VERSIONS

EPOCH = datetime(2024, 5, 1, tzinfo=UTC)
TYPE = TaskQuery(types=("CLOUD_ACCOUNT_AGGREGATION",))
ONE_LIST = ["v1", "v2026", "v2025"]
TWO_LISTS = ["v2024", "beta"]


def task(minute, *, ended=True, kind="Cloud Account Aggregation", id=None):
    return TaskStatus(
        id=id or f"task-{minute}",
        completion_status="SUCCESS" if ended else None,
        unique_name=kind,
        created=None if minute is None else EPOCH + timedelta(minutes=minute),
    )


class Tenant:
    """Answers lists as the OpenAPI document of its API version says; IDs of records are made of minutes."""

    def __init__(self, api_version, ended=(), running=()):
        self.api_version = API_VERSIONS[api_version]
        self.ended, self.running = list(ended), list(running)
        self.asked = []

    def read(self, query=None, **options):
        pages = TaskPages(self.api_version, query, **options)
        found = []
        while (call := pages.next_call()) is not None:
            assert len(self.asked) < 50, "it asks for ever"
            found.extend(pages.take(self.answer(call)))
        return found

    def answer(self, call):
        query = dict(call.query)
        self.asked.append((call.path, query))
        if call.path.endswith("pending-tasks"):
            assert set(query) <= {"limit", "offset"}
            records = self.running
        elif self.api_version.pending_tasks:
            assert "isnull" not in query.get("filters", "")
            records = self.ended
        else:
            records = self.ended + self.running
        backwards = query.get("sorters", "-created") == "-created"
        records = sorted(records, key=lambda one: one.created or EPOCH, reverse=backwards)
        offset = int(query.get("offset", 0))
        return records[offset : offset + int(query["limit"])]


def minutes(tasks):
    return [int(one.id.removeprefix("task-")) for one in tasks]


@pytest.mark.parametrize("api_version", API_VERSIONS)
@pytest.mark.parametrize("newest_first", [True, False])
def test_running_and_ended_tasks_come_as_one_list_in_order(api_version, newest_first):
    ended = [task(minute) for minute in range(0, 600, 2)]
    running = [task(minute, ended=False) for minute in range(1, 600, 60)]
    found = minutes(Tenant(api_version, ended, running).read(newest_first=newest_first))
    expected = sorted([*range(0, 600, 2), *range(1, 600, 60)], reverse=newest_first)
    assert found == expected


@pytest.mark.parametrize("api_version", API_VERSIONS)
@pytest.mark.parametrize("limit", [1, 3, 249, 250, 251, 307, 400, None])
@pytest.mark.parametrize("newest_first", [True, False])
def test_a_limit_holds_over_all_pages(api_version, limit, newest_first):
    ended = [task(minute) for minute in range(300)]
    running = [task(minute, ended=False) for minute in range(300, 307)]
    found = minutes(Tenant(api_version, ended, running).read(limit=limit, newest_first=newest_first))
    assert found == sorted(range(307), reverse=newest_first)[:limit]


@pytest.mark.parametrize("api_version", ONE_LIST)
def test_one_list_is_asked_page_by_page(api_version):
    tenant = Tenant(api_version, [task(minute) for minute in range(510)])
    assert len(tenant.read(TYPE)) == 510
    assert {path for path, _ in tenant.asked} == {API_VERSIONS[api_version].path("task-status")}
    assert [query.get("offset") for _, query in tenant.asked] == [None, "250", "500"]
    assert {query["filters"] for _, query in tenant.asked} == {TYPE.filters}
    assert {query["limit"] for _, query in tenant.asked} == {"250"}


@pytest.mark.parametrize("api_version", ONE_LIST)
def test_no_more_is_asked_than_wanted(api_version):
    tenant = Tenant(api_version, [task(minute) for minute in range(510)])
    assert len(tenant.read(limit=260)) == 260
    assert [query["limit"] for _, query in tenant.asked] == ["250", "10"]


def test_a_full_last_page_is_followed_by_an_empty_one():
    tenant = Tenant("v1", [task(minute) for minute in range(250)])
    assert len(tenant.read()) == 250
    assert len(tenant.asked) == 2


@pytest.mark.parametrize("api_version", TWO_LISTS)
def test_running_tasks_are_filtered_here_because_their_list_knows_no_filter(api_version):
    running = [task(1, ended=False), task(2, ended=False, kind="Cloud Group Aggregation")]
    tenant = Tenant(api_version, [], running)
    assert minutes(tenant.read(TYPE)) == [1]
    assert tenant.asked[0] == (API_VERSIONS[api_version].pending_tasks, {"limit": "250"})


@pytest.mark.parametrize("api_version", TWO_LISTS)
def test_many_running_tasks_are_read_over_their_pages(api_version):
    tenant = Tenant(api_version, [], [task(minute, ended=False) for minute in range(600)])
    assert minutes(tenant.read(newest_first=False)) == list(range(600))


@pytest.mark.parametrize("api_version", TWO_LISTS)
def test_only_running_tasks_are_asked_where_only_they_are_wanted(api_version):
    tenant = Tenant(api_version, [task(1)], [task(2, ended=False)])
    assert minutes(tenant.read(TaskQuery(running=True))) == [2]
    assert [path for path, _ in tenant.asked] == [API_VERSIONS[api_version].pending_tasks]


@pytest.mark.parametrize("query", [TaskQuery(completion_statuses=("SUCCESS",)), TaskQuery(running=False)])
@pytest.mark.parametrize("api_version", TWO_LISTS)
def test_only_ended_tasks_are_asked_where_only_they_can_match(api_version, query):
    tenant = Tenant(api_version, [task(1)], [task(2, ended=False)])
    assert minutes(tenant.read(query)) == [1]
    assert [path for path, _ in tenant.asked] == [API_VERSIONS[api_version].path("task-status")]


@pytest.mark.parametrize("api_version", TWO_LISTS)
def test_a_task_that_ends_while_the_lists_are_read_comes_once(api_version):
    both = task(5)
    tenant = Tenant(api_version, [task(4), both, task(6)], [task(5, ended=False)])
    assert minutes(tenant.read()) == [6, 5, 4]


def test_a_record_that_moves_to_the_next_page_comes_once():
    pages = TaskPages(API_VERSIONS["v1"])
    first = [task(minute) for minute in range(400, 150, -1)]
    pages.next_call()
    found = list(pages.take(first))
    pages.next_call()
    found += pages.take([first[-1], task(150)])
    assert minutes(found) == list(range(400, 149, -1))
    assert pages.next_call() is None


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_record_without_a_time_is_not_lost(api_version):
    ended = [task(1), task(None, id="task-7")]
    assert sorted(minutes(Tenant(api_version, ended, [task(2, ended=False)]).read())) == [1, 2, 7]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_an_empty_tenant_gives_an_empty_list(api_version):
    assert Tenant(api_version).read() == []


def test_no_filter_is_sent_where_none_is_given():
    tenant = Tenant("v1")
    tenant.read()
    assert "filters" not in tenant.asked[0][1]


@pytest.mark.parametrize("api_version", API_VERSIONS)
@pytest.mark.parametrize("limit", [None, 1, 260])
def test_ended_tasks_alone_are_listed_in_every_api_version(api_version, limit):
    ended = [task(minute) for minute in range(0, 600, 2)]
    running = [task(minute, ended=False) for minute in range(1, 600, 2)]
    found = Tenant(api_version, ended, running).read(TaskQuery(running=False), limit=limit)
    assert minutes(found) == list(range(598, -1, -2))[:limit]


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "5"])
def test_a_limit_is_a_whole_number_above_0(limit):
    with pytest.raises(InvalidInputError, match="limit"):
        TaskPages(API_VERSIONS["v1"], limit=limit)


def pages_of(api_version, answers, query=None):
    """Read all pages, each answered with the next list of records."""
    pages, asked = TaskPages(API_VERSIONS[api_version], query), []
    while (call := pages.next_call()) is not None:
        asked.append(call)
        assert len(asked) < 100, "it asks for ever"
        list(pages.take(next(answers)))
    return asked


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_the_same_page_again_and_again_is_noticed(api_version):
    page = [task(minute) for minute in range(250)]
    with pytest.raises(ProtocolError, match=r"does not end: at offset .* its pages repeat") as failure:
        pages_of(api_version, repeat(page))
    assert failure.value.status == 200


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_pages_that_take_turns_are_noticed(api_version):
    some, others = ([task(minute) for minute in range(start, start + 250)] for start in (0, 250))
    with pytest.raises(ProtocolError, match="does not end"):
        pages_of(api_version, cycle([some, others]))


@pytest.mark.parametrize("api_version", ONE_LIST)
def test_one_page_of_known_records_may_come_while_records_move(api_version):
    page = [task(minute) for minute in range(250)]
    fresh = [task(minute) for minute in range(250, 300)]
    assert len(pages_of(api_version, iter([page, page, fresh]))) == 3


@pytest.mark.parametrize("api_version", TWO_LISTS)
def test_running_tasks_without_end_are_noticed(api_version):
    fresh = ([task(250 * page + at) for at in range(250)] for page in count())
    with pytest.raises(ProtocolError, match=r"more than 10,000 tasks"):
        pages_of(api_version, fresh)


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_nothing_is_asked_where_nothing_can_match(api_version):
    assert pages_of(api_version, repeat([]), TaskQuery(task_ids=())) == []
