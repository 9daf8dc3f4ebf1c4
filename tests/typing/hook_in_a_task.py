"""The hook in a TaskFlow task."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.hooks.sailpoint import SailPointHook


@task
def load(path: str) -> str:
    hook = SailPointHook("sailpoint_default")
    source = hook.find_source("HR")
    aggregation = hook.load_accounts(source.id, path, disable_optimization=True)
    result = hook.wait_for_account_aggregation(aggregation.id, timeout=3600)
    for record in hook.list_task_statuses(source_ids=[source.id], running=False, limit=5):
        print(record.id, record.completion_status)
    aggregation_id: str = result["aggregation_id"]
    return aggregation_id


@task
def schedules(source_id: str) -> list[dict[str, Any]]:
    try:
        with SailPointHook().get_conn() as session:
            found: list[dict[str, Any]] = session.get(f"/v2025/sources/{source_id}/schedules").json()
    except SailPointError as error:
        print(error.status, error.tracking_id)
        raise
    SailPointHook().request("PATCH", f"/v2025/sources/{source_id}", json=[{"op": "test"}], timeout=10)
    return found


@task
async def progress(aggregation_id: Any) -> int | None:
    hook = SailPointHook()
    response = await hook.arequest("GET", "/v2025/sources", params={"limit": 1})
    print(response.status, response.json())
    status = await hook.aget_account_aggregation_status(aggregation_id)
    await hook.async_wait_for_account_aggregation(aggregation_id)
    return status.processed_accounts


@dag(schedule=None)
def hook_in_a_task() -> None:
    load("/data/hr.csv") >> progress("{{ ti.xcom_pull(task_ids='load') }}")


hook_in_a_task()
