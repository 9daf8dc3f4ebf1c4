"""The DAGs whose loads the page shows: a long history, what happens at the moment, and a load that ends."""

from __future__ import annotations

import os

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, chain

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

SOURCES = ("Active Directory", 'Payroll & "Benefits" <EU>', "Workday")
LOADS = 34
"""Loads of each source; the page shows the last thirty."""

ENDING = "Departments"
"""The source of a load that a test starts and ends."""

QUESTION = "Load tuesday.csv, although it would delete 334 accounts?"
FILES = ("wrong-header.csv", "hr.csv")
"""The first is refused, the second is loaded."""

FOLDER = os.environ.get("PAGE_FILES", "/data")

with DAG("page_history", schedule=None, is_paused_upon_creation=False):
    for number, source_name in enumerate(SOURCES):
        chain(
            *(
                SailPointAccountAggregationOperator(
                    task_id=f"load_{number}_{load:02}",
                    source_name=source_name,
                    poll_interval=0.3,
                    trigger_rule="all_done",
                )
                for load in range(LOADS)
            )
        )

with DAG("page_now", schedule=None, is_paused_upon_creation=False):
    SailPointAccountAggregationOperator(
        task_id="long", source_name=SOURCES[0], deferrable=True, poll_interval=3.0
    )
    SailPointAccountAggregationOperator.partial(
        task_id="files", source_name="HR Delimited File", check=True, poll_interval=0.3
    ).expand(file=[f"{FOLDER}/{name}" for name in FILES])
    ApprovalOperator(task_id="ask", subject=QUESTION, body="The check refuses the file.")

with DAG("page_ending", schedule=None, is_paused_upon_creation=False):
    SailPointAccountAggregationOperator(
        task_id="load", source_name=ENDING, deferrable=True, poll_interval=3.0
    )
