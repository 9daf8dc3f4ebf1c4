import pytest

from tests.unit.simulator.simulator_cases import DIRECTORY, GENERATIONS, HR, finished, rows


@pytest.fixture
def three_runs(api, control, people):
    first = finished(control, api.started(people, rows((1, "a"))))
    second = finished(control, api.started(DIRECTORY))
    return [first, second, api.started(people, rows((2, "b")))]


def _ids(answer):
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_lists_starts_and_follows(api, control, generation):
    api.generation = generation
    assert len(api.sources().json()) == 4
    assert api.sources(filters='name eq "Directory"').json()[0]["id"] == DIRECTORY
    task = finished(control, api.started(DIRECTORY))
    status = api.status(task).json()
    assert status["status"] == "COMPLETED"
    assert len(status) == (4 if generation == "beta" else 8)
    assert api.task(task).json()["target"] == {
        "id": DIRECTORY,
        "type": "APPLICATION",
        "name": "Directory [source]",
    }
    assert _ids(api.tasks(filters=f'sourceId eq "{DIRECTORY}"')) == [task]


def test_the_account_schema_is_a_csv_row(api):
    answer = api.call("GET", f"sources/v1/{HR}/schemas/accounts")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text.splitlines() == [
        "id,name,givenName,familyName,e-mail,department,manager,startDate,endDate"
    ]
    assert api.call("GET", f"sources/v1/{DIRECTORY}/schemas/accounts").status_code == 400


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ('name sw "D"', 1),
        ('name co "Delimited"', 2),
        ('name in ("Directory", "HR Delimited File")', 2),
        (f'id eq "{HR}"', 1),
        ('name eq "nobody"', 0),
    ],
)
def test_sources_are_filtered(api, filters, found):
    assert len(api.sources(filters=filters, **{"for-subadmin": "me"}).json()) == found


def test_a_name_with_quotes_and_backslashes_is_found(api, control):
    name = 'Odd "quoted" \\ name'
    control.create_source(name)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert [source["name"] for source in api.sources(filters=f'name eq "{escaped}"').json()] == [name]


@pytest.mark.parametrize("generation", ["v1", "v2026", "v2025"])
def test_newer_lists_hold_running_tasks_and_know_isnull(api, three_runs, generation):
    api.generation = generation
    assert _ids(api.tasks()) == three_runs[::-1]
    assert _ids(api.tasks(sorters="created")) == three_runs
    assert _ids(api.tasks(filters='type eq "CLOUD_ACCOUNT_AGGREGATION" and completionStatus isnull')) == [
        three_runs[2]
    ]


@pytest.mark.parametrize("generation", ["v2024", "beta"])
def test_older_lists_hold_ended_tasks_only(api, three_runs, generation):
    api.generation = generation
    assert _ids(api.tasks()) == three_runs[1::-1]
    assert api.tasks(filters="completionStatus isnull").status_code == 400


@pytest.mark.parametrize("generation", GENERATIONS)
def test_pending_tasks_exist_where_the_generation_has_them(api, three_runs, generation):
    api.generation = generation
    path = "task-status/v1/pending-tasks" if generation == "v1" else f"{generation}/task-status/pending-tasks"
    answer = api.call("GET", path)
    if generation in ("v1", "v2026"):
        assert answer.status_code == 404
    else:
        assert _ids(answer) == [three_runs[2]]
        assert answer.headers["X-Deprecated"] == "true"


@pytest.mark.parametrize(
    ("generation", "status"), [("v1", 200), ("v2026", 200), ("v2025", 400), ("beta", 400)]
)
def test_the_launcher_filter_is_new(api, generation, status):
    api.generation = generation
    assert api.tasks(filters='launcher eq "System"').status_code == status


def test_pages(api, three_runs):
    answer = api.tasks(limit=1, offset=1, count="true")
    assert _ids(answer) == [three_runs[1]]
    assert answer.headers["X-Total-Count"] == "3"
    assert "X-Total-Count" not in api.tasks().headers
    assert _ids(api.tasks(filters=f'id in ("{three_runs[0]}", "x")')) == [three_runs[0]]


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
def test_a_query_isc_cannot_answer(api, query, status):
    answer = api.tasks(**query)
    assert answer.status_code == status
    assert set(answer.json()) == {"detailCode", "trackingId", "messages", "causes"}


@pytest.mark.parametrize(
    "query",
    [
        {"includeIDNSource": "perhaps"},
        {"filters": 'created gt "yesterday"'},
        {"filters": 'modified in ("2026-01-01", "2026-13-01")'},
    ],
)
def test_sources_are_not_asked_for_by_a_truth_or_a_date_that_is_none(api, query):
    answer = api.sources(**query)
    assert (answer.status_code, answer.json()["detailCode"]) == (400, "400.1.3 Illegal value")


def test_sources_are_compared_by_the_moment_that_a_date_means(api):
    for date in ("2001-01-01", "2001-01-01T00:00:00Z", "2001-01-01T00:00:00+14:00"):
        assert len(api.sources(filters=f'created gt "{date}"').json()) == 4
        assert api.sources(filters=f'created lt "{date}"').json() == []


def test_the_largest_offset_is_an_empty_page(api, three_runs):
    assert _ids(api.tasks(offset=2**31 - 1, count="True")) == []
    assert _ids(api.tasks(offset="0000000000001", sorters="", filters="")) == three_runs[1::-1]


COMPLETED = {"op": "replace", "path": "/completed", "value": "2024-05-17 19:33:16.470000+00:00"}
ENDED = {"op": "replace", "path": "/completionStatus", "value": "Error"}


def test_a_record_takes_the_date_of_the_documents_example(api, people):
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
def test_a_patch_is_known_by_its_media_type(api, people, media_type):
    task = api.started(people, rows((1, "a")))
    answer = api.patch(task, [ENDED], media_type)
    assert (answer.status_code, answer.json()["detailCode"]) == (400, "400.1.3 Illegal value")
    assert api.patch(task, [ENDED], "Application/JSON-Patch+JSON; charset=utf-8").status_code == 200


def test_unknown_paths_and_methods_answer_as_isc_does(api):
    for path in ("v3/sources", "sources", "v2025/nothing", "sources/v1/none", "task-status/v1/none"):
        answer = api.call("GET", path)
        assert (answer.status_code, len(answer.json()["trackingId"])) == (404, 32)
    answer = api.call("DELETE", f"sources/v1/{HR}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert api.call("PUT", f"task-status/v1/{HR}").headers["Allow"] == "GET, PATCH"


def test_a_generation_can_be_deprecated_and_retired(api, control):
    assert "X-Deprecated" not in api.call("GET", "v2025/sources").headers
    assert api.call("GET", "beta/sources").headers["X-Deprecated"] == "true"
    control.generation("beta", retired=True)
    control.generation("v2025", deprecated=True)
    assert api.call("GET", "beta/sources").status_code == 410
    assert api.call("GET", "v2025/sources").headers["X-Deprecated"] == "true"


def test_the_rate_limit_counts_per_client_and_generation(api, control):
    control.client("second", secret="another")
    control.rate_limit(3, 10)
    assert [api.sources().status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.sources()
    assert refused.json() == {"message": " Rate Limit Exceeded "}
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert api.call("GET", "v2025/sources").status_code == 200
    api.login()
    assert api.sources().status_code == 429
    api.client_id, api.secret = "second", "another"
    assert api.login().sources().status_code == 200


def test_the_limit_is_a_hundred_in_ten_seconds(api):
    answers = [api.sources(limit=0).status_code for _ in range(101)]
    assert answers.count(429) == 1


def test_every_shape_of_the_wild_can_be_switched_on(api, control, people):
    control.shapes(all=True)
    control.next_run(people, "temperror", messages=["odd"], fail_at=1)
    answer = api.start(people, rows((1, "a"))).json()
    assert answer["success"] == "true"
    assert isinstance(answer["task"]["created"], int)
    assert isinstance(answer["task"]["attributes"]["eventId"], int)
    control.finish(answer["task"]["id"])
    record = api.task(answer["task"]["id"]).json()
    assert record["completionStatus"] == "TEMP_ERROR"
    assert record["percentComplete"] is None
    assert record["messages"][0]["localizedText"] == "odd"
    task = finished(control, api.started(people, rows((1, "b"))))
    record = api.task(task).json()
    assert (record["completionStatus"], record["attributes"]["total"]) == ("Success", "1")
    assert api.call("GET", f"sources/v1/{HR}").json()["type"] == "Delimited File"
    control.shapes(all=False)
    assert api.task(task).json()["percentComplete"] == 100


def test_shapes_of_open_questions_are_switched_on_singly(api, control, people):
    control.shapes(
        null_counts=True,
        null_start=True,
        busy_without_task_id=True,
        busy_without_status=True,
        busy_without_record=True,
        busy_success_false=True,
        not_found_status=True,
        missing_counts=True,
        offset_times=True,
    )
    task = api.started(people, rows((1, "a")))
    status = api.status(task).json()
    assert (status["start"], status["totalAccounts"]) == (None, None)
    refused = api.start(people, rows()).json()
    assert (refused["success"], refused["task"].get("id"), refused["task"]["completionStatus"]) == (
        False,
        None,
        None,
    )
    assert refused["task"]["created"].endswith("+00:00")
    assert _ids(api.tasks()) == [task]
    assert api.status("0" * 32).json()["status"] == "NOT_FOUND"
    assert "total" not in api.task(finished(control, task)).json()["attributes"]
