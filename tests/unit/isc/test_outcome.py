import json

import pytest

from sailpoint_provider.isc.api.models import (
    AccountAggregationStatus,
    read_account_aggregation_status,
    read_task_status,
)
from sailpoint_provider.isc.kinds import ENTITLEMENT_AGGREGATION
from sailpoint_provider.isc.outcome import (
    KNOWN_STATUSES,
    Progress,
    decide,
    make_result,
    progress_of,
)
from tests.unit.isc.isc_cases import RUN, SOURCE, task_document

STATUSES = [None, *sorted(KNOWN_STATUSES), "SOMETHING_NEW"]
ENDS = {
    "SUCCESS": "succeeded",
    "Success": "succeeded",
    "success": "succeeded",
    "WARNING": "succeeded_with_warnings",
    "Warning": "succeeded_with_warnings",
    "ERROR": "failed",
    "Error": "failed",
    "TEMPERROR": "failed",
    "TEMP_ERROR": "failed",
    "Temp Error": "failed",
    "TempError": "failed",
    "SOMETHING_NEW": "failed",
    "TERMINATED": "terminated",
    "Terminated": "terminated",
}


def status(word, **counts):
    return None if word is None else AccountAggregationStatus(word, **counts)


def task(completion_status=None, **changes):
    return read_task_status(task_document(completion_status, **changes))


@pytest.mark.parametrize("word", STATUSES)
@pytest.mark.parametrize(("completion_status", "state"), ENDS.items())
def test_the_task_record_decides_how_a_run_ended(word, completion_status, state):
    if state == "terminated" and word == "CANCELLED":
        state = "cancelled"
    assert decide(status(word), task(completion_status)) == state


@pytest.mark.parametrize("record", [None, task()], ids=["no record", "no completionStatus"])
@pytest.mark.parametrize("word", STATUSES)
def test_without_the_word_of_the_task_record_only_a_final_status_ends_a_run(word, record):
    expected = {"CANCELLED": "cancelled", "TERMINATED": "terminated"}.get(word, "running")
    assert decide(status(word), record) == expected


@pytest.mark.parametrize(
    ("word", "percent", "expected"),
    [
        ("STARTED", 10, Progress("STARTED")),
        (None, 10, Progress("running (10 %)", percent=10)),
        (None, None, Progress("running")),
    ],
)
def test_progress_is_reported_by_the_status_endpoint_else_by_the_task_record(word, percent, expected):
    assert progress_of(status(word), task(percentComplete=percent)) == expected


def test_progress_without_any_answer_is_running():
    assert progress_of(None, None) == Progress("running")


def test_progress_shows_numbers_bar_percent_and_time():
    line = Progress("ACCOUNTS_COLLECTED", 1500, 2000).line(3725)
    assert line.startswith("ACCOUNTS_COLLECTED  ")
    assert "\u2588" * 15 + "\u2591" * 5 in line
    assert "1,500/2,000 accounts  75%" in line
    assert line.endswith("elapsed 1:02:05")


@pytest.mark.parametrize(("processed", "total"), [(0, 0), (5, 0), (7, 5), (5, 5), (0, -1)])
def test_progress_never_shows_more_than_all(processed, total):
    assert "100%" in Progress("COMPLETED", processed, total).line(0)


def test_progress_without_counts_has_no_bar():
    assert Progress("STARTED").line(61.9) == "STARTED             elapsed 0:01:01"


def test_a_result_holds_what_both_answers_say():
    said = read_account_aggregation_status(
        {
            "start": "2024-05-01T12:00:00.500Z",
            "status": "COMPLETED",
            "totalAccounts": 9,
            "processedAccounts": 8,
            "totalAccountsMarkedForDeletion": 2,
            "deletedAccounts": 1,
            "totalIdentities": 7,
            "processedIdentities": 6,
        }
    )
    record = task(
        "WARNING",
        attributes={"total": "9", "created": 1, "updated": 2, "deleted": 3, "optimized": 4, "ignored": 5},
        messages=[{"type": "WARN", "key": "k", "localizedText": {"message": "Account deletion was skipped"}}],
    )
    result = make_result(RUN, said, record)
    assert result == {
        "aggregation_id": RUN,
        "source_id": SOURCE,
        "source_name": "Directory",
        "state": "succeeded_with_warnings",
        "status": "COMPLETED",
        "completion_status": "WARNING",
        "started": "2024-05-01T12:00:00.500Z",
        "completed": "2024-05-01T12:01:01.500Z",
        "duration_seconds": 61.0,
        "accounts": {
            "scanned": 9,
            "created": 1,
            "updated": 2,
            "deleted": 3,
            "unchanged": 4,
            "ignored": 5,
            "to_process": 9,
            "processed": 8,
            "marked_for_deletion": 2,
        },
        "entitlements": dict.fromkeys(("scanned", "created", "updated", "deleted")),
        "identities": {"to_refresh": 7, "refreshed": 6},
        "deletions_skipped": True,
        "messages": [{"type": "WARN", "text": "Account deletion was skipped"}],
        "file": None,
    }
    assert json.loads(json.dumps(result)) == result


def test_a_result_without_any_answer_says_none():
    result = make_result(RUN)
    assert result["state"] == "running"
    assert result["messages"] == []
    assert result["deletions_skipped"] is False
    known = {
        "aggregation_id",
        "state",
        "messages",
        "deletions_skipped",
        "accounts",
        "entitlements",
        "identities",
    }
    assert all(value is None for key, value in result.items() if key not in known)
    assert set(result["accounts"].values()) == set(result["identities"].values()) == {None}


def test_the_begin_is_that_of_the_record_where_the_status_shows_none():
    assert make_result(RUN, status("COMPLETED"), task("SUCCESS"))["started"] == "2024-05-01T12:00:01.000Z"
    assert make_result(RUN, None, task("SUCCESS", launched=None))["started"] == "2024-05-01T12:00:00.000Z"


def test_a_duration_is_never_negative():
    early = task("SUCCESS", completed="2024-05-01T11:00:00Z")
    assert make_result(RUN, None, early)["duration_seconds"] == 0.0


def test_an_entitlement_aggregation_counts_entitlements_and_no_accounts():
    counts = {"total": "9", "groupsCreated": 4, "groupsUpdated": 3, "groupsDeleted": 2, "created": 77}
    task = read_task_status(task_document("SUCCESS", attributes=counts))
    result = make_result(RUN, None, task, kind=ENTITLEMENT_AGGREGATION)
    assert result["entitlements"] == {"scanned": 9, "created": 4, "updated": 3, "deleted": 2}
    assert set(result["accounts"].values()) == {None}


def test_an_account_aggregation_counts_no_entitlements():
    task = read_task_status(task_document("SUCCESS", attributes={"total": 9, "groupsCreated": 4}))
    result = make_result(RUN, None, task)
    assert result["accounts"]["scanned"] == 9
    assert set(result["entitlements"].values()) == {None}


BUSY_TEXT = (
    "This aggregation failed because the currently running aggregation must complete before the next one can "
    "start."
)


@pytest.mark.parametrize("completion_status", ["SUCCESS", "WARNING", "ERROR", "TEMP_ERROR"])
def test_the_record_of_a_refused_start_is_never_a_success(completion_status):
    messages = [{"type": "WARN", "key": BUSY_TEXT, "localizedText": {"locale": "en", "message": BUSY_TEXT}}]
    assert decide(None, task(completion_status, messages=messages)) == "failed"
    result = make_result(RUN, None, task(completion_status, messages=messages))
    assert BUSY_TEXT in result["messages"][0]["text"]


def test_a_success_with_errors_is_a_success_with_warnings():
    messages = [{"type": "ERROR", "key": "x", "localizedText": {"locale": "en", "message": "row 3 is bad"}}]
    assert decide(None, task("SUCCESS", messages=messages)) == "succeeded_with_warnings"
    assert make_result(RUN, None, task("SUCCESS", messages=messages))["messages"][0]["text"] == "row 3 is bad"
