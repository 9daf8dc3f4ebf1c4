import pytest

from tests.unit.simulator.simulator_cases import API_VERSIONS, DIRECTORY, HR, finished, ids_of


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_every_api_version_lists_starts_and_follows(api, control, api_version):
    api.api_version = api_version
    assert len(api.sources().json()) == 4
    assert api.sources(filters='name eq "Directory"').json()[0]["id"] == DIRECTORY
    task = finished(control, api.started(DIRECTORY))
    status = api.status(task).json()
    assert status["status"] == "COMPLETED"
    assert len(status) == (4 if api_version == "beta" else 8)
    assert api.task(task).json()["target"] == {
        "id": DIRECTORY,
        "type": "APPLICATION",
        "name": "Directory [source]",
    }
    assert ids_of(api.tasks(filters=f'sourceId eq "{DIRECTORY}"')) == [task]


def test_unknown_paths_and_methods_answer_as_isc_does(api):
    for path in ("v3/sources", "sources", "v2025/nothing", "sources/v1/none", "task-status/v1/none"):
        answer = api.call("GET", path)
        assert (answer.status_code, len(answer.json()["trackingId"])) == (404, 32)
    answer = api.call("DELETE", f"sources/v1/{HR}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert api.call("PUT", f"task-status/v1/{HR}").headers["Allow"] == "GET, PATCH"


def test_a_api_version_can_be_deprecated_and_retired(api, control):
    assert "X-Deprecated" not in api.call("GET", "v2025/sources").headers
    assert api.call("GET", "beta/sources").headers["X-Deprecated"] == "true"
    control.api_version("beta", retired=True)
    control.api_version("v2025", deprecated=True)
    assert api.call("GET", "beta/sources").status_code == 410
    assert api.call("GET", "v2025/sources").headers["X-Deprecated"] == "true"
