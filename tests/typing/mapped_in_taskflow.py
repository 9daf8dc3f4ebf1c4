"""TaskFlow tasks around a mapped operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import dag, task

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

if TYPE_CHECKING:
    from sailpoint_provider.results import AggregationResult


@task
def exported(day: str) -> str:
    return f"s3://hr/{day}.csv"


@task
def report(outputs: Any) -> str:  # Airflow types an output as XComArg, not as the value of the task
    results: list[AggregationResult] = list(outputs)
    return ", ".join(f"{result['source_name']}: {result['state']}" for result in results)


@dag(schedule="@daily")
def mapped_in_taskflow() -> None:
    hr = SailPointAccountAggregationOperator(
        task_id="hr", source_name="HR", file=exported("{{ ds }}"), if_running="wait"
    )
    others = SailPointAccountAggregationOperator.partial(task_id="others", deferrable=True).expand(
        source_name=["Directory", "Mainframe"]
    )
    hr >> others
    report(others.output)


mapped_in_taskflow()
