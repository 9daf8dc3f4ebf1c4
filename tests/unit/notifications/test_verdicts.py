"""What is said of a result or an error: verdict, counts, and no keys of accounts."""

import pytest

from sailpoint_provider import exceptions
from sailpoint_provider._airflow.errors import for_airflow
from sailpoint_provider.isc.api.models import AccountAggregationStatus, read_task_status
from sailpoint_provider.isc.kinds import ENTITLEMENT_AGGREGATION
from sailpoint_provider.isc.outcome import make_result
from sailpoint_provider.isc.refresh_outcome import ended_part
from sailpoint_provider.notifications.verdicts import about_error, about_result
from sailpoint_provider.results import UploadedFile
from tests.unit.isc.isc_cases import RUN, SOURCE, task_document

TASK = "nightly.aggregate"
KEY = "jane.doe@example.org"


def result(completion_status="SUCCESS", status="COMPLETED", messages=(), **attributes):
    returns = [{"name": name, "attributeName": name} for name in attributes]
    words = [{"type": "ERROR", "localizedText": {"message": text}} for text in messages]
    document = task_document(
        completion_status, attributes={"appId": SOURCE, **attributes}, returns=returns, messages=words
    )
    return make_result(RUN, AccountAggregationStatus(status), read_task_status(document)) | {
        "source_name": "HR",
        "file": UploadedFile(name="hr.csv", size_bytes=1, sha256="a" * 64),
    }


def test_a_good_load_says_what_changed():
    message = about_result(result(total=1004, created=1000, updated=3, deleted=0, optimized=1), TASK)
    assert message.subject == "SUCCEEDED: HR · 1,000 created, 3 updated, 0 deleted"
    assert message.rows == (
        ("Source", "HR"),
        ("Accounts scanned", "1,004"),
        ("Accounts created", "1,000"),
        ("Accounts updated", "3"),
        ("Accounts deleted", "0"),
        ("Accounts unchanged", "1"),
        ("File", "hr.csv"),
        ("Duration", "60 s"),
        ("Task", TASK),
        ("Aggregation", RUN),
    )


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (("SUCCESS", "COMPLETED"), "SUCCEEDED"),
        (("WARNING", "COMPLETED"), "SUCCEEDED WITH WARNINGS"),
        (("ERROR", "COMPLETED"), "FAILED"),
        (("TERMINATED", "CANCELLED"), "CANCELLED"),
        (("TERMINATED", "TERMINATED"), "TERMINATED"),
        ((None, "STARTED"), "STARTED"),
    ],
)
def test_the_verdict_is_the_end(ended, verdict):
    assert about_result(result(*ended), TASK).verdict == verdict


def test_numbers_that_isc_does_not_give_are_left_out():
    message = about_result(make_result(RUN), TASK)
    assert message.subject == f"STARTED: {TASK}"
    assert [name for name, _ in message.rows] == ["Source", "Task", "Aggregation"]


def test_the_messages_of_isc_are_quoted_only_on_request():
    failed = result("ERROR", messages=[f"Account {KEY} is broken", "second", "third", "fourth"])
    error = exceptions.AggregationFailedError(failed, f"It failed: Account {KEY} is broken")
    quiet, loud = about_error(error, TASK), about_error(error, TASK, with_messages=True)
    assert quiet.verdict == loud.verdict == "FAILED"
    assert KEY not in quiet.text
    assert quiet.sentence == "ISC's messages are in the task's log (4)."
    assert f"Account {KEY} is broken | second | third" in loud.sentence
    assert "fourth" not in loud.text


def test_deletions_that_isc_skipped_are_mentioned():
    skipped = {**result("WARNING"), "deletions_skipped": True}
    assert "ISC deleted no accounts" in about_result(skipped, TASK).sentence


def test_a_refused_file_is_reported_in_numbers_and_rules_not_in_keys():
    report = {
        "name": "hr.csv",
        "rows": 10,
        "accounts": 9,
        "joiners": {"count": 1, "keys": [KEY]},
        "movers": None,
        "leavers": {"count": 8, "keys": [KEY]},
        "rules": [
            {"rule": "shrinkage", "state": "refused", "sentence": f"{KEY} would go"},
            {"rule": "keys", "state": "refused", "sentence": f"{KEY} is there twice"},
            {"rule": "rows", "state": "passed", "sentence": ""},
        ],
    }
    error = for_airflow(exceptions.FileRefusedError(f"{KEY} would be deleted.", report=report))
    message = about_error(error, TASK)
    assert message.subject == "FILE REFUSED: hr.csv"
    assert message.sentence.startswith("Nothing was sent. Refused by: shrinkage, keys.")
    assert message.rows == (
        ("File", "hr.csv"),
        ("Rows", "10"),
        ("Accounts", "9"),
        ("Accounts to create", "1"),
        ("Accounts to delete", "8"),
        ("Task", TASK),
    )
    assert KEY not in message.text


def test_a_file_that_isc_refuses_is_reported_without_its_words():
    error = exceptions.FileRefusedError(f"Column {KEY} is unknown", status=400, tracking_id="t-1")
    message = about_error(error, TASK)
    assert message.subject == f"FILE REFUSED: {TASK}"
    assert "ISC refused the file" in message.sentence
    assert ("trackingId", "t-1") in message.rows
    assert KEY not in message.text


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (exceptions.AggregationTimeoutError("It is still running."), "TIMED OUT"),
        (exceptions.AggregationAlreadyRunningError("Another one is running."), "NOT STARTED"),
        (exceptions.AuthenticationError("Check the connection.", final=True), "FAILED"),
        (exceptions.TenantUnavailableError("No response."), "FAILED"),
    ],
    ids=lambda one: getattr(type(one), "__name__", one),
)
def test_an_error_is_reported_with_what_to_do(error, verdict):
    message = about_error(error, TASK)
    assert message.subject == f"{verdict}: {TASK}"
    assert message.sentence == str(error)
    assert message.rows[0] == ("Error", type(error).__name__)


def test_warnings_that_fail_the_task_do_not_read_as_a_success():
    warned = result("WARNING", messages=["One row was skipped."])
    message = about_error(exceptions.AggregationFailedError(warned, "words"), TASK)
    assert message.subject.startswith("FAILED ON WARNINGS: HR")
    assert about_result(warned, TASK).verdict == "SUCCEEDED WITH WARNINGS"


def test_an_entitlement_aggregation_shows_entitlements():
    record = read_task_status(task_document("SUCCESS", attributes={"total": 9, "groupsCreated": 4}))
    message = about_result(make_result(RUN, None, record, kind=ENTITLEMENT_AGGREGATION), TASK)
    assert ("Entitlements created", "4") in message.rows
    assert not any(name.startswith("Accounts") for name, _ in message.rows)


@pytest.mark.parametrize("with_messages", [False, True])
def test_a_refresh_quotes_the_messages_of_isc_only_on_request(with_messages):
    part = ended_part(result("ERROR", messages=[f"No {KEY}."]), 250)
    refresh = {"state": "failed", "identities": 250, "identity_profile_id": None, "parts": [part]}
    error = exceptions.RefreshFailedError(refresh, f"1 of 1 parts. ISC's messages: No {KEY}.")
    message = about_error(error, TASK, with_messages=with_messages)
    assert message.verdict == "FAILED"
    assert (KEY in message.text) == with_messages
    assert ("Parts that did not succeed", "1") in message.rows
