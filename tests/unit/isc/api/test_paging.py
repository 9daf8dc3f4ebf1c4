from datetime import UTC, datetime, timedelta
from itertools import count, cycle, repeat

import pytest

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError
from sailpoint_provider.isc.api.models import TaskStatus
from sailpoint_provider.isc.api.paging import TaskPages
from sailpoint_provider.isc.api.versions import API_VERSIONS

EPOCH = datetime(2024, 5, 1, tzinfo=UTC)
TYPE = 'type eq "CLOUD_ACCOUNT_AGGREGATION"'
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
    """Answers the lists of a generation as its OpenAPI document says; ids of records are made of minutes."""

    def __init__(self, generation, ended=(), running=()):
        self.generation = API_VERSIONS[generation]
        self.ended, self.running = list(ended), list(running)
        self.asked = []

    def read(self, **wishes):
        pages = TaskPages(self.generation, **wishes)
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
        elif self.generation.pending_tasks:
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


@pytest.mark.parametrize("generation", API_VERSIONS)
@pytest.mark.parametrize("sorters", ["-created", "created", None])
def test_running_and_ended_tasks_come_as_one_list_in_order(generation, sorters):
    ended = [task(minute) for minute in range(0, 600, 2)]
    running = [task(minute, ended=False) for minute in range(1, 600, 60)]
    found = minutes(Tenant(generation, ended, running).read(sorters=sorters))
    expected = sorted([*range(0, 600, 2), *range(1, 600, 60)], reverse=sorters != "created")
    assert found == expected


@pytest.mark.parametrize("generation", API_VERSIONS)
@pytest.mark.parametrize("limit", [1, 3, 249, 250, 251, 307, 400, None])
@pytest.mark.parametrize("sorters", ["-created", "created"])
def test_a_limit_holds_over_all_pages(generation, limit, sorters):
    ended = [task(minute) for minute in range(300)]
    running = [task(minute, ended=False) for minute in range(300, 307)]
    found = minutes(Tenant(generation, ended, running).read(limit=limit, sorters=sorters))
    assert found == sorted(range(307), reverse=sorters == "-created")[:limit]


@pytest.mark.parametrize("generation", ONE_LIST)
def test_one_list_is_asked_page_by_page(generation):
    tenant = Tenant(generation, [task(minute) for minute in range(510)])
    assert len(tenant.read(filters=TYPE)) == 510
    assert {path for path, _ in tenant.asked} == {API_VERSIONS[generation].task_status}
    assert [query.get("offset") for _, query in tenant.asked] == [None, "250", "500"]
    assert {query["filters"] for _, query in tenant.asked} == {TYPE}
    assert {query["limit"] for _, query in tenant.asked} == {"250"}


@pytest.mark.parametrize("generation", ONE_LIST)
def test_no_more_is_asked_than_wanted(generation):
    tenant = Tenant(generation, [task(minute) for minute in range(510)])
    assert len(tenant.read(limit=260)) == 260
    assert [query["limit"] for _, query in tenant.asked] == ["250", "10"]


def test_a_full_last_page_is_followed_by_an_empty_one():
    tenant = Tenant("v1", [task(minute) for minute in range(250)])
    assert len(tenant.read()) == 250
    assert len(tenant.asked) == 2


@pytest.mark.parametrize("generation", TWO_LISTS)
def test_running_tasks_are_filtered_here_because_their_list_knows_no_filter(generation):
    running = [task(1, ended=False), task(2, ended=False, kind="Cloud Group Aggregation")]
    tenant = Tenant(generation, [], running)
    assert minutes(tenant.read(filters=TYPE)) == [1]
    assert tenant.asked[0] == (API_VERSIONS[generation].pending_tasks, {"limit": "250"})


@pytest.mark.parametrize("generation", TWO_LISTS)
def test_many_running_tasks_are_read_over_their_pages(generation):
    tenant = Tenant(generation, [], [task(minute, ended=False) for minute in range(600)])
    assert minutes(tenant.read(sorters="created")) == list(range(600))


@pytest.mark.parametrize("generation", TWO_LISTS)
def test_only_running_tasks_are_asked_where_only_they_are_wanted(generation):
    tenant = Tenant(generation, [task(1)], [task(2, ended=False)])
    assert minutes(tenant.read(filters="completionStatus isnull")) == [2]
    assert [path for path, _ in tenant.asked] == [API_VERSIONS[generation].pending_tasks]


@pytest.mark.parametrize("generation", TWO_LISTS)
def test_only_ended_tasks_are_asked_where_only_they_can_match(generation):
    tenant = Tenant(generation, [task(1)], [task(2, ended=False)])
    assert minutes(tenant.read(filters='completionStatus eq "SUCCESS"')) == [1]
    assert [path for path, _ in tenant.asked] == [API_VERSIONS[generation].task_status]


@pytest.mark.parametrize("generation", TWO_LISTS)
def test_a_task_that_ends_while_the_lists_are_read_comes_once(generation):
    both = task(5)
    tenant = Tenant(generation, [task(4), both, task(6)], [task(5, ended=False)])
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


@pytest.mark.parametrize("generation", API_VERSIONS)
def test_a_record_without_a_time_is_not_lost(generation):
    ended = [task(1), task(None, id="task-7")]
    assert sorted(minutes(Tenant(generation, ended, [task(2, ended=False)]).read())) == [1, 2, 7]


@pytest.mark.parametrize("generation", API_VERSIONS)
def test_an_empty_tenant_gives_an_empty_list(generation):
    assert Tenant(generation).read() == []


@pytest.mark.parametrize("filters", [None, "", "  "])
def test_no_filter_is_sent_where_none_is_given(filters):
    tenant = Tenant("v1")
    tenant.read(filters=filters)
    assert "filters" not in tenant.asked[0][1]


@pytest.mark.parametrize("sorters", ["name", "-name", "created,name", ""])
def test_only_the_time_of_creation_sorts(sorters):
    with pytest.raises(InvalidInputError, match="'created' or '-created' only"):
        TaskPages(API_VERSIONS["v1"], sorters=sorters)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "5"])
def test_a_limit_is_a_whole_number_above_0(limit):
    with pytest.raises(InvalidInputError, match="limit"):
        TaskPages(API_VERSIONS["v1"], limit=limit)


def test_a_wrong_filter_is_refused_before_anything_is_asked():
    with pytest.raises(InvalidInputError, match="cannot be filtered"):
        TaskPages(API_VERSIONS["v1"], filters='target.id eq "x"')


def pages_of(generation, answers, **wishes):
    """Read all pages, each answered with the next list of records."""
    pages, asked = TaskPages(API_VERSIONS[generation], **wishes), []
    while (call := pages.next_call()) is not None:
        asked.append(call)
        assert len(asked) < 100, "it asks for ever"
        list(pages.take(next(answers)))
    return asked


@pytest.mark.parametrize("generation", API_VERSIONS)
def test_the_same_page_again_and_again_is_noticed(generation):
    page = [task(minute) for minute in range(250)]
    with pytest.raises(ProtocolError, match="does not end: its pages repeat records") as failure:
        pages_of(generation, repeat(page))
    assert failure.value.status == 200


@pytest.mark.parametrize("generation", API_VERSIONS)
def test_pages_that_take_turns_are_noticed(generation):
    some, others = ([task(minute) for minute in range(start, start + 250)] for start in (0, 250))
    with pytest.raises(ProtocolError, match="does not end"):
        pages_of(generation, cycle([some, others]))


@pytest.mark.parametrize("generation", ONE_LIST)
def test_one_page_of_known_records_may_come_while_records_move(generation):
    page = [task(minute) for minute in range(250)]
    fresh = [task(minute) for minute in range(250, 300)]
    assert len(pages_of(generation, iter([page, page, fresh]))) == 3


@pytest.mark.parametrize("generation", TWO_LISTS)
def test_running_tasks_without_end_are_noticed(generation):
    fresh = ([task(250 * page + at) for at in range(250)] for page in count())
    with pytest.raises(ProtocolError, match=r"names 10,000 tasks and more follow"):
        pages_of(generation, fresh)


@pytest.mark.parametrize("generation", API_VERSIONS)
def test_nothing_is_asked_for_what_runs_and_has_ended_at_once(generation):
    filters = 'completionStatus isnull and completionStatus eq "SUCCESS"'
    asked = pages_of(generation, repeat([]), filters=filters)
    assert [call.path for call in asked if "pending" in call.path] == []
    assert not (API_VERSIONS[generation].pending_tasks and asked)


@pytest.mark.parametrize("generation", ["v2025", "v2024", "beta"])
def test_a_filter_that_the_generation_does_not_document_is_refused_before_anything_is_sent(generation):
    with pytest.raises(InvalidInputError, match=f"API generation {generation} cannot filter by launcher"):
        TaskPages(API_VERSIONS[generation], filters='launcher eq "System"')


@pytest.mark.parametrize("generation", ["v1", "v2026"])
def test_a_filter_that_the_generation_documents_is_sent(generation):
    pages = TaskPages(API_VERSIONS[generation], filters='launcher eq "System"')
    assert dict(pages.next_call().query)["filters"] == 'launcher eq "System"'
