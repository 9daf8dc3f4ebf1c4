"""What the answers about a source mean: ready, not ready, or unknown."""

from __future__ import annotations

import pytest

from sailpoint_provider.exceptions import AccessDeniedError, TenantUnavailableError
from sailpoint_provider.isc.api.models import Source
from sailpoint_provider.isc.api.source_health import ConnectionCheck, SourceHealth
from sailpoint_provider.isc.api.versions import API_VERSIONS
from sailpoint_provider.isc.readiness import as_table, read_readiness, readiness
from tests.unit.isc.isc_cases import RUN, SOURCE, Driver

DIRECT = Source(SOURCE, "Directory", "Active Directory - Direct")
FILE = Source(RUN, "HR", "DelimitedFile")
GOOD, BAD = ConnectionCheck(True, "SUCCESS", 12), ConnectionCheck(False, "FAILURE", 9, "no route")
HEALTHY, ILL = SourceHealth("SOURCE_STATE_HEALTHY"), SourceHealth("SOURCE_STATE_ERROR_SOURCE")
UNCHECKED = SourceHealth("SOURCE_STATE_UNCHECKED_SOURCE")
DOWN = TenantUnavailableError("no response.")


@pytest.mark.parametrize(
    ("source", "connection", "health", "verdict", "words"),
    [
        (DIRECT, GOOD, HEALTHY, "ready", ""),
        (DIRECT, GOOD, UNCHECKED, "ready", "has not checked its health"),
        (DIRECT, GOOD, None, "ready", ""),
        (DIRECT, BAD, HEALTHY, "not ready", "cannot log in (no route)"),
        (DIRECT, GOOD, ILL, "not ready", "SOURCE_STATE_ERROR_SOURCE"),
        (DIRECT, DOWN, HEALTHY, "not ready", "could not be checked: no response"),
        (DIRECT, GOOD, DOWN, "not ready", "health could not be read"),
        (DIRECT, None, UNCHECKED, "unknown", "has not checked its health"),
        (FILE, None, HEALTHY, "ready", "a delimited file has no connection"),
        (FILE, None, None, "unknown", "a delimited file has no connection"),
    ],
)
def test_what_the_answers_mean(source, connection, health, verdict, words):
    judged = readiness(source, connection, health)
    assert judged["verdict"] == verdict
    assert words in judged["reason"]
    assert bool(words) == bool(judged["reason"])


def test_what_is_not_ready_comes_first_and_is_counted():
    table = as_table([readiness(DIRECT, GOOD, HEALTHY), readiness(FILE, None, ILL)])
    lines = table.splitlines()
    assert lines[0] == "1 of 2 sources are ready to be loaded."
    assert lines[2].split() == ["Source", "Verdict", "Connection", "Health", "Reason"]
    assert lines[3].startswith("HR")
    assert "not ready" in lines[3]
    assert "SUCCESS (12 ms)" in lines[4]


def asked(respond, **changed):
    driver = Driver(respond)
    flow = read_readiness(
        API_VERSIONS["v1"], [DIRECT, FILE], **{"check_connection": True, "check_health": True} | changed
    )
    return driver.run(flow), [call.path for call in driver.calls]


def test_a_file_that_no_appliance_reads_has_no_connection_to_test():
    _, paths = asked(lambda call: GOOD if "connector" in call.path else HEALTHY)
    assert [path for path in paths if "connector" in path] == [
        f"/sources/v1/{SOURCE}/connector/check-connection"
    ]
    assert len([path for path in paths if path.endswith("source-health")]) == 2


def test_an_outage_of_one_call_leaves_the_other_sources_checked():
    checked, _ = asked(lambda call: DOWN if "connector" in call.path else HEALTHY)
    assert [one["verdict"] for one in checked] == ["not ready", "ready"]


def test_a_missing_scope_ends_the_check():
    with pytest.raises(AccessDeniedError):
        asked(lambda call: AccessDeniedError("403"))
