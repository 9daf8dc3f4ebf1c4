import pytest

from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationAlreadyRunningError,
    AggregationFailedError,
    InvalidInputError,
    ProtocolError,
)
from sailpoint_provider.isc.api.models import Source, StartedAggregation, StartResponse, TaskMessage
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.start.load import check_file_fits, find_source, get_source, start
from sailpoint_provider.isc.start.reconcile import may_have_started
from tests.unit.isc.isc_cases import RUN, SOURCE, Driver

V1 = API_VERSIONS["v1"]
HR = Source(SOURCE, "HR Delimited File", "DelimitedFile")
BUSY = "the currently running aggregation must complete before the next one can start"


def drive(flow, *answers):
    waiting = list(answers)
    driver = Driver(lambda call: waiting.pop(0))
    return driver, lambda: driver.run(flow)


def test_a_source_is_found_by_its_name():
    driver, run = drive(find_source(V1, 'HR "x" \\'), [Source("a", 'hr "X" \\')])
    assert run().id == "a"
    assert dict(driver.calls[0].query) == {"limit": "250", "filters": 'name eq "HR \\"x\\" \\\\"'}


def test_a_name_that_is_only_part_of_another_does_not_hit():
    _, run = drive(find_source(V1, "HR"), [HR])
    with pytest.raises(InvalidInputError, match="has no source named 'HR'"):
        run()


def test_a_name_with_blanks_around_it_finds_the_source_that_has_none():
    driver, run = drive(find_source(V1, " HR Delimited File\n"), [HR])
    assert run() is HR
    assert dict(driver.calls[0].query)["filters"] == 'name eq "HR Delimited File"'


def test_a_name_that_nothing_has_is_reported():
    _, run = drive(find_source(V1, "Nothing"), [])
    with pytest.raises(InvalidInputError, match="this client can see") as failure:
        run()
    assert failure.value.final


def test_a_name_that_several_have_is_refused_with_their_ids():
    _, run = drive(find_source(V1, "HR"), [Source("a", "HR"), Source("b", "HR"), Source("c", "HR2")])
    with pytest.raises(InvalidInputError, match=r"2 sources are named 'HR' \(a, b\)"):
        run()


@pytest.mark.parametrize("name", ["", "  ", None, 7])
def test_an_empty_name_is_refused_before_anything_is_asked(name):
    driver, run = drive(find_source(V1, name))
    with pytest.raises(InvalidInputError, match="is empty"):
        run()
    assert driver.calls == []


def test_a_sub_admin_is_asked_for_in_its_own_way():
    driver, run = drive(find_source(V1, HR.name), AccessDeniedError("no"), [HR])
    assert run() is HR
    assert dict(driver.calls[1].query)["for-subadmin"] == "me"


def test_a_second_refusal_shows_the_first():
    first = AccessDeniedError("first")
    _, run = drive(find_source(V1, "HR"), first, AccessDeniedError("second"))
    with pytest.raises(AccessDeniedError) as failure:
        run()
    assert failure.value is first


def test_a_source_is_got_by_its_id():
    driver, run = drive(get_source(V1, SOURCE), HR)
    assert run() is HR
    assert driver.calls[0].path == f"/sources/v1/{SOURCE}"


@pytest.mark.parametrize("source_id", ["10001", "", None, f"{SOURCE}\n"])
def test_a_wrong_id_is_refused_before_anything_is_asked(source_id):
    driver, run = drive(get_source(V1, source_id))
    with pytest.raises(InvalidInputError, match="32 hex characters"):
        run()
    assert driver.calls == []


@pytest.mark.parametrize(
    ("source", "has_file"),
    [
        (HR, True),
        (Source(SOURCE, "VA", "Delimited File", has_cluster=True), False),
        (Source(SOURCE, "VA", "Delimited File", has_cluster=True), True),
        (Source(SOURCE, "AD", "Active Directory", has_cluster=True), False),
        (Source(SOURCE, "Web", "Web Services"), False),
    ],
)
def test_a_file_goes_with_the_sources_that_need_or_take_one(source, has_file):
    check_file_fits(source, has_file)


@pytest.mark.parametrize(
    ("source", "has_file", "reason"),
    [
        (HR, False, "Set file to the CSV"),
        (Source(SOURCE, "AD", "Active Directory", has_cluster=True), True, "takes no file"),
        (Source(SOURCE, "AD", ""), True, "Remove file"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(source, has_file, reason):
    with pytest.raises(InvalidInputError, match=reason):
        check_file_fits(source, has_file)


def test_a_start_returns_the_aggregation_that_isc_acknowledged():
    words = (TaskMessage("INFO", "first"),)
    task = StartResponse(RUN, words)
    driver, run = drive(start(V1, SOURCE, disable_optimization=True), task)
    assert run() == StartedAggregation(RUN, words)
    assert driver.calls[0].form == (("disableOptimization", "true"),)


@pytest.mark.parametrize("task_id", [RUN, None])
def test_a_refusal_inside_a_good_answer_is_distinguished(task_id):
    refused = StartResponse(task_id, (TaskMessage("ERROR", f"So: {BUSY}."),))
    _, run = drive(start(V1, SOURCE), refused)
    with pytest.raises(AggregationAlreadyRunningError, match="another one is running") as failure:
        run()
    assert failure.value.status == 202
    assert not failure.value.final


def test_a_start_without_an_id_is_not_taken_for_one():
    _, run = drive(start(V1, SOURCE), StartResponse(None))
    with pytest.raises(ProtocolError, match="messages: none"):
        run()
    words = (TaskMessage("INFO", "first"), TaskMessage(None, "second"))
    _, run = drive(start(V1, SOURCE), StartResponse(None, words))
    with pytest.raises(ProtocolError, match=r"first \| second.*before you start again"):
        run()


def test_a_start_that_has_failed_at_once_is_a_failure_and_no_start():
    words = (TaskMessage("ERROR", "The connector is broken."),)
    _, run = drive(start(V1, SOURCE), StartResponse(RUN, words, has_failed=True))
    with pytest.raises(AggregationFailedError, match="The connector is broken") as failure:
        run()
    assert failure.value.result["state"] == "failed"
    assert failure.value.result["messages"][0]["text"] == "The connector is broken."
    assert not may_have_started(failure.value)


@pytest.mark.parametrize("value", ["false", None, 1])
def test_a_start_without_optimization_is_asked_for_by_a_boolean_only(value):
    driver, run = drive(start(V1, SOURCE, disable_optimization=value))
    with pytest.raises(InvalidInputError, match="disable_optimization must be True or False"):
        run()
    assert driver.calls == []
