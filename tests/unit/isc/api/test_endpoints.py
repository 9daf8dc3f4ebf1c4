import pytest

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.files.local import LocalFile
from sailpoint_provider.files.source import FileState, Upload
from sailpoint_provider.isc.api import endpoints
from sailpoint_provider.isc.api.task_query import quoted
from sailpoint_provider.isc.api.versions import API_VERSIONS
from tests.unit.isc.isc_cases import RUN, SOURCE, answer, load_accounts, tenant

SOURCES = {name: one.path("sources") for name, one in API_VERSIONS.items()}


def an_upload():
    return Upload(LocalFile("/drop/accounts.csv"), FileState(10, "1"), 10)


@pytest.mark.parametrize("name", API_VERSIONS)
def test_a_start_is_a_multipart_post_that_is_not_repeated(name):
    call = load_accounts(API_VERSIONS[name], SOURCE)
    assert (call.method, call.path) == ("POST", f"{SOURCES[name]}/{SOURCE}/load-accounts")
    assert call.multipart
    assert not call.safe_to_repeat
    assert call.scope == "idn:sources:manage"
    assert call.upload is None


@pytest.mark.parametrize(("effect", "text"), [(True, "true"), (False, "false")])
def test_the_optimization_flag_is_a_form_field_and_always_there(effect, text):
    call = load_accounts(API_VERSIONS["v1"], SOURCE, an_upload(), disable_optimization=effect)
    assert call.form == (("disableOptimization", text),)
    assert call.query == ()
    assert call.upload is not None


@pytest.mark.parametrize("name", API_VERSIONS)
def test_reading_calls_may_be_repeated(name):
    api_version = API_VERSIONS[name]
    reading = [
        endpoints.account_aggregation_status(api_version, RUN),
        endpoints.task_status(api_version, RUN),
        endpoints.task_statuses(api_version.path("task-status"), limit=1, offset=0),
        endpoints.source(api_version, SOURCE),
        endpoints.sources(api_version),
    ]
    assert all(call.method == "GET" and call.safe_to_repeat and not call.multipart for call in reading)
    assert reading[0].path == f"{api_version.path('account-aggregations')}/{RUN}/status"
    assert reading[1].path == f"{api_version.path('task-status')}/{RUN}"


def test_the_token_request_may_be_repeated_and_goes_without_a_token():
    call = endpoints.token(tenant())
    assert call.safe_to_repeat
    assert call.is_token_request
    assert (call.method, call.path) == ("POST", "https://acme.api.identitynow.com/oauth/token")


def test_a_list_of_tasks_says_what_it_wants():
    call = endpoints.task_statuses(
        API_VERSIONS["v1"].path("task-status"), filters='id eq "x"', sorters="-created", limit=7, offset=250
    )
    assert call.path == "/task-status/v1"
    assert call.query == (
        ("limit", "7"),
        ("offset", "250"),
        ("filters", 'id eq "x"'),
        ("sorters", "-created"),
    )


def test_what_is_not_wanted_is_left_out_of_the_query():
    call = endpoints.task_statuses(API_VERSIONS["v1"].path("task-status"), limit=250, offset=0)
    assert call.query == (("limit", "250"),)


def test_pending_tasks_know_paging_only():
    call = endpoints.task_statuses("/beta/task-status/pending-tasks", limit=250, offset=250)
    assert call.query == (("limit", "250"), ("offset", "250"))


def test_a_source_sub_admin_asks_for_its_own_sources():
    assert endpoints.sources(API_VERSIONS["v1"]).query == (("limit", "250"),)
    call = endpoints.sources(API_VERSIONS["v1"], filters='name eq "HR"', for_subadmin=True)
    assert dict(call.query) == {"limit": "250", "filters": 'name eq "HR"', "for-subadmin": "me"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HR", '"HR"'),
        ('the "best"', '"the \\"best\\""'),
        ("a\\b", '"a\\\\b"'),
        ('\\" or name eq \\"', '"\\\\\\" or name eq \\\\\\""'),
    ],
)
def test_values_of_filters_are_escaped(text, expected):
    assert quoted(text) == expected


def test_a_source_is_read_from_its_answer():
    assert (
        endpoints.source(API_VERSIONS["v1"], SOURCE).read(answer({"id": SOURCE, "name": "HR"})).name == "HR"
    )
    assert endpoints.sources(API_VERSIONS["v1"]).read(answer([{"id": SOURCE}]))[0].id == SOURCE


def test_the_source_of_another_id_is_not_taken_for_the_one_that_was_asked_for():
    """Its file would delete the accounts of the other source."""
    read = endpoints.source(API_VERSIONS["v1"], SOURCE).read
    with pytest.raises(ProtocolError, match=r"describes source b{32}"):
        read(answer({"id": "b" * 32, "name": "HR"}))
    assert read(answer({"id": SOURCE.upper(), "name": "HR"})).name == "HR"
