"""Operators; each module is imported at the first use of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sailpoint_provider.airflow_version import require_airflow
from sailpoint_provider.lazy_names import lazy_names

if TYPE_CHECKING:
    from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
    from sailpoint_provider.operators.drops import SailPointTakeDropsOperator
    from sailpoint_provider.operators.file_check import SailPointFileCheckOperator

require_airflow()

__all__ = ["SailPointAccountAggregationOperator", "SailPointFileCheckOperator", "SailPointTakeDropsOperator"]

__getattr__ = lazy_names(
    __name__,
    {
        "SailPointAccountAggregationOperator": "aggregation",
        "SailPointTakeDropsOperator": "drops",
        "SailPointFileCheckOperator": "file_check",
    },
)
