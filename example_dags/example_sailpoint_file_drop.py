"""Load each CSV that is dropped in a folder: checked, loaded once, and filed away.

A complete file starts a run. The run takes the file, checks it and loads it into the source, and files it
under ``loaded``. A file that would delete too many accounts fails the task instead: nothing is sent, and the
file is filed under ``refused`` with its report beside it. A file that was loaded before is filed under
``duplicate``.

The DAG needs the Airflow connection ``sailpoint_default`` for the tenant. Write each file under a temporary
name, such as ``.accounts.csv.part``, and rename it to ``….csv`` when it is complete. If your writer cannot
rename, choose another value of ``complete``. The folder is ``SAILPOINT_EXAMPLE_DROP_FOLDER``.
"""

from __future__ import annotations

import os

from airflow.sdk import DAG

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

FOLDER = os.environ.get("SAILPOINT_EXAMPLE_DROP_FOLDER", "/data/hr")
SOURCE_NAME = os.environ.get("SAILPOINT_EXAMPLE_FILE_SOURCE", "HR Delimited File")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))

folder = SailPointDropFolder(FOLDER, source_name=SOURCE_NAME, complete="renamed")

with DAG(
    dag_id="example_sailpoint_file_drop",
    schedule=[folder.asset()],
    max_active_runs=1,
    doc_md=__doc__,
    tags=["sailpoint"],
):
    SailPointAccountAggregationOperator.partial(
        task_id="load",
        deferrable=True,
        poll_interval=POLL_INTERVAL,
    ).expand(drop=folder.take())
