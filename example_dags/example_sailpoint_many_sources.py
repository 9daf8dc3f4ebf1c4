"""Load the files of many sources side by side, in the layout of SailPoint's File Upload Utility.

The name of each file begins with the ID of its source: ``2c91…2a-anything.csv``, in the folder or below it. A
run takes the oldest file of each source. A bad file fails its own task only, and files of one source are
loaded in the order in which they came, also across runs. The summary lists each file with its end, and fails
the run if a file was not loaded.

A pool limits how many sources are loaded at once. Create it with ``--include-deferred``; otherwise a deferred
task frees its slot, and all are loaded at once::

    airflow pools set --include-deferred sailpoint 4 "Concurrent loads"

Then name it in the environment: ``SAILPOINT_EXAMPLE_POOL=sailpoint``. The folder is
``SAILPOINT_EXAMPLE_UPLOAD_FOLDER``; the tenant's connection is ``sailpoint_default``.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

FOLDER = os.environ.get("SAILPOINT_EXAMPLE_UPLOAD_FOLDER", "/data/uploads")
POOL = os.environ.get("SAILPOINT_EXAMPLE_POOL", "default_pool")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))

log = logging.getLogger(__name__)
folder = SailPointDropFolder(FOLDER, source_id_in_name=True, recursive=True, complete="renamed")


@task(trigger_rule="all_done")
def summary(drops: list[dict[str, Any]] | None) -> None:
    """Log the end of each file, and fail if one was refused or failed."""
    not_loaded = 0
    for drop in drops or []:
        decision = folder.decision(drop)
        log.info(
            "%s: %s", drop["name"], decision.sentence if decision else "failed; a later run tries it again"
        )
        not_loaded += decision is None or decision.outcome == "refused"
    if not_loaded:
        raise AirflowFailException(f"{not_loaded} of {len(drops or [])} files were not loaded.")


with DAG(
    dag_id="example_sailpoint_many_sources",
    schedule=[folder.asset()],
    doc_md=__doc__,
    tags=["sailpoint"],
):
    drops = folder.take()
    load = SailPointAccountAggregationOperator.partial(
        task_id="load",
        map_index_template="{{ task.drop.name }}",
        deferrable=True,
        poll_interval=POLL_INTERVAL,
        pool=POOL,
    ).expand(drop=drops)
    load >> summary(drops)
