"""Load the CSVs that are dropped in a bucket, each into the source that its name says.

An object store shows an object only when it is whole, so each new object is a complete drop. Taken, loaded
and refused files stay in the bucket, below the same prefix. The patterns map file names to sources; a file
that fits none stays where it is, and the log says so.

The URL names the Airflow connection with the store's credentials: ``s3://connection@bucket/prefix``.
``gs://``, ``abfs://`` and every other store that fsspec knows work too. Install the store's file system
beside the provider, such as ``apache-airflow-providers-amazon[s3fs]``. The URL is
``SAILPOINT_EXAMPLE_STORE_URL``; the tenant's connection is ``sailpoint_default``.
"""

from __future__ import annotations

import os

from airflow.sdk import DAG

from sailpoint_provider.assets.drops import SailPointDropFolder
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator

URL = os.environ.get("SAILPOINT_EXAMPLE_STORE_URL", "s3://aws_default@hr-feeds/accounts")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))

folder = SailPointDropFolder(
    URL,
    sources={
        "hr-*": "HR Delimited File",
        "contractors-*": "Contractors Delimited File",
    },
    complete="renamed",
)

with DAG(
    dag_id="example_sailpoint_object_store_drop",
    schedule=[folder.asset()],
    max_active_runs=1,
    doc_md=__doc__,
    tags=["sailpoint"],
):
    SailPointAccountAggregationOperator.partial(
        task_id="load",
        map_index_template="{{ task.drop.name }}",
        deferrable=True,
        poll_interval=POLL_INTERVAL,
    ).expand(drop=folder.take())
