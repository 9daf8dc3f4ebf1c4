"""Follow one account aggregation with SailPoint's Python SDK 1.4, and print what the SDK read as JSON.

Arguments: API version, CSV. The ``SAIL_`` environment variables name the tenant. The script has its own
virtual environment, because SDK 1.4 and the current SDK cannot be installed together.
"""

import json
import sys
import time
from importlib import import_module
from typing import Any

from sailpoint.configuration import Configuration


def main(api_version: str, csv: str) -> None:
    configuration = Configuration()
    configuration.experimental = True
    configuration.suppress_experimental_warnings = True
    api = import_module(f"sailpoint.{api_version}")
    client = api.ApiClient(configuration)
    sources, tasks = api.SourcesApi(client), api.TaskManagementApi(client)
    aggregations = api.AccountAggregationsApi(client)

    found = sources.list_sources(filters='name eq "Contractors Delimited File"')
    source_id = found[0].id
    started = sources.import_accounts(
        source_id, file=("accounts.csv", csv.encode()), disable_optimization="false"
    )

    statuses = []
    while True:
        statuses.append(aggregations.get_account_aggregation_status(started.task.id))
        record = tasks.get_task_status(started.task.id)
        if record.completion_status is not None:
            break
        time.sleep(0.02)
    statuses.append(aggregations.get_account_aggregation_status(started.task.id))
    filters = f'sourceId eq "{source_id}" and completionStatus eq "SUCCESS"'
    listed = tasks.get_task_status_list(filters=filters, sorters="-created")
    read = {"found": found, "started": started, "statuses": statuses, "record": record, "listed": listed}
    print(json.dumps(read, default=_fields))


def _fields(model: Any) -> dict[str, Any]:
    """Return all fields of a model; its own ``to_dict`` omits those that only ISC sets, such as the ID."""
    return dict(model.model_dump(mode="json", by_alias=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
