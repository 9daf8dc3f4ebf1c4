"""A start that is repeated is checked again: what the file was compared with may have changed."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from sailpoint_provider.exceptions import FileRefusedError
from sailpoint_provider.files.check.checked import CheckedFile
from sailpoint_provider.isc.api.models import StartResponse
from sailpoint_provider.isc.start.starter import STARTS_PER_TRY
from tests.unit.files.check.bad_files import GOOD
from tests.unit.files.check.cases import checked
from tests.unit.isc.start.starter_cases import (
    BUSY_WORDS,
    LOST,
    FakeFile,
    StartScenario,
    an_id,
    refused,
)

pytestmark = pytest.mark.usefixtures("one_database")


def refused_start(tenant):
    """Refuse a start because of another aggregation, which has ended by the next look."""
    tenant.arrive(9, "SUCCESS")
    tenant.records.append(refused(109, tenant.elapsed))
    return StartResponse(an_id(109), (BUSY_WORDS,))


@pytest.fixture
def begin(tmp_path):
    """Return a function that starts with a checked file, and tells what happened."""
    passed = checked(tmp_path, GOOD)
    objection = replace(passed, verdict="refused", sentence="It would delete 7 of 10 accounts.")

    def begun(replies, verdicts):
        reports = iter([{"passed": passed, "refused": objection}[one] for one in verdicts])
        file = CheckedFile(FakeFile(), lambda _: next(reports), None, logging.getLogger("check"))
        tenant = StartScenario(file=file, replies=list(replies))
        try:
            return tenant, tenant.begin()
        finally:
            tenant.happened.append(f"{len(list(reports))} checks left")

    return begun


@pytest.mark.parametrize(
    ("replies", "checks"),
    [([], 1), ([refused_start], 2), ([refused_start] * 3, 4), ([LOST], 2), ([LOST, refused_start], 3)],
    ids=["none", "refused", "refused three times", "lost", "lost and refused"],
)
def test_each_start_but_the_first_is_checked_anew(begin, replies, checks):
    tenant, outcome = begin(replies, ["passed"] * checks)
    assert outcome.state == "running"
    assert tenant.starts == len(replies) + 1
    assert tenant.happened[-1] == "0 checks left"


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_a_file_that_passes_no_more_after_a_refused_start_is_not_sent(begin, refusals):
    with pytest.raises(FileRefusedError, match="would delete 7 of 10"):
        begin([refused_start] * refusals, ["passed"] * refusals + ["refused"])


def test_no_lost_answer_sends_what_passes_no_more(begin):
    assert STARTS_PER_TRY > 1
    with pytest.raises(FileRefusedError):
        begin([LOST], ["passed", "refused"])
