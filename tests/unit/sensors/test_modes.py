"""The sensor ends the same in every mode, with and without ``soft_fail``: one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from sailpoint_provider._airflow.errors import failing_class
from sailpoint_provider.exceptions import (
    AccessDeniedError,
    AggregationFailedError,
    AuthenticationError,
    TenantUnavailableError,
    UnknownAggregationError,
)
from sailpoint_provider.isc.wait import deadlines
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import (
    DIRECTORY,
    NEVER,
    NOBODY,
    POLL,
    FakeTaskInstance,
    assert_whole,
    end_of,
)

MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
REFUSED = {"status": 401, "body": {"error": "invalid_client"}}


@dataclass
class Case:
    """
    What happens, and how the sensor ends.

    :param end: the state of the result, or the kind of the error.
    :param skips: whether ``soft_fail`` makes a skip of it.
    :param outcome: how the run ends; None never.
    :param faults: what requests meet.
    :param settings: of the sensor.
    """

    end: Any
    skips: bool = False
    outcome: str | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    unknown: bool = False


def _refused(skip: int) -> list[dict[str, Any]]:
    """Refuse the token from one look on, and every new one."""
    return [
        {"kind": "expired_token", "path": "task-status", "skip": skip},
        {"kind": "answer", "path": "oauth/token", "skip": int(bool(skip))} | REFUSED,
    ]


def _outage(skip: int) -> list[dict[str, Any]]:
    return [{"kind": "answer", "path": "task-status", "status": 503, "skip": skip}]


def _forbidden(skip: int) -> list[dict[str, Any]]:
    return [{"kind": "answer", "path": "task-status", "status": 403, "skip": skip}]


CASES = {
    "good end": Case("succeeded", outcome="success"),
    "warning": Case("succeeded_with_warnings", outcome="warning"),
    "warning with fail_on_warning": Case(
        AggregationFailedError, skips=True, outcome="warning", settings={"fail_on_warning": True}
    ),
    "failed": Case(AggregationFailedError, skips=True, outcome="error"),
    "terminated": Case(AggregationFailedError, skips=True, outcome="terminated"),
    "cancelled": Case(AggregationFailedError, skips=True, outcome="cancelled"),
    "timeout": Case(AirflowSensorTimeout, skips=True, settings={"timeout": 0.25}),
    "refused credential": Case(failing_class(AuthenticationError), faults=_refused(0)),
    "credential refused later": Case(failing_class(AuthenticationError), faults=_refused(1)),
    "missing scope": Case(failing_class(AccessDeniedError), faults=_forbidden(0)),
    "scope missing later": Case(failing_class(AccessDeniedError), faults=_forbidden(1)),
    "outage": Case(TenantUnavailableError, faults=_outage(0), settings={"tolerate_outage": 0.12}),
    "outage later": Case(TenantUnavailableError, faults=_outage(1), settings={"tolerate_outage": 0.12}),
    "unknown id": Case(UnknownAggregationError, unknown=True),
}


def ended(tenant, monkeypatch, case, mode, *, seconds=0.1, grace=0.12, **settings):
    """
    Run a sensor through a case and return the id and what came of it.

    :param seconds: how long an aggregation runs that ends.
    :param grace: seconds for which an id may be unknown.
    """
    monkeypatch.setattr(deadlines, "UNKNOWN_GRACE_SECONDS", grace)
    seconds = NEVER if case.outcome is None else seconds
    aggregation_id = NOBODY if case.unknown else tenant.started(DIRECTORY, case.outcome, seconds=seconds)
    tenant.control.revoke_tokens()
    for fault in case.faults:
        tenant.control.fault(**fault)
    usual = {"task_id": "wait", "aggregation_id": aggregation_id, "poll_interval": POLL, "timeout": 20}
    settings = usual | case.settings | MODES[mode] | settings
    ti = FakeTaskInstance()
    return aggregation_id, end_of(lambda: SailPointAccountAggregationSensor(**settings), ti), ti


def assert_end(case, end, aggregation_id):
    if isinstance(case.end, str):
        assert_whole(end)
        assert end["state"] == case.end
        assert end["aggregation_id"] == aggregation_id
        return
    assert type(end) is case.end
    assert isinstance(end, AirflowFailException) == issubclass(case.end, AirflowFailException)
    if case.end is AggregationFailedError:
        assert_whole(end.result)
    if case.end is not failing_class(AuthenticationError):
        assert aggregation_id in str(end)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_without_soft_fail(tenant, monkeypatch, case, mode):
    aggregation_id, end, _ = ended(tenant, monkeypatch, case, mode)
    assert_end(case, end, aggregation_id)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_soft_fail_skips_bad_ends_and_timeouts_only(tenant, monkeypatch, case, mode):
    aggregation_id, end, _ = ended(tenant, monkeypatch, case, mode, soft_fail=True)
    if case.skips:
        assert type(end) is AirflowSkipException
    else:
        assert_end(case, end, aggregation_id)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["failed", "timeout", "credential refused later", "outage", "unknown id"])
def test_never_fail_skips_whatever_is_no_good_end(tenant, monkeypatch, name, mode):
    _, end, _ = ended(tenant, monkeypatch, CASES[name], mode, never_fail=True)
    assert type(end) is AirflowSkipException


@pytest.mark.parametrize("mode", MODES)
def test_never_fail_returns_the_result_of_a_good_end(tenant, monkeypatch, mode):
    aggregation_id, end, _ = ended(tenant, monkeypatch, CASES["good end"], mode, never_fail=True)
    assert_end(CASES["good end"], end, aggregation_id)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("soft_fail", [False, True], ids=["failed", "skipped"])
@pytest.mark.parametrize("name", ["failed", "timeout"])
def test_failed_or_skipped_the_words_name_the_aggregation(tenant, monkeypatch, name, soft_fail, mode):
    aggregation_id, end, _ = ended(tenant, monkeypatch, CASES[name], mode, soft_fail=soft_fail)
    assert aggregation_id in str(end)
    if name == "timeout":
        assert "still running in ISC" in str(end)


@pytest.mark.parametrize("mode", MODES)
def test_a_wait_goes_through_the_mode_that_was_asked_for(tenant, monkeypatch, mode):
    _, _, ti = ended(tenant, monkeypatch, CASES["good end"], mode, seconds=1.0)
    assert (ti.reschedules > 0, len(ti.deferrals)) == {
        "poke": (False, 0),
        "reschedule": (True, 0),
        "deferrable": (False, 1),
    }[mode]


@pytest.mark.parametrize("mode", MODES)
def test_a_short_outage_is_sat_out_in_every_mode(tenant, monkeypatch, mode):
    case = Case("succeeded", outcome="success", faults=[_outage(0)[0] | {"times": 4}])
    aggregation_id, end, _ = ended(tenant, monkeypatch, case, mode)
    assert_end(case, end, aggregation_id)


@pytest.mark.parametrize("mode", MODES)
def test_an_id_that_is_known_late_is_waited_for_in_every_mode(tenant, monkeypatch, mode):
    path = "task-status|account-aggregations"
    case = Case(
        "succeeded",
        outcome="success",
        faults=[{"kind": "answer", "path": path, "status": 404, "times": 4}],
    )
    aggregation_id, end, _ = ended(tenant, monkeypatch, case, mode, grace=20.0)
    assert_end(case, end, aggregation_id)
