"""The sizing runs: how waits are divided among triggerers, and what the promises compare."""

from __future__ import annotations

import json
import math

import pytest

from tests.benchmarks.sizing.runner import Measured, Share
from tests.benchmarks.sizing.section import Result, Setup, _bars
from tests.benchmarks.waits.tally import Tally


@pytest.mark.parametrize(("triggerers", "tenants", "count"), [(1, 1, 10), (4, 1, 10), (4, 3, 9)])
def test_every_aggregation_of_every_tenant_has_one_triggerer(triggerers, tenants, count):
    waits = [
        wait
        for number in range(triggerers)
        for wait in Share(tenants, number, triggerers, count, 30.0).waits()
    ]
    assert sorted(waits) == [(tenant, number) for tenant in range(tenants) for number in range(count)]


def test_each_tenant_has_a_connection_with_the_budget():
    connections = Setup(2, 2, 100, requests_per_10s=20).connections([4001, 4002])
    hosts = [json.loads(one)["host"] for one in connections.values()]
    assert hosts == ["https://127.0.0.1:4001", "https://127.0.0.1:4002"]
    assert json.loads(connections["AIRFLOW_CONN_TENANT_1"])["extra"] == {"requests_per_10s": 20}
    assert json.loads(Setup(1, 1, 1).connections([1])["AIRFLOW_CONN_TENANT_0"])["extra"] == {}


ONE = Setup(1, 1, 10)


def result(setup=ONE, *, noticed=(1.0,), void=None, refused=0, busiest=50):
    measured = Measured(10, 60.0, 1.0, 0.01, 10.0, tuple(noticed), void)
    return Result(setup, (measured,), (Tally({"token": 1}, refused, refused, busiest, 1, 1),))


def kept(*results):
    return [bar.met for bar in _bars(results)]


def test_a_run_that_keeps_all_promises():
    assert kept(result()) == [True, True, True, True]


@pytest.mark.parametrize(
    ("changed", "met"),
    [
        ({"void": "timeout"}, [False, True, True, True]),
        ({"busiest": 101}, [True, False, True, True]),
        ({"refused": 1}, [True, True, False, True]),
        ({"noticed": (1.0, math.inf)}, [True, True, True, False]),
    ],
)
def test_a_promise_that_is_not_kept_is_shown(changed, met):
    assert kept(result(), result(**changed)) == met


def test_a_run_that_is_overbooked_on_purpose_must_still_report_true_ends():
    overbooked = Setup(4, 1, 10)
    assert kept(result(), result(overbooked, refused=7, busiest=180)) == [True, True, True, True]
    assert kept(result(), result(overbooked, void="error")) == [False, True, True, True]
