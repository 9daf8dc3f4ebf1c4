"""Check a source, load its accounts and then its entitlements, and refresh identities.

Each step begins only after the one before has really ended in Identity Security Cloud. The first task stops
the run before anything is loaded if Identity Security Cloud cannot log in to the source.

Identity Security Cloud refreshes identities by itself after an aggregation, and twice a day. Name identities
here only if they cannot wait; the default is two IDs that the simulated tenant accepts.

The DAG has no schedule: trigger it, or set ``schedule``.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from airflow.sdk import Param, dag, task

from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.identity_refresh import SailPointIdentityRefreshOperator
from sailpoint_provider.operators.source_check import SailPointSourceCheckOperator

SOURCE_NAME = os.environ.get("SAILPOINT_EXAMPLE_DIRECT_SOURCE", "Directory")
IDENTITIES = os.environ.get("SAILPOINT_EXAMPLE_IDENTITIES", f"{1:032x},{2:032x}").split(",")
POLL_INTERVAL = float(os.environ.get("SAILPOINT_EXAMPLE_POLL_INTERVAL", "10"))

log = logging.getLogger(__name__)


@dag(
    schedule=None,
    max_active_runs=1,
    params={
        "source_name": Param(SOURCE_NAME, type="string", description="The direct source to load"),
        "identity_ids": Param(IDENTITIES, type="array", description="The identities to refresh afterwards"),
    },
    render_template_as_native_obj=True,
    doc_md=__doc__,
    tags=["sailpoint"],
)
def example_sailpoint_accounts_entitlements_refresh() -> None:
    """Check, load accounts, load entitlements, refresh, and use the results."""
    check = SailPointSourceCheckOperator(task_id="check", source_names=["{{ params.source_name }}"])

    accounts = SailPointAccountAggregationOperator(
        task_id="accounts",
        source_name="{{ params.source_name }}",
        deferrable=True,
        poll_interval=POLL_INTERVAL,
    )

    entitlements = SailPointEntitlementAggregationOperator(
        task_id="entitlements",
        source_name="{{ params.source_name }}",
        deferrable=True,
        poll_interval=POLL_INTERVAL,
    )

    refresh = SailPointIdentityRefreshOperator(
        task_id="refresh",
        identity_ids="{{ params.identity_ids }}",
        deferrable=True,
        poll_interval=POLL_INTERVAL,
    )

    @task
    def use_results(
        loaded_accounts: dict[str, Any], loaded_entitlements: dict[str, Any], refreshed: dict[str, Any]
    ) -> None:
        """Log what the loads did."""
        log.info(
            "%s accounts and %s entitlements scanned, %s identities refreshed.",
            loaded_accounts["accounts"]["scanned"],
            loaded_entitlements["entitlements"]["scanned"],
            refreshed["identities"],
        )

    check >> accounts >> entitlements >> refresh
    use_results(accounts.output, entitlements.output, refresh.output)


example_sailpoint_accounts_entitlements_refresh()
