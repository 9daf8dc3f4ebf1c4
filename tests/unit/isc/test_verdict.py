import logging

import pytest

from sailpoint_provider.exceptions import AggregationFailedError
from sailpoint_provider.isc.api.models import AccountAggregationStatus, read_task_status
from sailpoint_provider.isc.kinds import ACCOUNT_AGGREGATION, ENTITLEMENT_AGGREGATION, IDENTITY_REFRESH
from sailpoint_provider.isc.outcome import make_result
from sailpoint_provider.isc.start.checkpoint import Checkpoint
from sailpoint_provider.isc.verdict import check_end, end_level, end_line, log_end, start_line
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.results import UploadedFile
from tests.unit.isc.isc_cases import RUN, SOURCE, task_document

FILE = UploadedFile(name="hr.csv", size_bytes=26 * 1024, sha256="f" * 64, rows=None)
CHECKED_FILE = UploadedFile(name="hr.csv", size_bytes=26 * 1024, sha256="f" * 64, rows=1000)


def result_of(completion_status=None, *, status=None, file=None, **changes):
    said = None if status is None else AccountAggregationStatus(status)
    record = read_task_status(task_document(completion_status, **changes))
    return make_result(RUN, said, record) | {"file": file}


def good(file=None, **counts):
    return result_of("SUCCESS", attributes=counts, file=file)


def test_a_good_end_begins_with_the_verdict_and_ends_with_the_id():
    assert end_line(good(CHECKED_FILE, total=1000, created=1000, updated=0, deleted=0)) == (
        "SUCCEEDED in 1 min 1 s: 1,000 created, 0 updated, 0 deleted · Directory · hr.csv, 1,000 rows · "
        f"account aggregation {RUN}"
    )


def test_accounts_that_did_not_change_are_named_if_there_are_any():
    assert "3 created, 7 unchanged ·" in end_line(good(total=10, created=3, optimized=7, ignored=0))


def test_a_file_that_was_not_checked_is_shown_with_its_size():
    assert " · hr.csv, 26 KiB · " in end_line(good(FILE))


def test_without_counts_and_times_the_line_still_has_a_verdict():
    line = end_line(result_of("SUCCESS", completed=None, attributes={}))
    assert line == f"SUCCEEDED · Directory · account aggregation {RUN}"


def test_an_unnamed_source_is_shown_by_its_id():
    assert f" · source {SOURCE} · " in end_line({**good(), "source_name": None})
    assert " · source unknown · " in end_line({**good(), "source_name": None, "source_id": None})


def test_warnings_are_shown_with_the_messages_of_isc():
    result = result_of("WARNING", attributes={"created": 3}, messages=["One row was skipped."])
    assert end_line(result).startswith(
        "SUCCEEDED WITH WARNINGS in 1 min 1 s: One row was skipped. · 3 created · Directory"
    )


def test_skipped_deletions_are_shown():
    result = result_of("WARNING", completed=None, attributes={}, messages=["Account deletion was skipped"])
    assert "ISC deleted no accounts, because the source's delete threshold was exceeded" in end_line(result)


def test_messages_of_a_good_end_stay_in_the_result():
    assert "note" not in end_line(result_of("SUCCESS", messages=["A note."]))


@pytest.mark.parametrize("completion_status", ["ERROR", "TEMP_ERROR", "TERMINATED"])
def test_a_bad_end_raises_with_the_result(completion_status):
    messages = ["The connector is down.", "Nobody is there."]
    result = result_of(completion_status, status="COMPLETED", messages=messages)
    with pytest.raises(AggregationFailedError) as failure:
        check_end(result)
    assert failure.value.result is result
    text = str(failure.value)
    verdict = "TERMINATED" if completion_status == "TERMINATED" else "FAILED"
    assert text.startswith(f"{verdict} in 1 min 1 s: The connector is down. | Nobody is there. · ")
    for part in (RUN, "Directory", f"completionStatus {completion_status}, status COMPLETED"):
        assert part in text
    assert ("Retry the task" in text) == (completion_status == "TEMP_ERROR")


def test_a_bad_end_without_a_record_names_what_is_known():
    result = make_result(RUN, AccountAggregationStatus("CANCELLED"))
    with pytest.raises(AggregationFailedError, match=r"^CANCELLED · source unknown · completionStatus None"):
        check_end(result)


def test_lines_and_errors_name_the_kind_of_load():
    kind = ACCOUNT_AGGREGATION._replace(name="entitlement aggregation")
    assert end_line(good(), kind).endswith(f" · entitlement aggregation {RUN}")
    with pytest.raises(AggregationFailedError, match=f"entitlement aggregation {RUN}"):
        check_end(result_of("ERROR"), kind=kind)


def test_a_good_end_is_returned():
    result = good()
    assert check_end(result, fail_on_warning=True) is result


def test_warnings_are_a_bad_end_only_if_asked_for():
    result = result_of("WARNING")
    assert check_end(result) is result
    with pytest.raises(AggregationFailedError, match=r"^FAILED ON WARNINGS .* fail_on_warning is True"):
        check_end(result, fail_on_warning=True)


def test_a_running_load_is_no_bad_end():
    result = result_of()
    assert check_end(result, fail_on_warning=True) is result


@pytest.mark.parametrize(
    ("result", "fail_on_warning", "level"),
    [
        (good(created=3, deleted=0), False, logging.INFO),
        (good(created=3), False, logging.INFO),
        (good(deleted=1), False, logging.WARNING),
        (result_of("WARNING"), False, logging.WARNING),
        (result_of("WARNING"), True, logging.ERROR),
        (result_of("SUCCESS", messages=["Account deletion was skipped"]), False, logging.WARNING),
        (result_of("ERROR"), False, logging.ERROR),
        (result_of("TERMINATED"), False, logging.ERROR),
    ],
)
def test_deletions_are_a_warning_and_a_bad_end_is_an_error(result, fail_on_warning, level, caplog):
    assert end_level(result, fail_on_warning=fail_on_warning) == level
    with caplog.at_level(logging.INFO):
        log_end(logging.getLogger("a.task"), result, ACCOUNT_AGGREGATION, fail_on_warning=fail_on_warning)
    (record,) = caplog.records
    assert record.levelno == level
    assert record.getMessage() == end_line(result, fail_on_warning=fail_on_warning)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, "STARTED · HR · account aggregation"),
        (FILE, "STARTED · HR · hr.csv, 26 KiB · account aggregation"),
        (CHECKED_FILE, "STARTED · HR · hr.csv, 26 KiB, 1,000 rows · account aggregation"),
        ({**CHECKED_FILE, "rows": 1}, "STARTED · HR · hr.csv, 26 KiB, 1 row · account aggregation"),
    ],
)
def test_a_start_names_the_source_and_the_file_with_size_and_rows(sent, shown):
    checkpoint = Checkpoint("running", 1, SOURCE, "HR", Deadlines(), aggregation_id=RUN, sent=sent)
    assert start_line(checkpoint) == f"{shown} {RUN}"


def test_an_entitlement_aggregation_shows_what_became_of_entitlements():
    counts = {"total": "9", "groupsCreated": 4, "groupsUpdated": 3, "groupsDeleted": 2, "created": 77}
    record = read_task_status(task_document("SUCCESS", attributes=counts))
    result = make_result(RUN, None, record, kind=ENTITLEMENT_AGGREGATION)
    line = end_line(result, ENTITLEMENT_AGGREGATION)
    assert line.startswith("SUCCEEDED in 1 min 1 s: 4 created, 3 updated, 2 deleted · Directory · ")
    assert line.endswith(f"entitlement aggregation {RUN}")
    assert end_level(result) == logging.WARNING


def test_an_identity_refresh_has_no_source():
    record = read_task_status(task_document("ERROR", target=None, attributes={}))
    result = make_result(RUN, None, record, kind=IDENTITY_REFRESH)
    assert "source" not in end_line(result, IDENTITY_REFRESH)


def test_a_flood_of_messages_is_cut_in_the_line():
    result = result_of("ERROR", messages=[f"Row {number} is bad." for number in range(1, 50_001)])
    line = end_line(result)
    assert "Row 20 is bad." in line
    assert "Row 21 is bad." not in line
    assert "and 49,980 more" in line
