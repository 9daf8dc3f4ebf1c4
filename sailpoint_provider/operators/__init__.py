"""Operators; each module is imported at the first use of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.airflow_version import require_airflow
from sailpoint_provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
    from sailpoint_provider.operators.drops import SailPointTakeDropsOperator
    from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
    from sailpoint_provider.operators.file_check import SailPointFileCheckOperator
    from sailpoint_provider.operators.identity_refresh import SailPointIdentityRefreshOperator
    from sailpoint_provider.operators.source_check import SailPointSourceCheckOperator
    from sailpoint_provider.operators.uncorrelated import SailPointUncorrelatedAccountsOperator

require_airflow()

__all__ = [
    "SailPointAccountAggregationOperator",
    "SailPointEntitlementAggregationOperator",
    "SailPointFileCheckOperator",
    "SailPointIdentityRefreshOperator",
    "SailPointSourceCheckOperator",
    "SailPointTakeDropsOperator",
    "SailPointUncorrelatedAccountsOperator",
]

__getattr__ = lazy_names(
    __name__,
    {
        "SailPointAccountAggregationOperator": "aggregation",
        "SailPointTakeDropsOperator": "drops",
        "SailPointEntitlementAggregationOperator": "entitlements",
        "SailPointFileCheckOperator": "file_check",
        "SailPointIdentityRefreshOperator": "identity_refresh",
        "SailPointSourceCheckOperator": "source_check",
        "SailPointUncorrelatedAccountsOperator": "uncorrelated",
    },
)
