"""Names and helpers that several of these tests share."""

HR = "2c918085000000000000000000000a01"
CONTRACTORS = "2c918085000000000000000000000a02"
DIRECTORY = "2c918085000000000000000000000a03"
MAINFRAME = "2c918085000000000000000000000a04"
API_VERSIONS = ("v1", "v2026", "v2025", "v2024", "beta")


def rows(*pairs):
    return "id,name\n" + "".join(f"{id},{name}\n" for id, name in pairs)


def finished(control, task_id):
    control.finish(task_id)
    return task_id


def ids_of(answer):
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()]
