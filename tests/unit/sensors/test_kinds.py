"""The sensor waits for any kind of load, in every mode, alone and among others."""

from __future__ import annotations

import asyncio
import time

import pytest

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.hooks.sailpoint import SailPointHook
from sailpoint_provider.isc.wait.deadlines import Deadlines
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from sailpoint_provider.triggers.aggregation import SailPointAccountAggregationTrigger
from tests.unit.airflow_cases import DIRECTORY, HR, NEVER, POLL, SPEED, carried_out, end_of
from tests.unit.operators.load_cases import DIRECT_ENTITLEMENTS, UNCORRELATED
from tests.unit.sensors.test_modes import MODES

LISTS = ("list_task_status", "list_pending_tasks")


def started(tenant, kind, folder, seconds=0.2):
    """Start a load of a kind, and return its ID."""
    hook = SailPointHook()
    if kind == "identity_refresh":
        tenant.control.next_refresh(collect_seconds=seconds * SPEED, process_seconds=0.0)
        return hook.process_identities([HR])
    if kind == "entitlement_aggregation":
        DIRECT_ENTITLEMENTS.plan(tenant, seconds=seconds)
        return hook.load_entitlements(DIRECTORY).id
    if kind == "uncorrelated_accounts":
        UNCORRELATED.plan(tenant, seconds=seconds)
        return hook.load_uncorrelated_accounts(DIRECTORY, UNCORRELATED.file(folder)).id
    return tenant.started(seconds=seconds)


def sensor(aggregation_id, **changed):
    return SailPointAccountAggregationSensor(
        **{"task_id": "wait", "aggregation_id": aggregation_id, "poll_interval": POLL, "timeout": 20.0}
        | changed
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kind", ["account_aggregation", "entitlement_aggregation", "uncorrelated_accounts", "identity_refresh"]
)
def test_it_waits_for_every_kind_in_every_mode(tenant, tmp_path, kind, mode):
    one = started(tenant, kind, tmp_path)
    tenant.control.clear_requests()
    result = carried_out(lambda: sensor(one, kind=kind, **MODES[mode]))
    assert (result["aggregation_id"], result["state"]) == (one, "succeeded")
    if kind != "account_aggregation":
        assert "get_aggregation_status" not in tenant.calls()


def test_an_unknown_kind_is_refused_when_the_dag_is_parsed():
    error = end_of(lambda: sensor("0" * 32, kind="accounts"))
    assert isinstance(error, InvalidInputError)
    assert "kind must be one of" in str(error)


def test_a_uuid_is_an_id_of_an_identity_refresh_only(tenant):
    uuid = "78733556-9ea3-4f59-bf69-e5cd92b011b4"
    assert isinstance(end_of(lambda: sensor(uuid)), InvalidInputError)


def test_an_error_speaks_of_the_kind(tenant, tmp_path):
    one = started(tenant, "entitlement_aggregation", tmp_path, seconds=NEVER)
    error = end_of(lambda: sensor(one, kind="entitlement_aggregation", timeout=0.3))
    assert f"entitlement aggregation {one}" in str(error)


def test_a_crowd_of_all_kinds_shares_the_lists(tenant, tmp_path):
    kinds = ("account_aggregation", "entitlement_aggregation", "uncorrelated_accounts", "identity_refresh")
    plan = {"collect_seconds": NEVER * SPEED, "process_seconds": 0.0}
    hook, waited = SailPointHook(), []
    for number in range(15):
        source = tenant.control.create_source(f"Crowd {number}", "direct", **plan)["id"]
        waited.append((hook.load_accounts(source).id, kinds[0]))
        waited.append((hook.load_entitlements(source).id, kinds[1]))
        file = UNCORRELATED.file(tmp_path)
        waited.append((hook.load_uncorrelated_accounts(source, file).id, kinds[2]))
        tenant.control.next_refresh(**plan)
        waited.append((hook.process_identities([HR]), kinds[3]))
    tenant.control.clear_requests()

    async def together():
        deadlines = Deadlines(time.time() + 30)
        triggers = [
            SailPointAccountAggregationTrigger(
                aggregation_id=one, kind=kind, poll_interval=0.3, deadlines=deadlines
            )
            for one, kind in waited
        ]
        waits = [asyncio.create_task(anext(trigger.run())) for trigger in triggers]
        async with asyncio.timeout(20):
            while sum(call in LISTS for call in await asyncio.to_thread(tenant.calls)) < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        calls = await asyncio.to_thread(tenant.calls)
        await asyncio.to_thread(lambda: [tenant.control.finish(one) for one, _ in waited])
        return calls, [event.payload for event in await asyncio.gather(*waits)]

    calls, events = asyncio.run(together())
    assert {event["status"] for event in events} == {"success"}
    # Nobody is polled by itself while the lists hold all that is waited for.
    assert calls.count("get_task_status") <= 20
