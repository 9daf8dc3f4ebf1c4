"""SailPoint's own Python SDK must be able to read the default answers."""

import warnings

import pytest

from tests.unit.simulator.simulator_cases import API_VERSIONS, CONTRACTORS, DIRECTORY, finished

pytest.importorskip("sailpoint", reason="SailPoint's SDK is not installed")

CSV = b"id,name,e-mail,company,endDate\n0001,Account 0001,,,\n0002,Account 0002,,,\n"


@pytest.fixture
def configuration(sailpoint_simulator, monkeypatch):
    from sailpoint.configuration import Configuration

    monkeypatch.setenv("SAIL_BASE_URL", sailpoint_simulator.url)
    monkeypatch.setenv("SAIL_CLIENT_ID", sailpoint_simulator.client_id)
    monkeypatch.setenv("SAIL_CLIENT_SECRET", sailpoint_simulator.client_secret)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configuration = Configuration()
        configuration.experimental = True
        configuration.suppress_experimental_warnings = True
        yield configuration


@pytest.fixture
def sources(configuration):
    from sailpoint.sources.api.sources_api import SourcesApi
    from sailpoint.sources.api_client import ApiClient

    return SourcesApi(ApiClient(configuration))


@pytest.fixture
def tasks(configuration):
    from sailpoint.task_management.api.task_management_api import TaskManagementApi
    from sailpoint.task_management.api_client import ApiClient

    return TaskManagementApi(ApiClient(configuration))


@pytest.fixture
def aggregations(configuration):
    from sailpoint.account_aggregations.api.account_aggregations_api import AccountAggregationsApi
    from sailpoint.account_aggregations.api_client import ApiClient

    return AccountAggregationsApi(ApiClient(configuration))


def test_sources(sources):
    listed = sources.list_sources_v1(filters='name eq "Directory"')
    assert [source.id for source in listed] == [DIRECTORY]
    assert sources.get_source_v1(CONTRACTORS).type == "DelimitedFile"


def test_an_aggregation_from_login_to_end(sources, tasks, aggregations, control):
    started = sources.import_accounts_v1(
        CONTRACTORS, file=("accounts.csv", CSV), disable_optimization="false"
    )
    assert started.success is True
    assert started.task.attributes.app_id == CONTRACTORS
    id = started.task.id
    assert aggregations.get_account_aggregation_status_v1(id).status == "STARTED"
    assert tasks.get_task_status_v1(id).completion_status is None

    finished(control, id)
    status = aggregations.get_account_aggregation_status_v1(id)
    assert (status.status, status.total_accounts, status.processed_accounts) == ("COMPLETED", 2, 2)
    record = tasks.get_task_status_v1(id)
    assert (record.completion_status, record.attributes["created"]) == ("SUCCESS", 2)


def test_a_refused_start_and_messages(sources, tasks, control):
    first = sources.import_accounts_v1(CONTRACTORS, file=("accounts.csv", CSV)).task.id
    refused = sources.import_accounts_v1(CONTRACTORS, file=("accounts.csv", CSV)).task
    assert refused.completion_status == "ERROR"
    finished(control, first)
    record = tasks.get_task_status_v1(refused.id)
    assert record.messages[0].localized_text.message == refused.messages[0].key
    listed = tasks.get_task_status_list_v1(filters=f'sourceId eq "{CONTRACTORS}"', sorters="-created")
    assert [task.id for task in listed] == [refused.id, first]


@pytest.mark.parametrize("outcome", ["warning", "error", "terminated", "temperror", "cancelled"])
def test_every_end_can_be_read(sources, tasks, aggregations, control, outcome):
    control.next_run(DIRECTORY, outcome)
    id = sources.import_accounts_v1(DIRECTORY, disable_optimization="true").task.id
    finished(control, id)
    assert tasks.get_task_status_v1(id).completed is not None
    assert aggregations.get_account_aggregation_status_v1(id).status is not None


def test_an_error_is_raised_with_its_body(sources):
    from sailpoint.sources.exceptions import BadRequestException

    with pytest.raises(BadRequestException, match="is missing"):
        sources.import_accounts_v1(CONTRACTORS, file=("accounts.csv", b"id\n1\n"))


@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_answers_of_all_api_versions_have_the_shape_the_sdk_reads(api, control, api_version):
    from sailpoint.account_aggregations.models.account_aggregation_status import AccountAggregationStatus
    from sailpoint.sources.models.load_accounts_task import LoadAccountsTask
    from sailpoint.sources.models.source import Source
    from sailpoint.task_management.models.task_status import TaskStatus

    api.api_version = api_version
    started = api.start(DIRECTORY)
    assert LoadAccountsTask.from_json(started.text).task.name
    id = finished(control, started.json()["task"]["id"])
    assert AccountAggregationStatus.from_json(api.status(id).text).status == "COMPLETED"
    assert TaskStatus.from_json(api.task(id).text).percent_complete == 100
    assert all(Source.from_dict(record).id for record in api.sources().json())


@pytest.fixture
def accounts(configuration):
    from sailpoint.accounts.api.accounts_api import AccountsApi
    from sailpoint.accounts.api_client import ApiClient

    return AccountsApi(ApiClient(configuration))


@pytest.mark.parametrize("detail", ["SLIM", "FULL"])
def test_accounts_and_schemas(accounts, sources, control, detail):
    source = control.create_source("Staff", header=["badge", "name"], accounts=3)["id"]
    page = accounts.list_accounts_v1_with_http_info(
        filters=f'sourceId eq "{source}"', limit=1, count=True, detail_level=detail
    )
    (account,) = page.data
    assert (account.native_identity, account.source_name) == ("0001", "Staff")
    assert {name.lower(): value for name, value in page.headers.items()}["x-total-count"] == "3"
    (schema,) = sources.get_source_schemas_v1(source, include_names="account")
    assert schema.identity_attribute == "badge"
    assert [attribute.name for attribute in schema.attributes] == ["badge", "name"]
