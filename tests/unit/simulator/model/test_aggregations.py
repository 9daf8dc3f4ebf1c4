import time

import pytest

from tests.unit.simulator.simulator_cases import API_VERSIONS, DIRECTORY, MAINFRAME, finished, rows

BUSY = "the currently running aggregation must complete before the next one can start"


def test_counts_match_the_accounts(api, control, people):
    finished(control, api.started(people, rows((1, "a"), (2, "b"), (3, "c"))))
    task = finished(control, api.started(people, rows((2, "b"), (3, "changed"), (4, "d"), (5, "e"))))

    status, record = api.status(task).json(), api.task(task).json()
    assert (status["status"], status["totalAccounts"], status["processedAccounts"]) == ("COMPLETED", 4, 4)
    assert (status["totalAccountsMarkedForDeletion"], status["deletedAccounts"]) == (1, 1)
    assert {name: record["attributes"][name] for name in ("total", "created", "updated", "deleted")} == {
        "total": 4,
        "created": 2,
        "updated": 1,
        "deleted": 1,
    }
    assert record["attributes"]["optimized"] == 1
    assert [account["attributes"] for account in control.accounts(people)["accounts"]] == [
        {"id": "2", "name": "b"},
        {"id": "3", "name": "changed"},
        {"id": "4", "name": "d"},
        {"id": "5", "name": "e"},
    ]


def test_without_optimization_unchanged_accounts_are_processed_too(api, control, people):
    finished(control, api.started(people, rows((1, "a"), (2, "b"))))
    task = finished(control, api.started(people, rows((1, "a"), (2, "b")), disableOptimization="true"))

    attributes = api.task(task).json()["attributes"]
    assert (attributes["updated"], attributes["optimized"]) == (2, 0)
    assert attributes["optimizedAggregation"] == "disabled"
    assert api.status(task).json()["totalAccounts"] == 2


def test_columns_can_be_reordered_and_quoted(api, control, people):
    finished(control, api.started(people, 'id,name\n1,"a, or\nb"\n'))
    task = finished(control, api.started(people, 'name,id\n"a, or\nb",1\n'))

    assert api.task(task).json()["attributes"]["optimized"] == 1


@pytest.mark.parametrize(("lost", "skipped"), [(1, False), (2, True)])
def test_deletions_beyond_the_threshold_are_skipped(api, control, lost, skipped):
    source = control.create_source("Guarded", header=["id", "name"], delete_threshold=10, accounts=10)["id"]
    kept = control.accounts(source)["accounts"][lost:]
    csv = rows(*((account["id"], account["attributes"]["name"]) for account in kept))
    task = finished(control, api.started(source, csv))

    record = api.task(task).json()
    assert record["completionStatus"] == ("WARNING" if skipped else "SUCCESS")
    assert [message["localizedText"]["message"] for message in record["messages"]] == (
        ["Account deletion was skipped"] if skipped else []
    )
    assert record["attributes"]["deleted"] == (0 if skipped else lost)
    assert control.accounts(source)["total"] == (10 if skipped else 10 - lost)


def test_a_direct_source_reads_its_system(api, control):
    finished(control, api.started(DIRECTORY))
    task = finished(control, api.started(DIRECTORY))
    assert api.task(task).json()["attributes"]["optimized"] == 250

    control.next_run(DIRECTORY, accounts=249)
    task = finished(control, api.started(DIRECTORY))
    assert api.task(task).json()["attributes"]["deleted"] == 1


def test_a_virtual_appliance_reads_the_file_itself(api, control):
    task = finished(control, api.started(MAINFRAME))
    assert api.task(task).json()["attributes"]["created"] == 40


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_busy_source_refuses_inside_a_202(api, control, people, api_version):
    api.api_version = api_version
    first = api.started(people, rows((1, "a")))
    answer = api.start(people, rows())

    task = answer.json()["task"]
    assert (answer.status_code, task["completionStatus"]) == (202, "ERROR")
    assert BUSY in task["messages"][0]["localizedText"]
    record = api.task(task["id"]).json()
    assert record["completionStatus"] == "ERROR"
    assert BUSY in record["messages"][0]["localizedText"]["message"]
    assert record["created"] == record["completed"]
    assert api.status(task["id"]).status_code == 404
    ended = api.tasks(filters=f'sourceId eq "{people}" and completionStatus eq "Error"').json()
    assert [record["id"] for record in ended] == [task["id"]]
    finished(control, first)
    assert control.accounts(people)["total"] == 1
    assert [run["refused"] for run in control.runs(people)] == [False, True]


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_shape_leaves_no_record_of_a_refused_start(api, control, people, api_version):
    api.api_version = api_version
    control.shapes(busy_without_record=True)
    control.start(people)
    refused = api.start(people, rows()).json()["task"]["id"]
    assert api.task(refused).status_code == 404
    assert refused not in [record["id"] for record in api.tasks().json()]


def test_a_scheduled_aggregation_keeps_a_delimited_sources_accounts(api, control):
    source = control.create_source("Scheduled", header=["id", "name"], accounts=3)["id"]
    run = control.start(source)
    assert (run["status"], run["refused"], run["file"]) == ("STARTED", False, None)
    assert control.start(source)["refused"]
    assert control.finish(run["id"])["counts"]["deleted"] == 0
    assert control.accounts(source)["total"] == 3
    directory = control.start(DIRECTORY)["id"]
    assert control.finish(directory)["counts"]["created"] == 250


def test_a_run_goes_through_its_states(api, control, people):
    control.next_run(people, collect_seconds=1000, process_seconds=1000)
    task = api.started(people, rows(*((n, "x") for n in range(100))))

    status = api.status(task).json()
    assert status["status"] == "STARTED"
    assert "totalAccounts" not in status
    assert api.task(task).json()["completionStatus"] is None
    control.advance(task, 1500)
    status = api.status(task).json()
    assert status["status"] == "ACCOUNTS_COLLECTED"
    assert (status["totalAccounts"], 50 <= status["processedAccounts"] < 60) == (100, True)
    control.advance(task, 500)
    assert api.status(task).json()["status"] == "COMPLETED"
    record = api.task(task).json()
    assert (record["percentComplete"], record["completionStatus"]) == (100, "SUCCESS")


def test_time_moves_a_run_by_itself_at_the_tenants_speed(api, control):
    task = api.started(DIRECTORY)
    deadline = time.monotonic() + 5
    while api.task(task).json()["completionStatus"] is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert api.task(task).json()["completionStatus"] == "SUCCESS"


@pytest.mark.parametrize(
    ("outcome", "status", "completion"),
    [
        ("success", "COMPLETED", "SUCCESS"),
        ("warning", "COMPLETED", "WARNING"),
        ("error", "COMPLETED", "ERROR"),
        ("terminated", "TERMINATED", "TERMINATED"),
        ("cancelled", "CANCELLED", "TERMINATED"),
        ("temperror", "COMPLETED", "TEMPERROR"),
    ],
)
def test_every_end_can_be_reached(api, control, people, outcome, status, completion):
    control.next_run(people, outcome, collect_seconds=10, process_seconds=10, fail_at=0.5)
    task = api.started(people, rows(*((n, "x") for n in range(10))))
    control.advance(task, 20)

    assert api.status(task).json()["status"] == status
    assert api.task(task).json()["completionStatus"] == completion
    whole = outcome in ("success", "warning")
    assert control.accounts(people)["total"] == (10 if whole else 5)


def test_a_retried_run_succeeds_later(api, control, people):
    control.next_run(people, "retried", collect_seconds=1000, process_seconds=0)
    task = api.started(people, rows((1, "a")))
    seen = []
    for _ in range(4):
        seen.append(api.status(task).json()["status"])
        control.advance(task, 1000)
    assert seen == ["STARTED", "RETRIED", "STARTED", "COMPLETED"]


def test_the_status_endpoint_forgets_an_hour_after_the_end(api, control, people):
    task = finished(control, api.started(people, rows((1, "a"))))
    assert api.status(task).status_code == 200
    control.advance(task, 3601)
    assert api.status(task).status_code == 404
    assert api.task(task).json()["completionStatus"] == "SUCCESS"


def test_the_status_endpoint_can_answer_404_at_first(api, control, people):
    control.shapes(early_not_found_seconds=1000)
    task = api.started(people, rows((1, "a")))
    assert api.status(task).status_code == 404
    control.advance(task, 1000)
    assert api.status(task).json()["status"] == "STARTED"


def test_clearing_the_record_frees_the_source(api, control, people):
    task = api.started(people, rows((1, "a")))
    patch = [
        {"op": "replace", "path": "/completionStatus", "value": "Error"},
        {"op": "replace", "path": "/completed", "value": "2026-01-01T00:00:00.000Z"},
    ]
    answer = api.patch(task, patch)

    assert answer.json()["completionStatus"] == "ERROR"
    assert api.status(task).json()["status"] == "STARTED"
    assert api.started(people, rows((2, "b"))) != task


def test_a_patch_of_anything_else_is_refused(api, people):
    task = api.started(people, rows((1, "a")))
    for patch in (
        [{"op": "remove", "path": "/completed"}],
        [{"op": "replace", "path": "/launcher", "value": "x"}],
        [{"op": "replace", "path": "/completionStatus", "value": "DONE"}],
        {},
    ):
        assert api.patch(task, patch).status_code == 400
