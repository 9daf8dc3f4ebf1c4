import pytest

from tests.unit.simulator.simulator_cases import API_VERSIONS, DIRECTORY, finished, ids_of, rows


@pytest.fixture
def three_runs(api, control, people):
    first = finished(control, api.started(people, rows((1, "a"))))
    second = finished(control, api.started(DIRECTORY))
    return [first, second, api.started(people, rows((2, "b")))]


@pytest.mark.parametrize("api_version", ["v1", "v2026", "v2025"])
def test_newer_lists_include_running_tasks_and_support_isnull(api, three_runs, api_version):
    api.api_version = api_version
    assert ids_of(api.tasks()) == three_runs[::-1]
    assert ids_of(api.tasks(sorters="created")) == three_runs
    assert ids_of(api.tasks(filters='type eq "CLOUD_ACCOUNT_AGGREGATION" and completionStatus isnull')) == [
        three_runs[2]
    ]


@pytest.mark.parametrize("api_version", ["v2024", "beta"])
def test_older_lists_include_ended_tasks_only(api, three_runs, api_version):
    api.api_version = api_version
    assert ids_of(api.tasks()) == three_runs[1::-1]
    assert api.tasks(filters="completionStatus isnull").status_code == 400


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_pending_tasks_exist_where_the_api_version_has_them(api, three_runs, api_version):
    api.api_version = api_version
    path = (
        "task-status/v1/pending-tasks" if api_version == "v1" else f"{api_version}/task-status/pending-tasks"
    )
    answer = api.call("GET", path)
    if api_version in ("v1", "v2026"):
        assert answer.status_code == 404
    else:
        assert ids_of(answer) == [three_runs[2]]
        assert answer.headers["X-Deprecated"] == "true"


@pytest.mark.parametrize(
    ("api_version", "status"), [("v1", 200), ("v2026", 200), ("v2025", 400), ("beta", 400)]
)
def test_only_newer_api_versions_filter_by_launcher(api, api_version, status):
    api.api_version = api_version
    assert api.tasks(filters='launcher eq "System"').status_code == status


def test_pages(api, three_runs):
    answer = api.tasks(limit=1, offset=1, count="true")
    assert ids_of(answer) == [three_runs[1]]
    assert answer.headers["X-Total-Count"] == "3"
    assert "X-Total-Count" not in api.tasks().headers
    assert ids_of(api.tasks(filters=f'id in ("{three_runs[0]}", "x")')) == [three_runs[0]]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 251}, 400),
        ({"limit": -1}, 400),
        ({"offset": "x"}, 400),
        ({"offset": 2**31}, 400),
        ({"offset": 2**63}, 400),
        ({"offset": "9" * 5000}, 400),
        ({"offset": "\u0663"}, 400),
        ({"limit": "ten"}, 400),
        ({"limit": "1.0"}, 400),
        ({"count": "yes"}, 400),
        ({"count": ""}, 400),
        ({"filters": "id eq"}, 400),
        ({"filters": "\ud800".encode("utf-8", "surrogatepass")}, 400),
        ({"sorters": "completed"}, 400),
        ({"filters": 'colour eq "red"'}, 400),
        ({"filters": 'target.id eq "1"'}, 500),
    ],
)
def test_an_invalid_query_is_refused(api, query, status):
    answer = api.tasks(**query)
    assert answer.status_code == status
    assert set(answer.json()) == {"detailCode", "trackingId", "messages", "causes"}


def test_the_largest_offset_is_an_empty_page(api, three_runs):
    assert ids_of(api.tasks(offset=2**31 - 1, count="True")) == []
    assert ids_of(api.tasks(offset="0000000000001", sorters="", filters="")) == three_runs[1::-1]


COMPLETED = {"op": "replace", "path": "/completed", "value": "2024-05-17 19:33:16.470000+00:00"}


ENDED = {"op": "replace", "path": "/completionStatus", "value": "Error"}


def test_a_record_accepts_the_date_format_of_the_documents_example(api, people):
    task = api.started(people, rows((1, "a")))
    assert api.patch(task, [ENDED, COMPLETED]).json()["completed"] == "2024-05-17T19:33:16.470Z"


@pytest.mark.parametrize(
    "patch",
    [
        b"",
        b"not JSON",
        b"\xff",
        b"[" * 100_000,
        [],
        {},
        "text",
        [1],
        [{}],
        [ENDED | {"op": "move"}],
        [ENDED | {"path": ["/completionStatus"]}],
        [ENDED | {"value": None}],
        [ENDED | {"value": "\ud800"}],
        [ENDED, COMPLETED | {"value": "soon"}],
        [ENDED, COMPLETED | {"value": "0001-01-01T00:00:00+14:00"}],
        [ENDED, COMPLETED | {"value": 1715974396470}],
    ],
    ids=lambda patch: repr(patch)[:40],
)
def test_a_patch_that_cannot_be_read_changes_nothing(api, people, patch):
    task = api.started(people, rows((1, "a")))
    answer = api.patch(task, patch)
    assert answer.status_code == 400
    assert set(answer.json()) == {"detailCode", "trackingId", "messages", "causes"}
    assert api.task(task).json()["completionStatus"] is None


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", ""])
def test_a_patch_needs_the_json_patch_media_type(api, people, media_type):
    task = api.started(people, rows((1, "a")))
    answer = api.patch(task, [ENDED], media_type)
    assert (answer.status_code, answer.json()["detailCode"]) == (400, "400.1.3 Illegal value")
    assert api.patch(task, [ENDED], "Application/JSON-Patch+JSON; charset=utf-8").status_code == 200
