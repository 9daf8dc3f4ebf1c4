from tests.unit.simulator.simulator_cases import HR, finished, ids_of, rows


def test_all_shapes_seen_in_the_wild_can_be_switched_on_together(api, control, people):
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


def test_other_shapes_are_switched_on_one_by_one(api, control, people):
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
    assert ids_of(api.tasks()) == [task]
    assert api.status("0" * 32).json()["status"] == "NOT_FOUND"
    assert "total" not in api.task(finished(control, task)).json()["attributes"]
