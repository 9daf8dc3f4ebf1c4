"""Shared by the tests of starting once, of waiting for a busy source, and of kills."""

from __future__ import annotations

from itertools import pairwise

from sailpoint_provider.client.call_flow import CallFlow
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from tests.unit.airflow_cases import DIRECTORY, POLL, Crash, carried_out


def operator(**changed):
    return SailPointAccountAggregationOperator(**{"task_id": "task", "poll_interval": POLL} | changed)


def crashed(make, ti):
    """Run a task until its worker dies."""
    try:
        carried_out(make, ti)
    except Crash:
        return
    raise AssertionError("nothing crashed")


def crash(_=None):
    raise Crash


def crash_at_post(monkeypatch, when):
    """Let the worker die right before or right after it sends the next start; later starts succeed."""
    send, left = CallFlow.send, [when]

    def sent(self, call, until):
        dies = left.pop() if call.purpose.startswith("start") and left else None
        if dies == "before":
            raise Crash
        value = yield from send(self, call, until)
        if dies == "after":
            raise Crash
        return value

    monkeypatch.setattr(CallFlow, "send", sent)


def counted(tenant, source_id=DIRECTORY):
    """Return the aggregations that ISC accepted."""
    return [run for run in tenant.control.runs(source_id) if not run["refused"]]


def somebody_elses(tenant, source_id=DIRECTORY, file=None, **plan):
    """Start an aggregation that is not the task's own and runs until the task has looked; return its ID."""
    tenant.plan(source_id, **{"seconds": 1.0} | plan)
    task_id = SailPointHook().load_accounts(source_id, file).id
    tenant.control.clear_requests()
    return task_id


def one_after_the_other(runs):
    ordered = sorted(runs, key=lambda run: run["created"])
    return all(
        before["completed"] and before["completed"] <= after["created"] for before, after in pairwise(ordered)
    )
