"""Every call against the simulated tenant, in both worlds and all API versions."""

import logging
import time

import pytest

from sailpoint_provider import __version__
from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationAlreadyRunningError,
    InvalidInputError,
    UnknownAggregationError,
)
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.paging import TaskPages
from sailpoint_provider.isc.api.task_query import TaskQuery
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.flow import ask
from sailpoint_provider.isc.start.load import find_source, start
from sailpoint_provider.isc.wait.backoff import Backoff
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.isc.wait.watch import Watch
from tests.unit.client.client_cases import DIRECTORY, HR, SECRET, asked, tenant_at, write_csv

V1 = API_VERSIONS["v1"]


@pytest.fixture(params=API_VERSIONS)
def api_version(request):
    return API_VERSIONS[request.param]


@pytest.fixture(params=[False, True], ids=["documented", "wild"])
def shapes(request, control):
    control.shapes(all=request.param)
    return request.param


def started(world, tenant, api_version, source_id=DIRECTORY, upload=None):
    return world.run(tenant, start(api_version, source_id, upload)).id


def listed(api_version, **conditions):
    pages = TaskPages(api_version, TaskQuery(**conditions))
    found = []
    while (call := pages.next_call()) is not None:
        found.extend(pages.take((yield from ask(call))))
    return found


@pytest.mark.usefixtures("shapes")
def test_a_start_can_be_followed_to_its_end(world, tenant, control, api_version):
    control.next_run(DIRECTORY, collect_seconds=1e9)
    run_id = started(world, tenant, api_version)
    status, record = world.send_all(
        tenant,
        [
            endpoints.account_aggregation_status(api_version, run_id),
            endpoints.task_status(api_version, run_id),
        ],
    )
    assert status.status in ("STARTED", "ACCOUNTS_COLLECTED")
    assert record.completion_status is None
    assert (record.source_id, record.source_name) == (DIRECTORY, "Directory")
    control.finish(run_id, "warning")
    status, record = world.send_all(
        tenant,
        [
            endpoints.account_aggregation_status(api_version, run_id),
            endpoints.task_status(api_version, run_id),
        ],
    )
    assert status.status == "COMPLETED"
    assert record.completion_status.upper() == "WARNING"
    assert record.count("total") == 250
    assert record.completed >= record.launched
    assert [run["id"] for run in control.runs()] == [run_id]


@pytest.mark.usefixtures("shapes")
def test_a_wait_ends_with_a_result(world, tenant, control, api_version, caplog):
    control.next_run(DIRECTORY, collect_seconds=0.5, process_seconds=2)
    run_id = started(world, tenant, api_version)
    watch = Watch(run_id, api_version, deadlines=Deadlines(), clock=time.time, log=logging.getLogger("wait"))
    result = world.run(tenant, watch.wait(Backoff(0.05, first=0.02), lambda: 0.5))
    assert (result["state"], result["status"]) == ("succeeded", "COMPLETED")
    assert result["accounts"]["created"] == 250
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("shapes")
def test_a_file_is_loaded(world, tenant, control, api_version, tmp_path):
    task = world.run(tenant, start(api_version, HR, find_csv(write_csv(tmp_path, rows=7))))
    control.finish(task.id)
    assert control.accounts(HR)["total"] == 7
    assert asked(control, "load_accounts")[0]["parts"] == ["disableOptimization", "file"]


@pytest.mark.usefixtures("shapes")
def test_sources_are_read_by_id_and_found_by_name(world, tenant, api_version):
    source = world.send(tenant, endpoints.source(api_version, HR))
    assert source.name == "HR Delimited File"
    assert source.is_delimited_file
    assert world.run(tenant, find_source(api_version, "Directory")).id == DIRECTORY
    assert len(world.send(tenant, endpoints.sources(api_version))) == 4


@pytest.mark.usefixtures("shapes")
def test_running_and_ended_tasks_are_listed_newest_first(world, tenant, control, api_version, tmp_path):
    control.next_run(HR, collect_seconds=1e6)
    ended = started(world, tenant, api_version)
    control.finish(ended)
    running = started(world, tenant, api_version, HR, find_csv(write_csv(tmp_path)))
    assert [task.id for task in world.run(tenant, listed(api_version))] == [running, ended]
    only_running = world.run(tenant, listed(api_version, running=True))
    assert [task.id for task in only_running] == [running]
    of_source = world.run(tenant, listed(api_version, source_ids=(DIRECTORY,)))
    assert [task.id for task in of_source] == [ended]


def test_an_unknown_id_is_reported_as_such(world, tenant, api_version):
    for call in (endpoints.account_aggregation_status, endpoints.task_status):
        with pytest.raises(UnknownAggregationError) as failure:
            world.send(tenant, call(api_version, "0" * 32))
        assert failure.value.status == 404
        assert failure.value.tracking_id
    with pytest.raises(InvalidInputError, match="source ID is correct"):
        world.send(tenant, endpoints.source(api_version, "0" * 32))


def test_a_retired_api_version_is_reported_as_such(world, tenant, control, api_version):
    control.api_version(api_version.name, retired=True)
    with pytest.raises(InvalidInputError, match="Set a newer api_version"):
        world.send(tenant, endpoints.sources(api_version))


@pytest.mark.parametrize(("effect", "text", "optimized"), [(True, "true", False), (False, "false", True)])
def test_the_optimization_flag_arrives_as_a_form_field(world, tenant, control, effect, text, optimized):
    world.run(tenant, start(V1, DIRECTORY, disable_optimization=effect))
    (request,) = asked(control, "load_accounts")
    assert (request["disable_optimization"], request["parts"]) == (text, ["disableOptimization"])
    assert request["query"] == ""
    assert control.runs()[0]["optimized"] is optimized


def test_every_request_says_who_asks_and_that_experimental_calls_are_fine(world, tenant, control):
    world.run(tenant, start(V1, DIRECTORY))
    world.send(tenant, endpoints.sources(V1))
    assert {request["user_agent"] for request in control.requests()} == {
        f"airflow-provider-sailpoint/{__version__}"
    }
    assert {request["experimental"] for request in control.requests()} == {"true"}


def test_filters_arrive_as_they_were_meant(world, tenant, control):
    name = 'a "b" \\ c & d=e; ü +%20'
    control.create_source(name)
    assert world.run(tenant, find_source(V1, name)).name == name


def test_a_client_without_a_user_learns_the_end_all_the_same(world, sailpoint_simulator, control):
    control.client("api-client", secret=SECRET, user=False)
    tenant = tenant_at(sailpoint_simulator.url, login="api-client")
    run_id = started(world, tenant, V1)
    with pytest.raises(AccessDeniedError, match="needs a personal access token, not a scope"):
        world.send(tenant, endpoints.account_aggregation_status(V1, run_id))
    assert world.send(tenant, endpoints.task_status(V1, run_id)).completion_status is None


@pytest.mark.parametrize(
    "disguise",
    [
        {},
        {"busy_without_task_id": True},
        {"busy_without_status": True},
        {"busy_success_false": True},
        {"busy_without_record": True},
        {"all": True, "busy_without_task_id": True, "busy_without_status": True, "busy_success_false": True},
    ],
    ids=lambda disguise: "+".join(disguise) or "plain",
)
def test_a_refusal_inside_a_202_is_known_in_every_disguise(world, tenant, control, disguise):
    control.shapes(**disguise)
    control.next_run(DIRECTORY, collect_seconds=1e6)
    started(world, tenant, V1)
    with pytest.raises(AggregationAlreadyRunningError, match="another one is running") as failure:
        started(world, tenant, V1)
    assert failure.value.status == 202
    assert len(asked(control, "load_accounts")) == 2


def test_a_file_whose_header_does_not_fit_is_reported_in_iscs_words(world, tenant, control, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("id,nome\n1,x\n")
    with pytest.raises(InvalidInputError, match=r"unknown and/or column: \"\[name, ") as failure:
        started(world, tenant, V1, HR, find_csv(path))
    assert failure.value.detail_code == "400.1.3 Illegal value"
    assert failure.value.tracking_id in str(failure.value)
    assert failure.value.final
    assert len(asked(control, "load_accounts")) == 1
