"""Let a person decide about a file that the check refuses: refused, approved in Airflow, loaded.

A complete file in the folder starts a run, which takes the file and checks it. A file that passes is loaded,
and nobody is asked. A file that would delete too many accounts waits under *Required Actions* with its
report: nothing is sent until a person chooses *Approve*. *Reject*, or three days without an answer, files it
under ``refused`` with its report. Newer files of the source wait meanwhile, so that no file overtakes an
older one.

The approval holds for exactly the bytes that were checked, only until another file of the source is loaded,
and for no more deletions than were shown. A broken file, such as one with a wrong header, cannot be approved;
the load refuses it at once.

Give each source a folder and a DAG of its own. Do not put these tasks into a mapped task group: Airflow 3.3.2
does not skip tasks there, so a file would be loaded although a person rejected it.

Before Airflow 3.1, no task can ask a person. There, copy ``approval`` from the report in ``refused`` to the
Airflow Variable ``sailpoint_approved``, and put the file back into the folder.

The DAG needs the Airflow connection ``sailpoint_default`` for the tenant. Write each file under a temporary
name, such as ``.accounts.csv.part``, and rename it to ``….csv`` when it is complete. The folder is
``SAILPOINT_EXAMPLE_APPROVAL_FOLDER``; no other DAG may watch it.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException
from airflow.sdk import DAG, get_current_context, task

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.file_check import SailPointFileCheckOperator

try:
    from airflow.providers.standard.operators.hitl import HITLBranchOperator
except (ImportError, AirflowOptionalProviderFeatureException):  # Airflow 3.0
    HITLBranchOperator = None

FOLDER = os.environ.get("SAILPOINT_EXAMPLE_APPROVAL_FOLDER", "/data/hr-approval")
SOURCE_NAME = os.environ.get("SAILPOINT_EXAMPLE_APPROVAL_SOURCE", "HR Delimited File")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))
WAIT = {"deferrable": True, "poll_interval": POLL_INTERVAL}

folder = SailPointDropFolder(FOLDER, source_name=SOURCE_NAME, complete="renamed")


@task
def take() -> dict[str, Any]:
    """Take the file of this run; the folder has one source, so it is a single one."""
    (drop,) = folder.drops(get_current_context())
    return drop


@task
def reject(drop: dict[str, Any], report: dict[str, Any]) -> str:
    """File the drop as refused, so that the next file of the source gets its turn."""
    return folder.refuse(drop, "Nobody approved this file.", report=report)


def load_or_ask(drop: Any) -> None:
    """Load a file that passes the check, and ask a person about one that does not."""
    check = SailPointFileCheckOperator(task_id="check", drop=drop, fail_if_refused=False)
    load = SailPointAccountAggregationOperator(task_id="load", drop=drop, **WAIT)
    # Only this task has the approval, and only a person's answer leads to it.
    load_approved = SailPointAccountAggregationOperator(
        task_id="load_approved", drop=drop, approved=check.output["approval"], **WAIT
    )
    rejected = reject(drop, check.output)
    approve = HITLBranchOperator(
        task_id="approve",
        subject=check.output["sentence"],
        body=check.output["markdown"],
        options=["Approve", "Reject"],
        options_mapping={"Approve": load_approved.task_id, "Reject": rejected.operator.task_id},
        defaults="Reject",
        response_timeout=timedelta(days=3),
    )

    @task.branch
    def needs_a_person(report: dict[str, Any]) -> str:
        """Ask a person only if the file is refused, and if a person can approve it."""
        return approve.task_id if report["needs_approval"] else load.task_id

    needs_a_person(check.output) >> [load, approve]
    approve >> [load_approved, rejected]


with DAG(
    dag_id="example_sailpoint_file_approval",
    schedule=[folder.asset()],
    max_active_runs=1,
    doc_md=__doc__,
    tags=["sailpoint"],
):
    if HITLBranchOperator is not None:
        load_or_ask(take())
    else:
        approved = "{{ var.value.get('sailpoint_approved', '') }}"
        SailPointAccountAggregationOperator(task_id="load", drop=take(), approved=approved, **WAIT)
